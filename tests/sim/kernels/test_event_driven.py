"""The event-driven loops equal the pure steps, but for the order of sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float
from torch import Tensor

from biograd.firing import fire, synapses
from biograd.kernels.event_driven import LEARN_ROWS, gate_samples, learn_samples
from biograd.kernels.packed_spikes import PackedSpikes, unsigned
from biograd.kernels.row_sums import padded
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams, apical_scan, soma_scan
from biograd.rules import Eligibility, Factorised, Rule, Update
from biograd.traces import TraceParams

lengths = st.sampled_from([1, 2, 10, 31, 32, 33, 64, 70])
rates = st.sampled_from([0.05, 0.4, 0.8, 1.0])  # at the last two, trains are runs of spikes
seeds = st.integers(0, 2**31)


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spikes(seed: int, *shape: int, rate: float = 0.3) -> torch.Tensor:
    return torch.bernoulli(torch.full(shape, rate), generator=drawn(seed))


def packed(s: torch.Tensor) -> PackedSpikes:
    trains = PackedSpikes.pack(s)
    assert trains is not None
    return trains


def learn(
    before: PackedSpikes,
    err: Float[Tensor, "T B C"],
    w_fb: Float[Tensor, "N C"],
    psi: PackedSpikes,
    p: TwoCompartmentParams,
    trace: TraceParams,
) -> Update:
    """Run the compiled update of `rules.Eligibility` for one layer.

    Args:
        before: presynaptic spikes.
        err: spikes of the error neurons.
        w_fb: feedback weights onto the layer, thresholds.
        psi: the layer's slopes.
    """
    out, width = len(w_fb), padded(len(w_fb))
    padded_fb = torch.nn.functional.pad(w_fb.T, (0, width - out)).contiguous()
    dw, db = torch.empty(before.neurons, width), torch.empty(width)
    scratch = torch.empty(LEARN_ROWS + len(err), width)
    constants = np.float32(p.alpha_a), np.float32(trace.alpha_x), np.float32(trace.alpha_z)
    into = 0, before.batch, dw.numpy(), db.numpy(), scratch.numpy()
    arrays = unsigned(before), err.contiguous().numpy(), padded_fb.numpy(), unsigned(psi)
    learn_samples(*arrays, 0, out, *constants, *into)
    share = 1 / (before.steps * before.batch)
    return Update(dw[:, :out].T.contiguous().mul_(share), db[:out] * share)


def learn_factorised(
    before: PackedSpikes,
    err: Float[Tensor, "T B C"],
    w_fb: Float[Tensor, "N C"],
    psi: PackedSpikes,
    p: TwoCompartmentParams,
) -> Update:
    """Run the compiled update of `rules.Factorised`; arguments as `learn`."""
    g, share = torch.empty(before.batch, len(w_fb)), np.float32(1 / (before.steps * before.batch))
    constants = unsigned(psi), np.float32(p.alpha_a), share, 0, before.batch
    gate_samples(err.contiguous().numpy(), w_fb.T.contiguous().numpy(), *constants, g.numpy())
    return Update(g.T @ (before.counts() / before.steps), g.sum(0))


@settings(deadline=None)
@given(lengths, st.integers(1, 3), st.sampled_from([1, 7, 64, 65]), rates, seeds)
def test_spikes_and_slopes_equal_the_steps_to_the_bit_where_sums_are_exact(
    steps: int, batch: int, neurons: int, rate: float, seed: int
) -> None:
    p = TwoCompartmentParams(alpha_u=0.5, alpha_v=0.75)
    # halves of a few bits: no sum of them is rounded
    w = (torch.randn(neurons, 9, generator=drawn(seed)) * 256).round() / 512
    b = (torch.randn(neurons, generator=drawn(seed + 1)) * 64).round() / 512
    s_in = spikes(seed + 2, steps, batch, 9, rate=rate)
    fired = fire(packed(s_in), synapses(w, b), p)
    s, psi = soma_scan(TwoCompartmentLIF(p), torch.nn.functional.linear(s_in, w, b), compiled=False)
    assert torch.equal(fired.s.dense(), s)
    assert torch.equal(fired.psi.dense(), psi)


@settings(deadline=None)
@given(
    lengths,
    st.sampled_from([1, 5, 65]),
    rates,
    seeds,
    st.sampled_from([0.0, 0.6]),
    st.sampled_from([0.0, 0.75]),
)
@pytest.mark.parametrize("rule", [Eligibility, Factorised])
def test_updates_equal_the_rules_steps(
    rule: type, steps: int, neurons: int, rate: float, seed: int, alpha_a: float, alpha_z: float
) -> None:
    p, trace = TwoCompartmentParams(alpha_a=alpha_a), TraceParams(alpha_x=0.5, alpha_z=alpha_z)
    s_pre, psi = spikes(seed, steps, 3, 6, rate=rate), spikes(seed + 1, steps, 3, neurons, rate=0.5)
    err = torch.randint(-1, 2, (steps, 3, 4), generator=drawn(seed + 2)).float()
    w_fb = torch.randn(neurons, 4, generator=drawn(seed + 3))
    stepped: Rule = Eligibility(trace) if rule is Eligibility else Factorised()
    expected = _stepped(stepped, apical_scan(TwoCompartmentLIF(p), err @ w_fb.T) * psi, s_pre)
    if rule is Eligibility:
        update = learn(packed(s_pre), err, w_fb, packed(psi), p, trace)
    else:
        update = learn_factorised(packed(s_pre), err, w_fb, packed(psi), p)
    torch.testing.assert_close(update.dw, expected.dw, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(update.db, expected.db, rtol=1e-4, atol=1e-5)


def _stepped(rule: Rule, g: torch.Tensor, s_pre: torch.Tensor) -> Update:
    state = rule.start(g[0], s_pre[0])
    for t in range(len(g)):
        state = rule.step(state, g[t], s_pre[t])
    return rule.finish(state, len(g))


def test_a_spike_by_hand() -> None:
    # One input fires at step 1 of 3, the error is 1 at step 2: its trace there is 0.5 + 0.75 =
    # 1.25, so dw = 1.25 / 3.
    s_pre = torch.tensor([0.0, 1.0, 0.0]).view(3, 1, 1)
    err, psi = torch.tensor([0.0, 0.0, 1.0]).view(3, 1, 1), packed(torch.ones(3, 1, 1))
    constants = TwoCompartmentParams(), TraceParams()
    update = learn(packed(s_pre), err, torch.ones(1, 1), psi, *constants)
    assert update.dw.item() == pytest.approx(1.25 / 3)


def test_an_error_teaches_no_spike_that_came_after_it() -> None:
    s_pre, err = torch.zeros(40, 1, 2), torch.zeros(40, 1, 1)
    s_pre[34, 0, 0] = s_pre[35, 0, 1] = err[34] = 1
    psi, constants = packed(torch.ones(40, 1, 1)), (TwoCompartmentParams(), TraceParams())
    update = learn(packed(s_pre), err, torch.ones(1, 1), psi, *constants)
    assert update.dw[0, 0] > 0 and update.dw[0, 1] == 0


def test_a_sample_without_errors_changes_nothing() -> None:
    err = torch.zeros(12, 2, 3)
    err[:, 0] = 1
    s_pre, psi = spikes(0, 12, 2, 5), torch.ones(12, 2, 4)
    w_fb = torch.randn(4, 3, generator=drawn(1))
    p, trace = TwoCompartmentParams(), TraceParams()
    both = learn(packed(s_pre), err, w_fb, packed(psi), p, trace)
    alone = learn(packed(s_pre[:, :1]), err[:, :1], w_fb, packed(psi[:, :1]), p, trace)
    assert torch.equal(both.dw * 2, alone.dw) and torch.equal(both.db * 2, alone.db)
