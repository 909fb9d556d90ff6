"""Many steps of the two-compartment rule for sources, in compiled loops over small matrices.

The steps of `studies.ica`, which hold the equations; a test holds both equal but for rounding. With
four sources a loop takes a twentieth of the time of the same step in NumPy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import register_jitable

from .compiled import compiled


@register_jitable
def _solved(a: Any, b: Any) -> Any:  # any, here and below: numba types them at the call
    """Return a^-1 b by elimination with pivots; b: [n, k]."""
    a, b = a.copy(), b.copy()
    n, k = b.shape
    for i in range(n):
        pivot = i
        for row in range(i + 1, n):
            if abs(a[row, i]) > abs(a[pivot, i]):
                pivot = row
        for j in range(n):
            a[i, j], a[pivot, j] = a[pivot, j], a[i, j]
        for j in range(k):
            b[i, j], b[pivot, j] = b[pivot, j], b[i, j]
        for row in range(i + 1, n):
            factor = a[row, i] / a[i, i]
            for j in range(i, n):
                a[row, j] -= factor * a[i, j]
            for j in range(k):
                b[row, j] -= factor * b[i, j]
    for i in range(n - 1, -1, -1):
        for j in range(k):
            for row in range(i + 1, n):
                b[i, j] -= a[i, row] * b[row, j]
            b[i, j] /= a[i, i]
    return b


@register_jitable
def _product(a: Any, b: Any, out: Any) -> Any:
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            total = 0.0
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            out[i, j] = total


@register_jitable
def _move(w: Any, m: Any, towards: Any, y_y: Any, constants: Any, t: Any) -> Any:
    """Change w and m by one step, shortened where it is long; constants: eta, tau, decay, limit."""
    eta = constants[0] / (1 + constants[2] * t)
    n, channels = w.shape
    size_w, size_m, size_dw, size_dm = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        for j in range(channels):
            towards[i, j] *= 2 * eta
            size_w += w[i, j] ** 2
            size_dw += towards[i, j] ** 2
        for j in range(n):
            y_y[i, j] = eta / constants[1] * (y_y[i, j] - (1.0 if i == j else 0.0))
            size_m += m[i, j] ** 2
            size_dm += y_y[i, j] ** 2
    reach = min(
        math.sqrt(size_w) / max(math.sqrt(size_dw), 1e-300),
        math.sqrt(size_m) / max(math.sqrt(size_dm), 1e-300),
    )
    part = min(1.0, constants[3] * reach)
    for i in range(n):
        for j in range(channels):
            w[i, j] += part * towards[i, j]
        for j in range(n):
            m[i, j] += part * y_y[i, j]


@compiled
def batch_steps(
    w: np.ndarray,
    m: np.ndarray,
    second: np.ndarray,
    fourth: np.ndarray,
    lam: np.ndarray,
    constants: np.ndarray,
    first: int,
    steps: int,
) -> None:
    """Advance w and m, in place, by steps of `ica.moment_step` from number `first` on."""
    n, channels = w.shape
    weighted = np.empty((channels, channels))
    y_x, y_y, towards = np.empty((n, channels)), np.empty((n, n)), np.empty((n, channels))
    for t in range(first, first + steps):
        p = _solved(m, w)
        weighted[:] = 0.0
        for i in range(channels):
            for j in range(channels):
                g = 0.0
                for k in range(n):
                    g += p[k, i] * p[k, j]
                for k in range(channels):
                    for q in range(channels):
                        weighted[k, q] += g * fourth[i * channels + j, k * channels + q]
        _product(p, second, y_x)
        _product(y_x, p.T, y_y)
        _product(w, weighted, towards)
        for i in range(n):
            for j in range(channels):
                towards[i, j] = y_x[i, j] - lam[i] * towards[i, j]
        _move(w, m, towards, y_y, constants, t)


@compiled
def online_steps(
    w: np.ndarray,
    m: np.ndarray,
    samples: np.ndarray,
    order: np.ndarray,
    lam: np.ndarray,
    constants: np.ndarray,
    first: int,
) -> None:
    """Advance w and m, in place, by `ica.online_step` on samples [T, channels], in this order."""
    n, channels = w.shape
    c = np.empty((n, 1))
    towards, y_y = np.empty((n, channels)), np.empty((n, n))
    for number in range(order.size):
        x = samples[order[number]]
        for i in range(n):
            c[i, 0] = 0.0
            for j in range(channels):
                c[i, 0] += w[i, j] * x[j]
        y = _solved(m, c)
        power = 0.0
        for i in range(n):
            power += y[i, 0] ** 2
        for i in range(n):
            for j in range(channels):
                towards[i, j] = (y[i, 0] - power * lam[i] * c[i, 0]) * x[j]
            for j in range(n):
                y_y[i, j] = y[i, 0] * y[j, 0]
        _move(w, m, towards, y_y, constants, first + number)
