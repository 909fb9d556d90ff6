"""A convolution as the arrays that the compiled loop takes."""

from __future__ import annotations

import numpy as np

from ..border.shapes import Convolution


def event_weights(w: np.ndarray, conv: Convolution) -> np.ndarray:
    """Return kernels as int16 [C, kernel rows, kernel columns, channels / groups].

    The weights of all outputs of one input channel and tap lie side by side.
    """
    own = conv.channels // conv.groups
    groups = [w[first : first + own] for first in range(0, conv.channels, own)]
    rows = np.concatenate([np.transpose(group, (1, 2, 3, 0)) for group in groups])
    return np.ascontiguousarray(rows, dtype=np.int16)


def tables(conv: Convolution) -> tuple[np.ndarray, ...]:
    """Return the shapes and taps of both axes, as `loop.scan_convolution` takes them."""
    shapes = np.array([*conv.in_shape, *conv.out_shape], dtype=np.int64)
    return (shapes, *conv.rows[:3], *conv.columns[:3])
