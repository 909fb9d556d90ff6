"""Pools and kernels as one convolution without pools, where there is one that means the same.

A sum pool of size k and stride p before a kernel of K taps, stride s, dilation d and padding P is a
kernel of (K - 1) d p + k taps, stride s p and padding P p: each weight is repeated k times, p d
apart (and added up where these overlap).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ..border.shapes import Convolution, Pool, Shape


def without_pools(conv: Convolution, w: np.ndarray) -> tuple[Convolution, np.ndarray] | None:
    """Return a convolution without pools, and its kernels, or None where none means the same.

    Pools with padding have none, nor kernels with padding that would then see rows that the pools
    leave out.
    """
    shapes = [conv.in_shape]
    for pool in conv.pools:
        shapes.append(pool.out_shape(shapes[-1]))
    folded = dataclasses.replace(conv, in_shape=shapes[-1], pools=())
    for pool, shape, pooled in reversed(
        list(zip(conv.pools, shapes[:-1], shapes[1:], strict=True))
    ):
        if not _means_the_same(folded, pool, shape, pooled):
            return None
        w = _repeated(w, folded, pool)
        folded = dataclasses.replace(
            folded,
            in_shape=shape,
            kernel=w.shape[2:],
            stride=_product(folded.stride, pool.stride),
            padding=_product(folded.padding, pool.stride),
            dilation=(1, 1),
        )
    return folded, w


def _means_the_same(conv: Convolution, pool: Pool, shape: Shape, pooled: Shape) -> bool:
    if pool.padding != (0, 0):
        return False
    axes = zip(conv.padding, pool.size, pool.stride, shape[1:], pooled[1:], strict=True)
    return all(
        padding == 0 or (size <= stride and length <= windows * stride)
        for padding, size, stride, length, windows in axes
    )


def _repeated(w: np.ndarray, conv: Convolution, pool: Pool) -> np.ndarray:
    rows, columns = (
        _placed(*sizes)
        for sizes in zip(conv.kernel, conv.dilation, pool.size, pool.stride, strict=True)
    )
    return np.einsum("oiyx,yr,xc->oirc", w, rows.astype(w.dtype), columns.astype(w.dtype))


def _placed(taps: int, dilation: int, size: int, stride: int) -> np.ndarray:
    """Return the repeats of each tap along one axis, [taps, taps of the wider kernel]."""
    wide = np.zeros((taps, (taps - 1) * dilation * stride + size), dtype=np.int64)
    for tap in range(taps):
        wide[tap, tap * dilation * stride : tap * dilation * stride + size] = 1
    return wide


def _product(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return a[0] * b[0], a[1] * b[1]
