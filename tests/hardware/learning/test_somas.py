"""The compiled soma of a learning chip equals the emulator's readable steps."""

from __future__ import annotations

import numba
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from hardware import chip
from hardware.emulator_step import decay, fire, saturate_voltage, wrap_current
from hardware.learning import somas

TOP = chip.MAX_STATE
states = st.integers(1 - TOP, TOP - 1)
losses = st.integers(0, chip.MAX_DECAY)


@numba.njit
def advance(u, v, arriving, keep_u, keep_v, threshold):
    return somas.advance(u, v, arriving, keep_u, keep_v, threshold)


@given(states, states, st.integers(-TOP // 2, TOP // 2), losses, losses, st.integers(1, 4000))
@example(u=TOP - 1, v=0, arriving=TOP // 2, du=0, dv=0, vth=100)  # the current wraps
@example(u=1 - TOP, v=0, arriving=-TOP // 2, du=0, dv=0, vth=100)
@example(u=TOP // 2, v=TOP - 1, arriving=0, du=0, dv=0, vth=100)  # the voltage saturates
def test_a_step_equals_decay_wrap_saturate_and_fire(u, v, arriving, du, dv, vth):
    keeps = chip.DECAY_UNITY - du, chip.DECAY_UNITY - dv
    current, voltage, spike, wrapped = advance(u, v, arriving, *keeps, vth << chip.INPUT_SHIFT)
    unwrapped = decay(np.array([u]), du) + arriving
    expected_u = wrap_current(unwrapped)
    expected_v = saturate_voltage(decay(np.array([v]), dv) + expected_u)
    assert (current, voltage) == (expected_u[0], expected_v[0])
    assert spike == fire(expected_v, vth)[0] and wrapped == (expected_u[0] != unwrapped[0])
