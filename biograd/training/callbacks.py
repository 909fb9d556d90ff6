"""Callbacks for the records that `Trainer.run` yields: early stopping, and TensorBoard.

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
import os
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..checks import instance_of, whole_number
from ..network import Network
from .progress import Progress

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

Record = dict[str, Any]  # any: JSON


class EarlyStopping:
    """Stops a run that no longer improves, and keeps the best weights.

    Args:
        net: the network whose best weights are kept, or None to keep none.
        patience: epochs without a better result before stopping.
        figure: key of the record to watch. Accuracies and test_r2 are better when higher, figures
            with "rmse" or "error" in their name when lower.

    Example:
        >>> stopping = EarlyStopping(patience=2)
        >>> accuracies = enumerate((0.5, 0.7, 0.7, 0.6), start=1)
        >>> [stopping({"epoch": epoch, "test_accuracy": a}) for epoch, a in accuracies]
        [False, False, False, True]
        >>> stopping.best, stopping.best_epoch
        (0.7, 2)
    """

    def __init__(
        self, net: Network | None = None, *, patience: int, figure: str = "test_accuracy"
    ) -> None:
        if net is not None:
            instance_of(net, torch.nn.Module, "net", "the network, or None")
        instance_of(figure, str, "figure", "the key of a record, e.g. 'test_accuracy'")
        self.net, self.figure = net, figure
        self.patience = whole_number(patience, "patience", 1, unit="epoch")
        self.lower_is_better = "rmse" in figure or "error" in figure
        self.best, self.best_epoch = math.inf if self.lower_is_better else -math.inf, 0
        self.weights: dict[str, torch.Tensor] = {}

    def __call__(self, record: Record) -> bool:
        """Add an epoch's record; returns whether to stop after it."""
        _check_record(record)
        if self.figure not in record:
            raise ValueError(
                f"the record has no {self.figure!r}: early stopping needs a test_set; found"
                f" {', '.join(record)}"
            )
        value = record[self.figure]
        instance_of(value, Real, f"record[{self.figure!r}]", "a number")
        if value < self.best if self.lower_is_better else value > self.best:
            self.best, self.best_epoch = value, record["epoch"]
            if self.net is not None:
                self.weights = {
                    name: value.detach().clone() for name, value in self.net.state_dict().items()
                }
        return record["epoch"] - self.best_epoch >= self.patience

    def __repr__(self) -> str:
        best = f"best={self.best:g}, best_epoch={self.best_epoch}"
        return f"EarlyStopping(patience={self.patience}, figure={self.figure!r}, {best})"

    def restore(self) -> None:
        """Put the best weights back into the network."""
        if self.net is None or not self.weights:
            raise ValueError(
                "early stopping kept no weights: give it the network, and a record first"
            )
        self.net.load_state_dict(self.weights)


class TensorBoard:
    """Writes the curves of a run for TensorBoard.

    The curves are every number of the epochs' records, and the training accuracy (or error) every
    few batches.

    Args:
        folder: of the event files, e.g. RUN/tensorboard; `tensorboard --logdir` shows it.
        every: batches between two points of the training curve.
    Raises: ImportError where the package tensorboard is not installed.

    Example:
        >>> board = TensorBoard("runs/mine/tensorboard")    # doctest: +SKIP
        >>> board({"epoch": 1, "test_accuracy": 0.97})    # doctest: +SKIP
    """

    def __init__(self, folder: str | Path, *, every: int = 50) -> None:
        try:
            # an extra, and heavy: imported only where it is used
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError(
                "TensorBoard is not installed: pip install 'biograd[tensorboard]'"
            ) from error
        instance_of(folder, (str, os.PathLike), "folder", "a path, e.g. 'runs/mine/tensorboard'")
        self.folder, self.every = folder, whole_number(every, "every", 1)
        self.writer: SummaryWriter = SummaryWriter(str(folder))

    def __repr__(self) -> str:
        return f"TensorBoard({str(self.folder)!r}, every={self.every})"

    def on_batch(self, p: Progress) -> None:
        """Write the figures of the running epoch; pass it to `Trainer.run`, or call it yourself."""
        if p.batch % self.every:
            return
        batches = p.epoch * p.batches + p.batch
        for name, value in p.figures.items():
            self.writer.add_scalar(f"train/{name} so far", value, batches)
        self.writer.add_scalar("train/samples per second", p.samples_per_second, batches)

    def __call__(self, record: Record) -> None:
        """Write the numbers of an epoch, without its text.

        A number is a point of one curve; lists have one curve per layer, dictionaries one per key.
        """
        _check_record(record)
        for name, entry in record.items():
            curves = {"": entry}
            if isinstance(entry, list):
                curves = {f"/layer {index}": value for index, value in enumerate(entry, start=1)}
            elif isinstance(entry, dict):
                curves = {f"/{key}": value for key, value in entry.items()}
            for suffix, value in curves.items():
                if type(value) in (int, float) and name not in ("epoch", "format"):
                    self.writer.add_scalar(f"epoch/{name}{suffix}", value, record["epoch"])
        self.writer.flush()

    def close(self) -> None:
        """Write the remaining events, and close the file."""
        self.writer.close()


def _check_record(record: object) -> None:
    """Raise TypeError or ValueError for anything but the record of an epoch."""
    instance_of(record, dict, "record", "the record of an epoch, a dictionary")
    assert isinstance(record, dict)  # for mypy
    if "epoch" not in record:
        raise ValueError(
            "the record has no 'epoch': pass the records that Trainer.run() yields; found"
            f" {', '.join(map(str, record)) or 'nothing'}"
        )
    whole_number(record["epoch"], "record['epoch']")
