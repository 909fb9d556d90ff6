"""Sums of an epoch: the same however late they are read."""

from __future__ import annotations

import pytest
import torch

from biograd.training import epoch_sums
from biograd.training.epoch_sums import EpochSums

STEPS = [(3, 0.5, [0.25, 0.1], 4), (0, 0.123, [0.3, 0.7], 4), (1, 0.9, [0.0, 0.2], 2)]


class OnAGpu(torch.Tensor):
    """A number whose device says cuda."""

    @property
    def device(self):  # type: ignore[override]
        return torch.device("cuda")


def add(to: EpochSums, late: bool, steps=STEPS) -> None:
    for correct, error, rates, samples in steps:
        score = torch.tensor(correct)
        score = score.as_subclass(OnAGpu) if late else score
        to.add(score, torch.tensor(error), torch.tensor(rates), samples)


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
    assert late.mean_score() == 0.75  # nothing was read before: it waits
    add(late, True, STEPS[1:2])
    assert late.mean_score() == 0.75 and late._waiting  # of the first four samples
    now[0] += 0.2
    assert late.mean_score() == 3 / 8 and not late._waiting


def test_sums_continue_from_their_state() -> None:
    whole, half = EpochSums(2), EpochSums(2)
    add(whole, late=True)
    add(half, True, STEPS[:2])
    half.seconds, half.night_seconds = 3.0, 1.0
    rest = EpochSums(2)
    rest.load_state_dict(half.state_dict(), half.rates, half.samples)
    add(rest, True, STEPS[2:])
    assert (rest.correct, rest.error) == (whole.correct, whole.error)
    assert torch.equal(rest.rates, whole.rates)
    assert (rest.seconds, rest.night_seconds, rest.samples) == (3.0, 1.0, 10)
    assert rest.mean_score() == pytest.approx(0.4)
    rest.clear()
    assert rest.correct == rest.error == rest.seconds == rest.samples == 0
    assert rest.rates.tolist() == [0, 0]
