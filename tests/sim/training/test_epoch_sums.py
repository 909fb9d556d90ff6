"""Sums of an epoch: the same however late they are read."""

from __future__ import annotations

import pytest
import torch

from biograd.training import epoch_sums
from biograd.training.epoch_sums import EpochSums

STEPS = [(3, 0.5, [0.25, 0.1], 4), (0, 0.123, [0.3, 0.7], 4), (1, 0.9, [0.0, 0.2], 2)]


class OnAGpu(torch.Tensor):
    """A number that says it lies on a GPU."""

    @property
    def device(self):  # type: ignore[override]
        return torch.device("cuda")


def add(to: EpochSums, late: bool, steps=STEPS) -> None:
    for hits, error, rates, samples in steps:
        hit = torch.tensor(hits)
        to.add(
            hit.as_subclass(OnAGpu) if late else hit,
            torch.tensor(error),
            torch.tensor(rates),
            samples,
        )


def test_sums_read_late_are_the_same_bits() -> None:
    at_once, late = EpochSums(2), EpochSums(2)
    add(at_once, late=False), add(late, late=True)
    assert len(late._waiting) == 3 and not at_once._waiting
    assert late.correct == at_once.correct == 4
    assert late.error == at_once.error and torch.equal(late.rates, at_once.rates)
    assert at_once.error == sum(
        torch.tensor(error).item() * samples for _, error, _, samples in STEPS
    )


def test_the_accuracy_lags_a_little_and_never_for_long(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr(epoch_sums.time, "monotonic", lambda: now[0])
    late = EpochSums(2)
    add(late, True, STEPS[:1])
    assert late.mean(4) == 0.75  # nothing was read before: it waits
    add(late, True, STEPS[1:2])
    assert late.mean(8) == 0.75 and late._waiting  # of the first four samples
    now[0] += 0.2
    assert late.mean(8) == 3 / 8 and not late._waiting


def test_a_tally_goes_on_where_it_was() -> None:
    whole, half = EpochSums(2), EpochSums(2)
    add(whole, late=True)
    add(half, True, STEPS[:2])
    rest = EpochSums(2)
    rest.restore(half.correct, half.error, half.rates)
    add(rest, True, STEPS[2:])
    assert (rest.correct, rest.error) == (whole.correct, whole.error) and torch.equal(
        rest.rates, whole.rates
    )
    assert rest.mean(10) == pytest.approx(0.4)
    rest.clear(2)
    assert rest.correct == rest.error == 0 and rest.rates.tolist() == [0, 0]
