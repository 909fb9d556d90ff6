"""Real numbers as a task: targets are what was done to the inputs, and samples are drawn apart."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from benchmarks.measurements import regression
from benchmarks.measurements.regression import (
    METHODS,
    TASKS,
    RegressionParams,
    described,
    measure,
    samples,
)

TINY = RegressionParams(
    task="friedman", train=60, test=40, hidden=(20,), neurons=2, steps=8, epochs=1, batch=20
)


@pytest.fixture
def few_digits(digits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "load", lambda name, split: digits(split))


def test_a_bar_is_turned_clockwise_by_its_target_angle() -> None:
    bar = torch.zeros(40, 29, 29, dtype=torch.uint8)
    bar[:, 2:15, 14] = 255  # from the middle upwards
    turned, angle = regression._turned(bar, 80.0, torch.Generator().manual_seed(0))
    rows, columns = torch.meshgrid(torch.arange(29.0) - 14, torch.arange(29.0) - 14, indexing="ij")
    mass = turned.double()
    right, up = (mass * columns).sum((1, 2)), -(mass * rows).sum((1, 2))
    measured = torch.rad2deg(torch.atan2(right, up))
    assert (measured - angle[:, 0]).abs().max() < 1.5 and angle.min() < -60 and angle.max() > 60


def test_samples_are_drawn_apart_and_within_the_readouts_range(few_digits: None) -> None:
    for p in (
        dataclasses.replace(TASKS[0], train=300, test=200),
        dataclasses.replace(TASKS[1], train=300, test=200),
    ):
        train, test, readout = samples(p, seed=0)
        again, _, _ = samples(p, seed=0)
        other, _, _ = samples(p, seed=1)
        assert torch.equal(train.y, again.y)
        assert not torch.equal(train.y, other.y)
        assert not torch.equal(train.y[:200], test.y)
        for part in (train, test):
            readout.check(part.y, p.neurons)
            assert part.y.std() > 0.25 * (readout.high - readout.low).item() / 2


def test_friedmans_function_is_his() -> None:
    x, y = regression._friedman(20_000, torch.Generator().manual_seed(0))
    assert x.shape == (20_000, 20) and torch.allclose(x[:, :10] + x[:, 10:], torch.ones(1))
    clean = (
        10 * torch.sin(torch.pi * x[:, 0] * x[:, 1])
        + 20 * (x[:, 2] - 0.5) ** 2
        + 10 * x[:, 3]
        + 5 * x[:, 4]
    )
    assert (y[:, 0] - clean).std().item() == pytest.approx(1, abs=0.02)
    assert y.mean().item() == pytest.approx(14.4, abs=0.2)


@pytest.mark.parametrize("method", METHODS)
def test_a_row_says_what_it_is(method: str) -> None:
    (row,) = measure(TINY, method, 0)
    assert row["method"] == method and row["task"] == "friedman"
    assert row["rmse"] > 0 and row["r2"] < 1
    assert described(TINY, method)["hidden"] == [20]


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"task": "size"}, "known: angle, friedman"), ({"reach": 0}, "more than 0 degrees")],
)
def test_parameters_out_of_range_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RegressionParams(**changes)
