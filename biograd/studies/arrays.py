"""Checks of NumPy arrays where they enter the studies."""

from __future__ import annotations

import numpy as np

from ..checks import text_of


def real_array(value: object, name: str, axes: str) -> np.ndarray:
    """Return an array of finite real numbers as float64.

    Args:
        name: of the argument, for messages.
        axes: one word per axis, for messages, e.g. "channels samples".
    Raises: TypeError for anything but numbers; ValueError for other axes, empty ones, or numbers
        that are not finite.

    Example:
        >>> real_array([[1, 2]], "x", "channels samples").dtype
        dtype('float64')
    """
    try:
        array = np.asarray(value)
    except (ValueError, RuntimeError, TypeError):
        raise TypeError(f"{name} is {text_of(value)}; need an array of real numbers") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} holds {array.dtype} values; need real numbers")
    words = axes.split()
    if array.ndim != len(words) or not array.size:
        raise ValueError(
            f"{name} has the shape {array.shape}; need [{', '.join(words)}], none of them 0"
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        wrong = int((~np.isfinite(array)).sum())
        raise ValueError(f"{name} holds {wrong:,} numbers that are not finite; need finite ones")
    return array
