"""A layer of a Model run in real numbers: the rates and voltages that calibrate its integers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..border.layers import LayerModel
from .currents import currents, delayed

_PORTION = 256  # samples of a convolution that run at once, which bounds memory


class LayerRun(NamedTuple):
    """A layer on some samples."""

    s: np.ndarray  # uint8 [T, B, out]
    largest_voltage: float  # |v|, thresholds


def run_layer(layer: LayerModel, spikes: np.ndarray, dtype: type = np.float32) -> LayerRun:
    """Run one layer from rest by the step of `border.model`.

    Args:
        spikes: uint8 [T, B, in].
        dtype: of the arithmetic; float64 is the reference for other tools' nets.
    """
    steps, samples, _ = spikes.shape
    arriving = delayed(spikes, layer.delay)
    # any: arrays of either precision
    w: Any = layer.w.astype(dtype)
    bias: Any = np.repeat(layer.bias, layer.neurons // len(layer.bias))
    alpha_u, alpha_v = (
        [alphas.astype(dtype) for alphas in layer.kept()]
        if layer.is_mixed
        else (dtype(layer.alpha_u), dtype(layer.alpha_v))
    )
    w_rec: Any = None if layer.w_rec is None else layer.w_rec.astype(dtype)
    portion = samples if layer.conv is None else _PORTION
    bias = bias.astype(dtype)
    out = np.zeros((steps, samples, layer.neurons), dtype=np.uint8)
    largest = 0.0
    for first in range(0, samples, portion):
        members = slice(first, first + portion)
        u: Any = np.zeros(out[0, members].shape, dtype=dtype)
        v = s = u
        for t in range(steps):
            current = currents(w, layer.conv, arriving[t, members]) + bias
            u = alpha_u * u + (current if w_rec is None else current + s @ w_rec.T)
            v = _kept(layer.reset, alpha_v, v, s) + u
            if layer.fires:
                s = (v > 1).astype(dtype)
            out[t, members] = s
            largest = max(largest, float(np.abs(v).max()))
    return LayerRun(out, largest)


def _kept(reset: str, alpha_v: Any, v: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Return what is kept of the voltages of the step before, resets done."""
    if reset == "zero":
        return alpha_v * (v * (1 - s))
    if reset == "subtract":
        return alpha_v * (v - s)
    return alpha_v * v - s if reset == "subtract_late" else alpha_v * v
