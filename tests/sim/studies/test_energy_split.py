"""Joules per bit against the inputs per spike, and where they are least."""

from __future__ import annotations

import pytest

from biograd.studies.energy_split import best_inputs, joules_per_bit


@pytest.mark.parametrize("fixed", [0.01, 1.0, 30.0, 17_000.0])
def test_a_bit_costs_least_at_the_best_number_of_inputs(fixed: float) -> None:
    best = best_inputs(fixed=fixed, synapse=1.0)
    least = joules_per_bit(best, fixed=fixed, synapse=1.0)
    for factor in (0.9, 1.1):
        assert joules_per_bit(factor * best, fixed=fixed, synapse=1.0) > least


def test_the_dearer_a_spike_the_more_inputs_pay() -> None:
    best = [best_inputs(fixed=fixed, synapse=2.0) for fixed in (2.0, 20.0, 200.0)]
    assert best == sorted(best) and best[0] < best[-1] / 10


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_inputs(fixed=0.0, synapse=1.0), "fixed is 0"),
        (lambda: best_inputs(fixed=1.0, synapse=0.0), "synapse is 0"),
        (lambda: joules_per_bit(0, fixed=1.0, synapse=1.0), "inputs is 0"),
    ],
)
def test_costs_of_nothing_are_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
