"""Traces of each synapse's own, as computed by hand and as those of `Eligibility`."""

from __future__ import annotations

import torch

from biograd.learning.per_synapse import SynapseEligibility
from biograd.neurons import Decays
from biograd.rules import Eligibility, Rule
from biograd.traces import TraceParams


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_trace_of_an_adaptive_threshold_is_as_computed_by_hand() -> None:
    # one synapse, a spike before it in the first of three steps; no memory of the current, half of
    # the voltage and of the rise kept; slopes 1, 1, 1/2; the third factor is 1: g = psi
    # z 1, 1/2, 1/4;  h 0, 1/4 (1 - 0), 1/2 1/4 + 1/4 (1/2 - 1/4) = 3/16
    # e 1, 1/4, 1/2 (1/4 - 3/16) = 1/32
    rule = SynapseEligibility(Decays((0.0,), (0.5,)), alpha_h=0.5, rise=0.25)
    trains = torch.tensor([[1.0, 0, 0], [1, 1, 0.5]], dtype=torch.float64)
    s, psi = trains.view(2, 3, 1, 1)
    state, seen = rule.start(psi[0], s[0]), [0.0]
    for t in range(3):
        state = rule.step(state, psi[t], s[t], psi[t])
        seen.append(state.dw.item())
    assert seen == [0.0, 1.0, 1.25, 1.25 + 1 / 32]
    assert rule.over_time(psi, s, psi).dw.item() == (1.25 + 1 / 32) / 3


def test_neurons_that_differ_keep_traces_as_computed_by_hand() -> None:
    rule = SynapseEligibility(Decays((0.0, 0.5), (0.5, 1.0)))
    s = torch.tensor([1.0, 0, 0], dtype=torch.float64).view(3, 1, 1)
    g = torch.tensor([[0.0, 0], [0, 0], [1, 1]], dtype=torch.float64)
    state = rule.start(g[:1], s[0])
    for t in range(3):
        state = rule.step(state, g[t : t + 1], s[t])
    assert state.dw.flatten().tolist() == [0.25, 1.75]  # 1/4; 1 + 1/2 + 1/4
    assert state.db.tolist() == [1.75, 4.25]  # of ones: 1, 3/2, 7/4; 1, 5/2, 17/4
    assert rule.over_time(g.view(3, 1, 2), s).db.tolist() == [1.75 / 3, 4.25 / 3]


def test_alike_and_without_a_rise_it_is_eligibility() -> None:
    g, s = torch.randn(9, 3, 4, generator=seeded(0)), torch.rand(9, 3, 5, generator=seeded(1))
    rule = SynapseEligibility(Decays((0.5,), (0.75,)))
    plain = Eligibility(TraceParams(alpha_x=0.5, alpha_z=0.75))
    torch.testing.assert_close(rule.over_time(g, s), plain.over_time(g, s))
    torch.testing.assert_close(Rule.over_time(rule, g, s), plain.over_time(g, s))
