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
ZERO, SUBTRACT, SUBTRACT_LATE, NONE = range(4)  # resets, in the order of border.layers.RESETS


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
def advance(
    total: Any, numbers: Any, keep_u: Any, keep_v: Any, v_bias: Any, u: Any, v: Any, fired: Any
) -> Any:
    """Advance all neurons by one step; return how many currents wrapped and voltages saturated.

    Args:
        total: int32 [out], what arrives, weight units.
        numbers, v_bias: as in `scan_layer`; keep_u, keep_v: the rows of its `keeps`.
        u, v: int32 [out], changed, 1/64 of a weight's unit.
        fired: uint8 [out], spikes of the step before, changed to those of this one.
    """
    up, down, threshold, reset = numbers
    wrapped, saturated = np.int32(0), np.int32(0)
    for n in range(total.size):
        activation = np.int32(np.int32(np.int32(total[n] << up) >> down) << _ALIGN)
        current = np.int32(_decay(u[n], keep_u[n]) + activation)
        wrapped = np.int32(wrapped + np.int32((current > _TOP) | (current <= -_TOP)))
        current = np.int32(current - _TWICE) if current > _TOP else current
        current = np.int32(current + _TWICE) if current <= -_TOP else current
        voltage = np.int32(_decay(v[n], keep_v[n]) + current)
        if v_bias.size:
            voltage = np.int32(voltage + v_bias[n])
        if reset == SUBTRACT_LATE and fired[n]:
            voltage = np.int32(voltage - threshold)
        saturated = np.int32(saturated + np.int32((voltage >= _TOP) | (voltage <= -_TOP)))
        voltage = _HIGHEST if voltage > _HIGHEST else voltage
        voltage = np.int32(-_HIGHEST) if voltage < -_HIGHEST else voltage
        spike = voltage > threshold
        u[n] = current
        if reset == ZERO:
            v[n] = np.int32(0) if spike else voltage
        elif reset == SUBTRACT:
            v[n] = np.int32(voltage - threshold) if spike else voltage
        else:
            v[n] = voltage
        fired[n] = np.uint8(spike)
    return wrapped, saturated


@compiled
def scan_layer(
    s: np.ndarray,
    w: np.ndarray,
    w_rec: np.ndarray,
    bias: np.ndarray,
    v_bias: np.ndarray,
    keeps: np.ndarray,
    numbers: tuple[int, ...],
    out: np.ndarray,
    u_kept: np.ndarray,
    v_kept: np.ndarray,
    v_sums: np.ndarray,
    overflows: np.ndarray,
) -> None:
    """Run one dense layer from u = v = 0.

    Args:
        s: uint8 [T, B, in], spikes that arrive.
        w: int16 [in, out], a row per axon; w_rec: int16 [out, out], the same from the layer's own
            spikes of the step before, or [0, 0]; bias: int32 [out], sum of the always-on axons;
            weight units.
        v_bias: int32 [out], added to v in every step, 1/64 of a weight's unit; or [0].
        keeps: int32 [2, out], parts of u and v kept per step, 1/4096.
        numbers: int32, shifts of the sum to the left and to the right (one of them 0); threshold,
            1/64 of a weight's unit, as u and v; ZERO, SUBTRACT, SUBTRACT_LATE or NONE.
        out: uint8 [T, B, out], filled with the spikes sent.
        u_kept, v_kept: int32 [T, B, out], filled; or of 0 steps, left alone.
        v_sums: int64 [B, out], to which the voltages are added; or of 0 samples.
        overflows: int64 [2], to which wrapped currents and saturated voltages are added.
    """
    steps, samples, axons = s.shape
    neurons = w.shape[1]
    u, v = np.empty(neurons, np.int32), np.empty(neurons, np.int32)
    total, fired = np.empty(neurons, np.int32), np.empty(neurons, np.uint8)
    active = np.empty(max(axons, neurons) + 1, np.int64)
    keep_u, keep_v = keeps[0].copy(), keeps[1].copy()
    for b in range(samples):
        u[:] = 0
        v[:] = 0
        fired[:] = 0
        for t in range(steps):
            total[:] = bias
            _add_rows(s[t, b], w, active, total)
            if w_rec.shape[0]:
                _add_rows(fired, w_rec, active, total)
            wrapped, saturated = advance(total, numbers, keep_u, keep_v, v_bias, u, v, fired)
            out[t, b] = fired
            overflows[0] += wrapped
            overflows[1] += saturated
            if u_kept.shape[0]:
                u_kept[t, b] = u
                v_kept[t, b] = v
            if v_sums.shape[0]:
                v_sums[b] += v
