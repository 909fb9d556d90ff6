"""The suite `speech`: each method learns, what is frozen stays, and the rows differ."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from benchmarks.measurements import speech
from biograd.data import datasets
from biograd.data.sound.series import SeriesSet


def steps_up_or_down(root, split, progress) -> SeriesSet:
    """Forty series of two channels, of 6 to 9 steps: the first rises, or the second does."""
    draws = torch.Generator().manual_seed(int(split == "test"))
    lengths, y = torch.arange(40) % 4 + 6, torch.arange(40) % 2
    parts = []
    for length, label in zip(lengths.tolist(), y.tolist(), strict=True):
        x = 0.1 * torch.randn(length, 2, generator=draws)
        x[:, label] += torch.linspace(-2, 2, length)
        parts.append(x)
    return SeriesSet(values=torch.cat(parts), lengths=lengths, y=y, classes=2, split=split)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(datasets.DATASETS, "fsdd", steps_up_or_down)
    sleep = dataclasses.replace(speech.SPEECH.sleep, first_night=20, steps=500)
    return dataclasses.replace(
        speech.SPEECH, hidden=(24,), epochs=16, batch=8, lr=1e-2, sleep=sleep
    )


@pytest.mark.parametrize("method", speech.METHODS)
def test_each_method_learns_and_reports_its_answers_in_time(small, method: str) -> None:
    (results,) = speech.measure(small, method, seed=0)
    assert results["test_accuracy"] >= (0.7 if method == "readout alone" else 0.9)
    if method != "linear":
        assert results["method"] == method and len(results["anytime_accuracy"]) == 9
        assert results["anytime_accuracy"][-1] == pytest.approx(results["test_accuracy"])


def test_the_deployed_network_answers_as_before_rounding(small) -> None:
    with pytest.warns(UserWarning, match="layered feedback is left out"):
        results = next(speech.measure(small, "deployed", seed=0))
    assert results["float_test_accuracy"] >= 0.9 and abs(results["lost_points"]) <= 5
    low, high = results["joules_per_series"]
    assert 0 < low < high and results["samples"] == 40


def test_a_frozen_layer_learns_nothing() -> None:
    update = speech.Frozen().over_time(torch.ones(5, 2, 3), torch.ones(5, 2, 4))
    assert update.dw.shape == (3, 4) and not update.dw.any() and not update.db.any()


def test_the_preset_comes_first_for_every_seed_and_linear_once() -> None:
    rows = speech.rows()
    digits = [(method, seed) for config, method, seed in rows if config.dataset == "fsdd"]
    assert digits[:3] == [("sleep", 0), ("sleep", 1), ("sleep", 2)]
    assert [row for row in digits if row[0] == "linear"] == [("linear", 0)]
    assert len(set(digits)) == len(digits) == 17
