"""The emulator's compiled loop of a convolution: event driven, all steps of some samples.

A spike adds its kernel's weights to every position that sees it. Inside, maps are [rows, columns,
channels], so that the weights of all channels at a position lie side by side.

Lava's Conv wraps its sums modulo 2^24, and neither clips its weights nor applies their exponent. A
chip does otherwise, but no model shows it: `limits.check` refuses weights beyond 8 bits and sums
beyond one wrap, and the exponent is multiplied into the weights that Lava gets.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from ..compiled import compiled
from ..emulator_loop import advance


# any, in the signatures below: numba types them at the call
@numba.njit(inline="always")
def _by_position(maps: Any, out: Any, channels: Any) -> None:
    """Write maps of [channels, positions] as [positions, channels]."""
    positions = maps.size // channels
    for c in range(channels):
        for p in range(positions):
            out[p * channels + c] = maps[c * positions + p]


@numba.njit(inline="always")
def _by_channel(maps: Any, out: Any, channels: Any) -> None:
    """Write maps of [positions, channels] as [channels, positions]."""
    positions = maps.size // channels
    for c in range(channels):
        for p in range(positions):
            out[c * positions + p] = maps[p * channels + c]


@compiled
def scan_convolution(
    s: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray,
    shapes: np.ndarray,
    row_starts: np.ndarray,
    row_outputs: np.ndarray,
    row_taps: np.ndarray,
    column_starts: np.ndarray,
    column_outputs: np.ndarray,
    column_taps: np.ndarray,
    v_bias: np.ndarray,
    keeps: np.ndarray,
    numbers: tuple[int, ...],
    out: np.ndarray,
    u_kept: np.ndarray,
    v_kept: np.ndarray,
    v_sums: np.ndarray,
    overflows: np.ndarray,
    reached: np.ndarray,
) -> None:
    """Run one layer from u = v = 0.

    Args:
        s: uint8 [T, B, in], spikes that arrive.
        w: int16 [C, kernel rows, kernel columns, channels / groups], weight units.
        bias: int32 [out], sum of the always-on axons, weight units.
        shapes: int64 [6]: channels, rows and columns of the input, and of the layer.
        row_starts ... column_taps: `border.shapes.Taps` of both axes.
        v_bias, keeps, numbers: as in `emulator_loop.scan_layer`.
        out: uint8 [T, B, out], filled with the spikes sent.
        u_kept, v_kept: int32 [T, B, out], filled; or of 0 steps, left alone.
        v_sums: int64 [B, out], to which a readout's voltages are added; or of 0 samples.
        overflows: int64 [2], to which wrapped currents and saturated voltages are added.
        reached: int64 [1], to which neurons x steps that a spike reached are added.
    """
    steps, samples, _ = s.shape
    channels_in, rows, columns, channels, out_rows, out_columns = shapes
    own = w.shape[3]  # channels of a group
    groups = channels // own
    group_inputs = channels_in // groups
    positions, area = out_rows * out_columns, rows * columns
    neurons = positions * channels
    u, v = np.empty(neurons, np.int32), np.empty(neurons, np.int32)
    total, fired = np.empty(neurons, np.int32), np.empty(neurons, np.uint8)
    touched = np.empty(positions * groups, np.uint8)
    first, added = np.empty(neurons, np.int32), np.empty(v_bias.size, np.int32)
    _by_position(bias, first, channels)
    if v_bias.size:
        _by_position(v_bias, added, channels)
    keep_u, keep_v = np.empty(neurons, np.int32), np.empty(neurons, np.int32)
    _by_position(keeps[0], keep_u, channels)
    _by_position(keeps[1], keep_v, channels)
    for b in range(samples):
        u[:] = 0
        v[:] = 0
        fired[:] = 0
        for t in range(steps):
            total[:] = first
            touched[:] = 0
            for j in range(channels_in * area):
                if s[t, b, j] == 0:
                    continue
                channel, pixel = j // area, j % area
                y, x = pixel // columns, pixel % columns
                group = channel // group_inputs
                for row in range(row_starts[y], row_starts[y + 1]):
                    for column in range(column_starts[x], column_starts[x + 1]):
                        kernel = w[channel, row_taps[row], column_taps[column]]
                        position = row_outputs[row] * out_columns + column_outputs[column]
                        touched[position * groups + group] = 1
                        base = position * channels + group * own
                        sums = total[base : base + own]
                        for n in range(own):
                            sums[n] = np.int32(sums[n] + np.int32(kernel[n]))
            wrapped, saturated = advance(total, numbers, keep_u, keep_v, added, u, v, fired)
            overflows[0] += wrapped
            overflows[1] += saturated
            for n in range(touched.size):
                reached[0] += touched[n] * own
            _by_channel(fired, out[t, b], channels)
            if u_kept.shape[0]:
                _by_channel(u, u_kept[t, b], channels)
                _by_channel(v, v_kept[t, b], channels)
            if v_sums.shape[0]:
                for n in range(neurons):
                    v_sums[b, n % channels * positions + n // channels] += v[n]
