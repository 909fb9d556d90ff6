"""Shifted copies of images, made by the host: only the data changes, and no rule on the chip."""

from __future__ import annotations

import math

import numpy as np


def shifts(seed: int, epoch: int, images: int, shift: int) -> np.ndarray:
    """Return the rows and columns by which each image of an epoch moves, int64 [images, 2].

    All moves of -shift ... shift are equally likely; a resumed run draws the same.
    """
    return np.random.default_rng([seed, 2, epoch]).integers(-shift, shift + 1, (images, 2))


def side(inputs: int) -> int:
    """Return the side of square images of so many pixels; ValueError where they are not square."""
    pixels = math.isqrt(inputs)
    if pixels * pixels != inputs:
        raise ValueError(
            f"shift moves square images, and {inputs} inputs are no square: set shift=0"
        )
    return pixels


def shifted(images: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return images moved down and right, black where nothing moves in.

    Args:
        images: uint8 [n, side * side].
        moves: int [n, 2], rows and columns; absolute values of at most the side.
    """
    pixels = side(images.shape[1])
    widest = int(np.abs(moves).max(initial=0))
    square = images.reshape(-1, pixels, pixels)
    padded = np.pad(square, ((0, 0), (widest, widest), (widest, widest)))
    moved = np.empty_like(square)
    for row, column in np.unique(moves, axis=0).tolist():
        same = (moves == (row, column)).all(axis=1)
        top, left = widest - row, widest - column
        moved[same] = padded[same, top : top + pixels, left : left + pixels]
    return moved.reshape(images.shape)
