"""Compiled soma of a learning chip's neuron, one step in 64-bit integers, by day and by night.

`neurons.Somas` is the same in plain NumPy; `emulator_loop` is the same without learning, in the
chip's own 32 bits.
"""

from __future__ import annotations

import numba
import numpy as np

from .. import chip
from .streams import Integer

_TOP = chip.MAX_STATE


@numba.njit(inline="always")
def advance(
    u: Integer, v: Integer, arriving: Integer, keep_u: Integer, keep_v: Integer, threshold: Integer
) -> tuple[Integer, Integer, Integer, Integer]:
    """Return u, v before its reset, whether the neuron spikes, and whether its current wrapped.

    Args:
        u, v, arriving, threshold: int64, 1/64 of a weight's unit; v after the reset.
        keep_u, keep_v: int64, kept per step, 1/4096.
    """
    current = _kept(u, keep_u) + arriving
    too_high, too_low = np.int64(current > _TOP), np.int64(current <= -_TOP)
    current += 2 * _TOP * (too_low - too_high)
    voltage = min(max(_kept(v, keep_v) + current, 1 - _TOP), _TOP - 1)
    return current, voltage, voltage > threshold, too_high + too_low


@numba.njit(inline="always")
def _kept(x: Integer, keep: Integer) -> Integer:
    """Return keep/4096 of x, its magnitude rounded down."""
    product = x * keep
    return (product + ((product >> 63) & 4095)) >> 12
