"""The compiled soma equals the pure step, to the bit."""

from __future__ import annotations

import numba
import torch
from hypothesis import given
from hypothesis import strategies as st

from biograd.kernels import lif
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams, soma_step

single = st.floats(-4, 4, width=32)
kept = st.floats(0, 0.99)


@numba.njit("Tuple((f4, f4, b1))(f4, f4, f4, f4, f4)")
def advance(u, v, current, alpha_u, alpha_v):
    return lif.advance(u, v, current, alpha_u, alpha_v)


def test_a_step_by_hand() -> None:
    # u = 0.5 * 0.2 + 0.75 = 0.85, v = 0.5 * 0.4 + 0.85 = 1.05: above the threshold of 1
    u, v, spike = advance(0.2, 0.4, 0.75, 0.5, 0.5)
    assert abs(u - 0.85) < 1e-6 and abs(v - 1.05) < 1e-6 and spike


@given(st.lists(single, min_size=1, max_size=8), kept, kept)
def test_steps_equal_the_pure_ones(currents: list[float], alpha_u: float, alpha_v: float) -> None:
    p = TwoCompartmentParams(alpha_u=alpha_u, alpha_v=alpha_v)
    state = TwoCompartmentLIF(p).rest(torch.zeros(1, 1))
    u = v = 0.0
    for current in currents:
        state = soma_step(state, torch.tensor([[current]]), p)
        u, voltage, spike = advance(u, v, current, alpha_u, alpha_v)
        v = 0.0 if spike else voltage
        assert (u, voltage, spike) == (state.u.item(), state.v.item(), bool(state.s.item()))
