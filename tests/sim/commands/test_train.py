"""`biograd train`: a suggested learning rate, early stopping, and a missing optional package.

Runs from a NIR file are in helpers/test_start_weights.py.
"""

from __future__ import annotations

import contextlib
import sys

import pytest
import torch

from biograd.commands.helpers import training_loop
from biograd.runs import records

TRAIN = [
    *("train", "--batch", "50", "--threads", "1", "--quiet", "--json"),
    *("--sleep.first-night", "3", "--sleep.steps", "50"),
]


@pytest.mark.slow
def test_a_learning_rate_is_suggested_and_nothing_is_written(mnist, biograd, tmp_path):
    outcome = biograd(*TRAIN, "--hidden", "30", "--find-lr", "--out", tmp_path / "run")
    assert outcome.code == 0 and not (tmp_path / "run").exists(), outcome.err
    result = outcome.result
    assert 1e-4 < result["suggested_lr"] < 1e-1
    assert len(result["rates"]) == len(result["errors"])
    assert f"--lr {result['suggested_lr']:.2g}" in outcome.err


@pytest.mark.slow
def test_a_run_says_that_it_learns_in_float32_for_want_of_units(
    mnist, biograd, tmp_path, monkeypatch
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    flags = [*TRAIN, "--hidden", "20", "--epochs", "1", "--precision", "bfloat16"]
    outcome = biograd(*flags, "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert "note: precision is 'bfloat16', and torch sees no units for it" in outcome.err
    assert outcome.result["precision"] == "float32"
    assert 'precision = "bfloat16"' in (tmp_path / "run" / "config.toml").read_text()


class StopInThirdEpoch:
    """Ctrl-C in the third epoch of ten batches; it is looked at once per batch and epoch."""

    asked = 0

    def __bool__(self):
        self.asked += 1
        return self.asked > 25


@pytest.mark.slow
def test_a_run_stops_early_keeps_its_best_epoch_and_remembers_it_when_resumed(
    mnist, biograd, tmp_path, monkeypatch
):
    flags = [
        *(*TRAIN, "--hidden", "20", "--validation", "200", "--patience", "2"),
        *("--epochs", "40", "--lr", "0.05", "--schedule", "constant"),
    ]
    whole = biograd(*flags, "--out", tmp_path / "whole")
    epochs = [r for r in records.read(tmp_path / "whole" / "records.jsonl") if r["kind"] == "epoch"]
    accuracies = [r["test_accuracy"] for r in epochs]
    best = accuracies.index(max(accuracies)) + 1
    assert whole.code == 0 and len(epochs) == best + 2 < 40, whole.err
    assert whole.result["test_accuracy"] == max(accuracies)
    assert f"kept epoch {best}" in whole.err and whole.result["measured_on"] == "validation"

    with monkeypatch.context() as patched:
        stopping = contextlib.nullcontext(StopInThirdEpoch())
        patched.setattr(training_loop, "stop_request", lambda: stopping)
        assert biograd(*flags, "--out", tmp_path / "broken").code == 130
    resumed = biograd(*flags, "--out", tmp_path / "broken", "--resume")
    assert resumed.code == 0, resumed.err
    assert resumed.result["test_accuracy"] == whole.result["test_accuracy"]


def test_a_missing_tensorboard_is_reported_before_anything_is_trained(
    mnist, biograd, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    flags = ["--hidden", "20", "--epochs", "1", "--tensorboard", "--out", tmp_path / "run"]
    outcome = biograd(*TRAIN, *flags)
    assert outcome.code == 2 and "pip install 'biograd[tensorboard]'" in outcome.err
    assert outcome.err.count("\n") == 2, outcome.err
