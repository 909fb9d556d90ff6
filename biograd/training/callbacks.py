"""What listens to a training run: early stopping, and TensorBoard. Each is called with the records
that `Trainer.run` yields.

stopping = EarlyStopping(net, patience=3)
board = TensorBoard("runs/mine/tensorboard")
for record in trainer.run(on_batch=board.on_batch):
    board(record)
    if stopping(record):
        break
stopping.restore()
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..network import Network
from .trainer import Progress

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

Record = dict[str, Any]  # any: JSON


class EarlyStopping:
    """Stop a run that gets no better, and keep the best weights.

    Args:
        net: the network whose best weights are kept, or None to keep none.
        patience: epochs without a better result before stopping.
        figure: the record's figure to watch, the higher the better (test_r2 where values are
            learned).

    Example:
        >>> stopping = EarlyStopping(patience=2)
        >>> [stopping({"epoch": e, "test_accuracy": a}) for e, a in enumerate((0.5, 0.7, 0.7, 0.6), start=1)]
        [False, False, False, True]
        >>> stopping.best, stopping.best_epoch
        (0.7, 2)
    """

    def __init__(
        self, net: Network | None = None, *, patience: int, figure: str = "test_accuracy"
    ) -> None:
        if patience < 1:
            raise ValueError(f"patience is {patience}; need at least 1 epoch")
        self.net, self.patience, self.figure = net, patience, figure
        self.best, self.best_epoch = -math.inf, 0
        self.weights: dict[str, torch.Tensor] = {}

    def __call__(self, record: Record) -> bool:
        """Take an epoch's record into account; whether to stop after it."""
        if self.figure not in record:
            raise ValueError(
                f"the record has no {self.figure!r}: early stopping needs a test_set; found"
                f" {', '.join(record)}"
            )
        if record[self.figure] > self.best:
            self.best, self.best_epoch = record[self.figure], record["epoch"]
            if self.net is not None:
                self.weights = {
                    name: value.detach().clone() for name, value in self.net.state_dict().items()
                }
        return record["epoch"] - self.best_epoch >= self.patience

    def restore(self) -> None:
        """Put the best weights back into the network."""
        if self.net is None or not self.weights:
            raise ValueError(
                "early stopping kept no weights: give it the network, and a record first"
            )
        self.net.load_state_dict(self.weights)


class TensorBoard:
    """Write a run's curves for TensorBoard: every figure of the epochs' records, and the training
    accuracy (or error) every few batches.

    Args:
        folder: where the event files go, e.g. RUN/tensorboard; `tensorboard --logdir` shows it.
        every: batches between two points of the training curve.
    Raises: ImportError where the package tensorboard is not installed.

    Example:
        >>> board = TensorBoard("runs/mine/tensorboard")    # doctest: +SKIP
        >>> board({"epoch": 1, "test_accuracy": 0.97})    # doctest: +SKIP
    """

    def __init__(self, folder: str | Path, *, every: int = 50) -> None:
        try:
            # an extra, and heavy: only who asks for it pays
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError(
                "TensorBoard is not installed: pip install 'biograd[tensorboard]'"
            ) from error
        self.every = every
        self.writer: SummaryWriter = SummaryWriter(str(folder))

    def on_batch(self, p: Progress) -> None:
        """Write what the readout tells of the running epoch, e.g. accuracy; for `Trainer.run`, or
        to call from your own `on_batch`.
        """
        done = p.epoch * p.batches + p.batch
        if p.batch % self.every == 0:
            for name, value in p.figures.items():
                self.writer.add_scalar(f"train/{name} so far", value, done)
            self.writer.add_scalar("train/samples per second", p.samples_per_second, done)

    def __call__(self, record: Record) -> None:
        """Write an epoch's figures: one curve a number, of lists one per layer, of dictionaries one
        a key; words are left out.
        """
        for name, value in record.items():
            values = {"": value}
            if isinstance(value, list):
                values = {f"/layer {index}": one for index, one in enumerate(value, start=1)}
            elif isinstance(value, dict):
                values = {f"/{key}": one for key, one in value.items()}
            for part, one in values.items():
                if type(one) in (int, float) and name not in ("epoch", "format"):
                    self.writer.add_scalar(f"epoch/{name}{part}", one, record["epoch"])
        self.writer.flush()

    def close(self) -> None:
        """Write what is left."""
        self.writer.close()
