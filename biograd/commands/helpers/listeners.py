"""Listeners of a training run in its folder: early stopping, the best checkpoint, TensorBoard."""

from __future__ import annotations

from typing import Any

from ...files import atomic_write
from ...runs import records
from ...runs.checkpoint import RunFolder, load_weights
from ...runs.experiment import Experiment
from ...training.callbacks import EarlyStopping, TensorBoard
from ...training.trainer import Progress


class Listeners:
    """The listeners that a run asks for; a resumed run finds its best epoch in its records.

    `best.safetensors` is the checkpoint of the best epoch so far; it becomes the run's checkpoint
    at the end.
    """

    def __init__(self, folder: RunFolder, experiment: Experiment, *, tensorboard: bool) -> None:
        self.folder, self.experiment = folder, experiment
        self.best = folder.path / "best.safetensors"
        self.enough = False
        self.board = TensorBoard(folder.path / "tensorboard") if tensorboard else None
        patience = experiment.config.patience
        self.stopping = EarlyStopping(patience=patience) if patience else None
        if self.stopping:
            for record in records.read(folder.records):
                if record["kind"] == "epoch":
                    self.enough = self.stopping(record)

    def batch(self, p: Progress) -> None:
        """Pass on a batch's progress."""
        if self.board:
            self.board.on_batch(p)

    def epoch(self, record: dict[str, Any]) -> bool:  # any: JSON
        """Pass on an epoch's record, once its checkpoint is saved; True asks to stop training."""
        if self.board:
            self.board(record)
        if self.stopping:
            self.enough = self.stopping(record)
            if self.stopping.best_epoch == record["epoch"]:
                atomic_write(self.best, self.folder.checkpoint.read_bytes())
        return self.enough

    def finish(self) -> str:
        """Make the best epoch's checkpoint the run's; returns a line that says so, or ""."""
        if self.board:
            self.board.close()
        if not self.stopping or not self.best.is_file():
            return ""
        atomic_write(self.folder.checkpoint, self.best.read_bytes())
        load_weights(self.folder, self.experiment)
        return f"kept epoch {self.stopping.best_epoch}, the best on validation"
