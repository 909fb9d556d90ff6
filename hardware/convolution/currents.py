"""Currents of a layer in NumPy, in real numbers or integers: the compiled loops' reference."""

from __future__ import annotations

import numpy as np

from ..border.shapes import Convolution, Pool


def currents(
    w: np.ndarray, conv: Convolution | None, s: np.ndarray, *, average: bool = True
) -> np.ndarray:
    """Return the currents of spikes, in the dtype of the weights, without biases.

    Args:
        w: [out, in], or the kernels of `conv`.
        s: spikes [n, in].
        average: divide average pools by their windows; False: their weights have done so.
    Returns: [n, out].
    """
    if conv is None:
        return s.astype(w.dtype) @ w.T
    maps = s.reshape(len(s), *conv.in_shape).astype(w.dtype)
    for pool in conv.pools:
        maps = _pooled(pool, maps)
        if average and pool.factor != 1:
            maps = maps * w.dtype.type(pool.factor)
    rows, columns = conv.padding
    maps = np.pad(maps, ((0, 0), (0, 0), (rows, rows), (columns, columns)))
    channels, out_rows, out_columns = conv.out_shape
    total = np.zeros((len(s), channels, out_rows * out_columns), dtype=w.dtype)
    inputs, outputs = conv.pooled_shape[0] // conv.groups, channels // conv.groups
    for y in range(conv.kernel[0]):
        for x in range(conv.kernel[1]):
            seen = _window(maps, (y, x), conv.dilation, conv.stride, (out_rows, out_columns))
            seen = seen.reshape(len(s), maps.shape[1], -1)
            for group in range(conv.groups):
                to = slice(group * outputs, (group + 1) * outputs)
                start = slice(group * inputs, (group + 1) * inputs)
                total[:, to] += w[to, :, y, x] @ seen[:, start]
    return total.reshape(len(s), -1)


def largest_sums(w: np.ndarray, conv: Convolution | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest currents of each neuron, up and down, [out]: all of one sign at once."""
    ones = np.ones((1, w.shape[1] if conv is None else conv.inputs), dtype=w.dtype)
    up, down = (
        currents(np.where(sign * w > 0, sign * w, 0), conv, ones, average=False)[0]
        for sign in (1, -1)
    )
    return up, down


def delayed(s: np.ndarray, delay: np.ndarray | None) -> np.ndarray:
    """Return spikes [T, B, N] that arrive `delay` [N] steps later; those beyond T are not seen."""
    if delay is None or not delay.any():
        return s
    late = np.zeros_like(s)
    for steps in np.unique(delay).tolist():
        if steps < len(s):
            late[steps:, :, delay == steps] = s[: len(s) - steps, :, delay == steps]
    return late


def _pooled(pool: Pool, maps: np.ndarray) -> np.ndarray:
    """Return the sums of a pool's windows, [n, C, rows, columns]."""
    rows, columns = pool.padding
    _, out_rows, out_columns = pool.out_shape((1, *maps.shape[2:]))
    maps = np.pad(maps, ((0, 0), (0, 0), (rows, rows), (columns, columns)))
    windows = [
        _window(maps, (y, x), (1, 1), pool.stride, (out_rows, out_columns))
        for y in range(pool.size[0])
        for x in range(pool.size[1])
    ]
    return np.sum(windows, axis=0, dtype=maps.dtype)


def _window(
    maps: np.ndarray,
    tap: tuple[int, int],
    dilation: tuple[int, int],
    stride: tuple[int, int],
    sizes: tuple[int, int],
) -> np.ndarray:
    """Return one tap's inputs of all positions, [n, C, *sizes]."""
    parts = []
    for at, wide, step, size in zip(tap, dilation, stride, sizes, strict=True):
        first = at * wide
        parts.append(slice(first, first + (size - 1) * step + 1, step))
    return maps[:, :, parts[0], parts[1]]
