"""Listeners of a training run."""

from __future__ import annotations

import sys
import tempfile
import types
from pathlib import Path

import torch
from case import LEGAL, OPEN, SAME, WRONG, Call, Slot, case, fixed
from material import Draw
from scalars import instead, text, thing, whole

import biograd as bg
from biograd.training.progress import Progress

from .feedback import net_slot
from .training import trainer_of


@case("Guard")
def _(draw: Draw) -> Call:
    trainer = trainer_of(draw)
    limits = thing(bg.GuardLimits(every=1), ("a dict", {"every": 1}, WRONG), optional=True)

    def guard(trainer, limits):
        watch = bg.Guard(trainer, limits)
        records = list(trainer.run(on_batch=watch))
        return [str(fault) for fault in watch.new(records[-1])]

    learner = ("its learner", trainer.learner, WRONG)
    return Call(guard, default=OPEN, trainer=thing(trainer, learner), limits=limits)


def record_slot(draw: Draw) -> Slot:
    """The record of an epoch, and what is none."""
    value = {"kind": "epoch", "epoch": 1, "test_accuracy": 0.5, "feedback_angle_deg": [30.0]}
    return instead(
        value,
        ("None", None, WRONG),
        ("a string", "record", WRONG),
        ("an int", 1, WRONG),
        ("a list", [value], WRONG),
        ("empty", {}, WRONG),
        ("without the epoch", {"test_accuracy": 0.5, "feedback_angle_deg": [30.0]}, WRONG),
        ("of a figure None", {**value, "test_accuracy": None}, WRONG),
        ("of a figure as a word", {**value, "test_accuracy": "high"}, WRONG),
        ("of a figure nan", {**value, "test_accuracy": float("nan")}, OPEN),
        ("of an epoch as a word", {**value, "epoch": "first"}, WRONG),
        ("of an epoch None", {**value, "epoch": None}, WRONG),
        ("of a tensor as figure", {**value, "test_accuracy": torch.tensor(0.5)}, OPEN),
    )


@case("Guard.new")
def _(draw: Draw) -> Call:
    watch = bg.Guard(trainer_of(draw))
    slot = record_slot(draw).expecting(OPEN, "None", "of a", "without", "empty", "of an")
    return Call(lambda record: [str(fault) for fault in watch.new(record)], record=slot)


@case("EarlyStopping")
def _(draw: Draw) -> Call:
    net = draw.net()
    record = {"epoch": 1, "test_accuracy": 0.5, "test_rmse": 0.1}

    def listen(net, patience, figure):
        stopping = bg.EarlyStopping(net, patience=patience, figure=figure)
        return [stopping(record | {"epoch": epoch}) for epoch in (1, 2, 3)], stopping.best

    figure = text("test_accuracy").expecting(WRONG, "another", "empty", "None", "an int", "bytes")
    return Call(
        listen,
        net=net_slot(net).expecting(LEGAL, "None").expecting(OPEN, "a layer", "its layers"),
        patience=whole(2).expecting(OPEN, "True"),
        figure=figure.without("300 letters", "two lines"),
    )


@case("EarlyStopping.__call__")
def _(draw: Draw) -> Call:
    stopping = bg.EarlyStopping(patience=2)
    return Call(lambda record: (stopping(record), stopping.best), record=record_slot(draw))


@case("EarlyStopping.restore")
def _(draw: Draw) -> Call:
    def restore(record):
        stopping = bg.EarlyStopping(draw.net(), patience=2)
        if record:
            stopping({"epoch": 1, "test_accuracy": 0.5})
        stopping.restore()
        return stopping.best

    return Call(restore, record=instead(True, ("none yet", False, WRONG)))


class _Writer:
    """Stands for TensorBoard's writer where that package is not installed."""

    def __init__(self, folder: str) -> None:
        self.points: list[tuple[str, float, int]] = []

    def add_scalar(self, name: str, value: float, at: int) -> None:
        self.points.append((name, float(value), int(at)))

    def flush(self) -> None: ...
    def close(self) -> None: ...


def replace_tensorboard() -> None:
    """Let TensorBoard's writer be one that keeps its points."""
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = _Writer  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module


def _progress() -> Progress:
    figures = {"accuracy": 0.5}
    return Progress(epoch=0, batch=4, batches=8, samples_per_second=100.0, figures=figures)


@case("TensorBoard")
def _(draw: Draw) -> Call:
    def board(folder, every):
        made = bg.TensorBoard(folder, every=every)
        made.on_batch(_progress())
        made({"epoch": 1, "test_accuracy": 0.5})
        return made.writer.points

    folder = Path(tempfile.gettempdir()) / "board"
    place = instead(
        folder,
        ("as a string", str(folder), SAME),
        ("None", None, WRONG),
        ("an int", 3, OPEN),
        ("a list", [folder], OPEN),
    )
    return Call(board, folder=place, every=whole(2))


@case("TensorBoard.__call__")
def _(draw: Draw) -> Call:
    board = bg.TensorBoard("board")
    slot = record_slot(draw).expecting(OPEN, "of a figure")
    return Call(lambda record: (board(record), board.writer.points), record=slot)


@case("TensorBoard.on_batch", most=4)
def _(draw: Draw) -> Call:
    board = bg.TensorBoard("board", every=1)
    progress = _progress()
    return Call(lambda p: (board.on_batch(p), board.writer.points), p=fixed(progress))


@case("Guard.__call__", most=4)
def _(draw: Draw) -> Call:
    watch = bg.Guard(trainer_of(draw))
    progress = _progress()
    return Call(watch, progress=fixed(progress))
