"""Largest current that spikes could drive: what rounding is measured by (`kernels.rounding`)."""

from __future__ import annotations

import math

from ..connections import SumPool2d
from ..layers import Layer


def largest_drive(layer: Layer) -> float:
    """Return the largest sum of absolute weights and bias onto one neuron, thresholds per step."""
    drive = float((layer.w.abs().flatten(1).sum(1) + layer.b.abs()).max())
    if layer.w_rec is not None:
        drive += float(layer.w_rec.abs().sum(1).max())
    pools = *layer.pools, layer.connection.pool
    return drive * math.prod(pool.window**2 for pool in pools if type(pool) is SumPool2d)
