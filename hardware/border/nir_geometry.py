"""Strides, paddings and sizes as NIR's nodes hold them: numbers, pairs, arrays or text."""

from __future__ import annotations

from typing import Any

import numpy as np

from .shapes import pair_of


def spread_taps(taps: int, stride: int, size: int) -> np.ndarray:
    """Return the taps of a kernel that pools `size` positions, [taps, wider taps]."""
    wide = np.zeros((taps, taps + (size - 1) * stride))
    for tap in range(taps):
        for position in range(size):
            wide[tap, tap + position * stride] += 1
    return wide


def pair(value: Any) -> tuple[int, int]:
    return pair_of(np.asarray(value).reshape(-1).tolist(), "its size, stride or padding", 0)


def axis_pair(value: Any, one_row: bool) -> tuple[int, int]:
    numbers = np.asarray(value).reshape(-1).tolist()
    if one_row:
        return pair_of([1, numbers[0]], "its stride or dilation", 1)
    return pair_of(numbers if len(numbers) > 1 else numbers * 2, "its stride or dilation", 1)


def padding_of(
    value: Any,
    kernel: tuple[int, ...],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    one_row: bool,
) -> tuple[int, int]:
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str):
        if value == "valid":
            return 0, 0
        missing = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
        if value != "same" or stride != (1, 1) or any(n % 2 for n in missing):
            raise ValueError(
                f"its padding is {value!r} for a kernel of {kernel} and a stride of {stride}: need"
                " whole numbers, 'valid', or 'same' of odd kernels at stride 1"
            )
        return missing[0] // 2, missing[1] // 2
    numbers = np.asarray(value).reshape(-1).tolist()
    if one_row:
        return pair_of([0, numbers[0]], "its padding", 0)
    return pair_of(numbers if len(numbers) > 1 else numbers * 2, "its padding", 0)
