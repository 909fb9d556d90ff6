"""Strides, paddings and sizes as NIR's nodes hold them: numbers, pairs, arrays or text."""

from __future__ import annotations

from typing import Any

import numpy as np

from .shapes import pair_of


def pair(value: Any) -> tuple[int, int]:
    """Return rows and columns of a number, or of two."""
    numbers = np.asarray(value).reshape(-1).tolist()
    return pair_of(numbers * 2 if len(numbers) == 1 else numbers, "its size, stride or padding", 0)


def axis_pair(value: Any, one_row: bool) -> tuple[int, int]:
    """Return a stride or dilation; with `one_row`, that of the columns of maps with one row."""
    if one_row:
        return pair_of([1, np.asarray(value).reshape(-1).tolist()[0]], "its stride or dilation", 1)
    return pair(value)


def padding_of(
    value: Any,
    kernel: tuple[int, ...],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    one_row: bool,
) -> tuple[int, int]:
    """Return rows and columns of padding; ValueError for text that names none of whole pixels."""
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
    if one_row:
        return pair_of([0, np.asarray(value).reshape(-1).tolist()[0]], "its padding", 0)
    return pair(value)
