"""The emulator's compiled inner loop: one layer, all steps of some samples, event driven.

`emulator_step.step` is the same in readable calls; a test holds both equal. All arithmetic is 32
bit, as on the chip; numba widens integers unless they are cast, hence the casts.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from . import chip
from .compiled import compiled

_TOP = np.int32(chip.MAX_STATE)
_TWICE = np.int32(2 * chip.MAX_STATE)
_HIGHEST = np.int32(chip.MAX_STATE - 1)
_ALIGN = np.int32(chip.INPUT_SHIFT)


# any, in the signatures below: numba types them at the call
@numba.njit(inline="always")
def _decay(x: Any, keep: Any) -> Any:
    """Return keep / 4096 of x, its magnitude rounded down.

    (|x| keep) >> 12 in two halves, so that 32 bits suffice. x, keep: int32.
    """
    magnitude = np.int32(abs(x))
    high = np.int32(np.int32(magnitude >> 12) * keep)
    low = np.int32(np.int32(np.int32(magnitude & 4095) * keep) >> 12)
    kept = np.int32(high + low)
    return np.int32(-kept) if x < 0 else kept


@numba.njit(inline="always")
def _add_rows(s: Any, w: Any, axons: Any, total: Any) -> None:
    """Add the weights of all axons that spiked to `total`, four rows at a time.

    The sum of four weights fits 16 bits.

    Args:
        s: uint8 [in], spikes. w: int16 [in, out], weight units.
        axons: int64 [in + 1], overwritten: numbers of the axons that spiked.
        total: int32 [out], changed, weight units.
    """
    active = 0
    for j in range(s.size):
        axons[active] = j
        active += s[j]
    i = 0
    while i + 4 <= active:
        first, second = w[axons[i]], w[axons[i + 1]]
        third, fourth = w[axons[i + 2]], w[axons[i + 3]]
        for n in range(total.size):
            four = np.int16(np.int16(first[n] + second[n]) + np.int16(third[n] + fourth[n]))
            total[n] = np.int32(total[n] + np.int32(four))
        i += 4
    while i < active:
        row = w[axons[i]]
        for n in range(total.size):
            total[n] = np.int32(total[n] + np.int32(row[n]))
        i += 1


@numba.njit(inline="always")
def _update(
    total: Any,
    up: Any,
    down: Any,
    keep_u: Any,
    keep_v: Any,
    threshold: Any,
    u: Any,
    v: Any,
    out: Any,
) -> Any:
    """Advance all neurons by one step; return how many currents wrapped and voltages saturated.

    Args:
        total: int32 [out], what arrives, weight units.
        up, down, keep_u, keep_v, threshold: as in `scan_layer`.
        u, v: int32 [out], changed, 1/64 of a weight's unit.
        out: uint8 [out], filled: spikes.
    """
    wrapped, saturated = np.int32(0), np.int32(0)
    for n in range(total.size):
        activation = np.int32(np.int32(np.int32(total[n] << up) >> down) << _ALIGN)
        current = np.int32(_decay(u[n], keep_u) + activation)
        wrapped = np.int32(wrapped + np.int32((current > _TOP) | (current <= -_TOP)))
        current = np.int32(current - _TWICE) if current > _TOP else current
        current = np.int32(current + _TWICE) if current <= -_TOP else current
        voltage = np.int32(_decay(v[n], keep_v) + current)
        saturated = np.int32(saturated + np.int32((voltage >= _TOP) | (voltage <= -_TOP)))
        voltage = _HIGHEST if voltage > _HIGHEST else voltage
        voltage = np.int32(-_HIGHEST) if voltage < -_HIGHEST else voltage
        spike = voltage > threshold
        u[n] = current
        v[n] = np.int32(0) if spike else voltage
        out[n] = np.uint8(spike)
    return wrapped, saturated


@compiled
def scan_layer(
    s: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray,
    up: int,
    down: int,
    keep_u: int,
    keep_v: int,
    threshold: int,
    out: np.ndarray,
    u_kept: np.ndarray,
    v_kept: np.ndarray,
    overflows: np.ndarray,
) -> None:
    """Run one layer from u = v = 0.

    Args:
        s: uint8 [T, B, in], spikes that arrive.
        w: int16 [in, out], a row per axon; bias: int32 [out], sum of the always-on axons; weight
            units.
        up, down: int32, shifts of the sum to the left and to the right, one of them 0.
        keep_u, keep_v: int32, kept per step, 1/4096.
        threshold: int32, 1/64 of a weight's unit, as u and v.
        out: uint8 [T, B, out], filled with the spikes sent.
        u_kept, v_kept: int32 [T, B, out], filled; or of 0 steps, left alone.
        overflows: int64 [2], to which wrapped currents and saturated voltages are added.
    """
    steps, samples, axons = s.shape
    neurons = w.shape[1]
    u, v = np.empty(neurons, np.int32), np.empty(neurons, np.int32)
    total = np.empty(neurons, np.int32)
    active = np.empty(axons + 1, np.int64)
    for b in range(samples):
        u[:] = 0
        v[:] = 0
        for t in range(steps):
            total[:] = bias
            _add_rows(s[t, b], w, active, total)
            wrapped, saturated = _update(
                total, up, down, keep_u, keep_v, threshold, u, v, out[t, b]
            )
            overflows[0] += wrapped
            overflows[1] += saturated
            if u_kept.shape[0]:
                u_kept[t, b] = u
                v_kept[t, b] = v
