"""The emulator's inner loop, compiled: one layer over all steps of some samples, driven by the
spikes that arrive.

`emulator.step` is the same in readable calls; a test holds the two equal. All arithmetic is 32 bit,
as on the chip; numba widens integers unless told otherwise, hence the casts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from . import chip

_TOP = np.int32(chip.MAX_STATE)
_TWICE = np.int32(2 * chip.MAX_STATE)
_HIGHEST = np.int32(chip.MAX_STATE - 1)
_ALIGN = np.int32(chip.INPUT_SHIFT)


def _compiled(function: Callable[..., None]) -> Any:
    """Compile at first use, and keep the machine code where a cache can be written. Any: numba is
    untyped.
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package's folder nor the home can be written
        return numba.njit(nogil=True)(function)


# Any in the signatures below: they are seen by numba alone, which types them at the call.
@numba.njit(inline="always")
def _decay(x: Any, keep: Any) -> Any:
    """Keep keep / 4096 of x, its magnitude rounded down: (|x| keep) >> 12 in two halves, so that 32
    bits suffice.
    """
    magnitude = np.int32(abs(x))
    high = np.int32(np.int32(magnitude >> 12) * keep)
    low = np.int32(np.int32(np.int32(magnitude & 4095) * keep) >> 12)
    kept = np.int32(high + low)
    return np.int32(-kept) if x < 0 else kept


@numba.njit(inline="always")
def _add_rows(s: Any, w: Any, axons: Any, total: Any) -> None:
    """Add the weights of all axons that spiked to `total`, four rows at a time: their sum fits 16
    bits.
    """
    active = 0
    for j in range(s.size):
        axons[active] = j
        active += s[j]
    i = 0
    while i + 4 <= active:
        first, second, third, fourth = (
            w[axons[i]],
            w[axons[i + 1]],
            w[axons[i + 2]],
            w[axons[i + 3]],
        )
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
    """One step of all neurons; returns how many currents wrapped and how many voltages saturated."""
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


@_compiled
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
        w: int16 [in, out], a row an axon; bias: int32 [out], the always-on axons added up.
        up, down: int32, shifts of the sum to the left and to the right, one of them 0.
        keep_u, keep_v: int32, 4096ths kept per step; threshold: int32, already shifted by 6.
        out: uint8 [T, B, out], filled with the spikes sent.
        u_kept, v_kept: int32 [T, B, out], filled; or of 0 steps, left alone.
        overflows: int64 [2], to which wrapped currents and saturated voltages are added.
    """
    steps, samples, axons = s.shape
    neurons = w.shape[1]
    u, v, total = (
        np.empty(neurons, np.int32),
        np.empty(neurons, np.int32),
        np.empty(neurons, np.int32),
    )
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
