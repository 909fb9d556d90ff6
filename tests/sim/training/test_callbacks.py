from __future__ import annotations

import sys
import types

import pytest
import torch

from biograd.network import Network
from biograd.training.callbacks import EarlyStopping, TensorBoard
from biograd.training.progress import Progress


def test_early_stopping_stops_after_its_patience_and_keeps_the_best_weights():
    net = Network((3, 2))
    stopping, kept = EarlyStopping(net, patience=2), []
    for epoch, accuracy in enumerate((0.2, 0.6, 0.5, 0.6), start=1):
        kept.append(net.layers[0].w.clone())
        stop = stopping({"epoch": epoch, "test_accuracy": accuracy})
        assert stop == (epoch == 4)  # an equal result is no better one
        net.layers[0].w.add_(1)
    stopping.restore()
    assert torch.equal(net.layers[0].w, kept[1])
    assert (stopping.best, stopping.best_epoch) == (0.6, 2)


@pytest.mark.parametrize(
    ("figure", "values", "best_epoch"),
    [
        ("test_rmse", (5.0, 3.0, 2.0, 1.0), 4),
        ("mean_abs_error", (5.0, 6.0, 7.0), 1),
        ("test_r2", (0.1, 0.5, 0.4), 2),
    ],
)
def test_early_stopping_knows_that_errors_are_better_when_lower(figure, values, best_epoch):
    stopping = EarlyStopping(patience=2, figure=figure)
    stops = [stopping({"epoch": e, figure: v}) for e, v in enumerate(values, start=1)]
    assert (stopping.best, stopping.best_epoch) == (values[best_epoch - 1], best_epoch)
    assert stops == [epoch - best_epoch >= 2 for epoch in range(1, len(values) + 1)]


def test_early_stopping_without_a_figure_or_weights_says_so():
    with pytest.raises(
        ValueError, match="has no 'test_accuracy': early stopping needs a test_set; found epoch"
    ):
        EarlyStopping(patience=1)({"epoch": 1})
    with pytest.raises(ValueError, match="patience is 0"):
        EarlyStopping(patience=0)
    with pytest.raises(ValueError, match="kept no weights"):
        EarlyStopping(patience=1).restore()


def test_tensorboard_that_is_not_installed_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r"pip install 'biograd\[tensorboard\]'"):
        TensorBoard(tmp_path)


class Recorder:
    """A SummaryWriter that keeps its numbers."""

    def __init__(self, folder):
        self.scalars = []

    def add_scalar(self, name, value, step):
        self.scalars.append((name, value, step))

    def flush(self):
        pass


def test_tensorboard_gets_every_figure_and_one_curve_per_layer(monkeypatch, tmp_path):
    monkeypatch.setitem(
        sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=Recorder)
    )
    board = TensorBoard(tmp_path, every=2)
    for batch in (1, 2, 3):
        board.on_batch(Progress(1, batch, 10, 100.0, {"accuracy": 0.5}))
    board(
        {
            "kind": "epoch",
            "epoch": 2,
            "test_accuracy": 0.9,
            "feedback_angle_deg": [10.0, 20.0],
            "gpu_joules": None,
            "faults": {"silent": 3},
        }
    )
    assert board.writer.scalars == [
        ("train/accuracy so far", 0.5, 12),
        ("train/samples per second", 100.0, 12),
        ("epoch/test_accuracy", 0.9, 2),
        ("epoch/feedback_angle_deg/layer 1", 10.0, 2),
        ("epoch/feedback_angle_deg/layer 2", 20.0, 2),
        ("epoch/faults/silent", 3, 2),
    ]


def test_tensorboard_writes_files_that_its_own_reader_reads(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = TensorBoard(tmp_path)
    board({"kind": "epoch", "epoch": 1, "test_accuracy": 0.75})
    board.close()
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    (point,) = events.Scalars("epoch/test_accuracy")
    assert (point.step, point.value) == (1, 0.75)
