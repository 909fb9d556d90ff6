"""Pools of currents, between a convolution and its neurons, as wider kernels.

A pool of size k and stride p behind a kernel of stride s adds k positions, s apart: the kernel's
taps are repeated so, its stride becomes s p. The sums are the same; the weights are others.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from .shapes import Convolution, Pool

PLACE = "pools currents of dense weights, of dilated kernels or with padding: pool the spikes,"


def pooled_currents(
    conv: Convolution, w: np.ndarray, bias: np.ndarray, pool: Pool
) -> tuple[Convolution, np.ndarray, np.ndarray]:
    """Return the convolution, kernels and biases that stand for a pool of a convolution's currents.

    Raises: ValueError for a pool with padding or of dilated kernels, or one larger than its maps.
    """
    if pool.padding != (0, 0) or conv.dilation != (1, 1):
        raise ValueError(f"{PLACE} behind the neurons")
    pool.out_shape(conv.out_shape)  # refuses pools larger than their maps
    taps = [_spread(*sizes) for sizes in zip(conv.kernel, conv.stride, pool.size, strict=True)]
    wide = np.einsum("oiyx,yr,xc->oirc", w, *taps) * pool.factor
    biases = bias * math.prod(pool.size) if pool.kind == "sum" else bias
    stride = (conv.stride[0] * pool.stride[0], conv.stride[1] * pool.stride[1])
    return dataclasses.replace(conv, kernel=wide.shape[2:], stride=stride), wide, biases


def _spread(taps: int, stride: int, size: int) -> np.ndarray:
    """Return the taps of a kernel that pools `size` positions, [taps, wider taps]."""
    wide = np.zeros((taps, taps + (size - 1) * stride))
    for tap in range(taps):
        for position in range(size):
            wide[tap, tap + position * stride] += 1
    return wide
