"""Resets and slopes by hand, and their compiled loop against the steps, to the bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biograd.neurons import (
    LeakyReadout,
    TwoCompartmentLIF,
    TwoCompartmentParams,
    soma_scan,
    soma_voltages,
    surrogate_slope,
)
from biograd.params.neuron import RESETS, SURROGATES
from biograd.traces import TraceParams, trace_scan

# alpha_u = 0, alpha_v = 1/2, current 1.5 at every step: exact in binary
BY_HAND = {
    "zero": [1.5, 1.5, 1.5, 1.5],
    "subtract": [1.5, 1.75, 1.875, 1.9375],
    "subtract_late": [1.5, 1.25, 1.125, 1.0625],
    "none": [1.5, 2.25, 2.625, 2.8125],
}


@pytest.mark.parametrize("reset", RESETS)
def test_each_reset_is_as_computed_by_hand(reset: str) -> None:
    p = TwoCompartmentParams(alpha_u=0.0, alpha_v=0.5, reset=reset)
    v = soma_voltages(TwoCompartmentLIF(p), torch.full((4, 1, 1), 1.5))
    assert v.flatten().tolist() == BY_HAND[reset]


def test_a_slope_with_tails_is_one_at_the_threshold_and_half_a_window_away() -> None:
    p = TwoCompartmentParams(surrogate="tails", window=0.5)
    assert surrogate_slope(torch.tensor([1.0, 1.5, 0.5]), p).tolist() == [1.0, 0.5, 0.5]


@given(st.sampled_from(RESETS), st.sampled_from(SURROGATES), st.integers(0, 2**31))
def test_the_compiled_loop_equals_the_steps(reset: str, surrogate: str, seed: int) -> None:
    p = TwoCompartmentParams(reset=reset, surrogate=surrogate, window=0.7, alpha_u=0.3)
    current = 0.4 + torch.randn(9, 3, 5, generator=torch.Generator().manual_seed(seed))
    neuron = TwoCompartmentLIF(p)
    s, psi = soma_scan(neuron, current)
    s_pure, psi_pure = soma_scan(neuron, current, compiled=False)
    assert torch.equal(s, s_pure) and torch.equal(psi.float(), psi_pure)


def test_a_leaky_readout_answers_with_its_voltage_and_never_resets() -> None:
    neuron = LeakyReadout(TwoCompartmentParams(alpha_u=0.0, alpha_v=0.5))
    s, psi = soma_scan(neuron, torch.full((4, 1, 1), 1.5))
    assert s.flatten().tolist() == BY_HAND["none"] and bool((psi == 1).all())


@pytest.mark.parametrize("field", ["reset", "surrogate"])
def test_an_unknown_word_is_named_with_the_known_ones(field: str) -> None:
    with pytest.raises(ValueError, match=f"neuron.{field} is 'hard'.*known: "):
        TwoCompartmentParams(**{field: "hard"})


def test_without_leak_the_soma_integrates_and_its_trace_counts_spikes() -> None:
    p = TwoCompartmentParams(alpha_u=0.0, alpha_v=1.0, reset="subtract")
    v = soma_voltages(TwoCompartmentLIF(p), torch.full((5, 1, 1), 0.375))
    assert v.flatten().tolist() == [0.375, 0.75, 1.125, 0.5, 0.875]
    z = trace_scan(torch.ones(4, 1, 1), TraceParams.like(p))
    assert z.flatten().tolist() == [1, 2, 3, 4]
