"""Samples as a learning chip takes them: grey values, or spikes of frozen layers before it.

The host may show shifted copies of images: only the data changes, and no rule on the chip.
"""

from __future__ import annotations

import numpy as np

from ..border.checks import square_side
from .params import ChipLearningParams


def spike_masks(steps: int) -> np.ndarray:
    """Return when each grey value p spikes: bit t of entry p is s(t), int64 [256].

    s(t) = floor(p (t + 1) / 255 + 1/2) - floor(p t / 255 + 1/2)
    """
    grey = np.arange(256, dtype=np.int64)[:, None]
    sent = (2 * grey * np.arange(steps + 1) + 255) // 510
    return (np.diff(sent, axis=1) << np.arange(steps)).sum(axis=1)


def coding(images: np.ndarray, steps: int) -> np.ndarray:
    """Return the spikes of each grey value, int64 [256]; int64 [0] where images hold spikes."""
    return spike_masks(steps) if images.dtype == np.uint8 else np.zeros(0, dtype=np.int64)


def sample_masks(images: np.ndarray, steps: int) -> np.ndarray:
    """Return the spikes of samples, int64 of the images' shape: bit t is the spike of step t.

    images: uint8, grey values; or uint64, spikes already.
    """
    masks = coding(images, steps)
    return masks[images] if len(masks) else images.astype(np.int64)


def shifts(seed: int, epoch: int, images: int, shift: int) -> np.ndarray:
    """Return the rows and columns by which each image of an epoch moves, int64 [images, 2].

    All moves of -shift ... shift are equally likely; a resumed run draws the same.
    """
    return np.random.default_rng([seed, 2, epoch]).integers(-shift, shift + 1, (images, 2))


def shifted(images: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return images moved down and right, black where nothing moves in.

    Args:
        images: uint8 [n, side * side].
        moves: int [n, 2], rows and columns; absolute values of at most the side.
    """
    pixels = square_side(images.shape[1])
    widest = int(np.abs(moves).max(initial=0))
    square = images.reshape(-1, pixels, pixels)
    padded = np.pad(square, ((0, 0), (widest, widest), (widest, widest)))
    moved = np.empty_like(square)
    for row, column in np.unique(moves, axis=0).tolist():
        same = (moves == (row, column)).all(axis=1)
        top, left = widest - row, widest - column
        moved[same] = padded[same, top : top + pixels, left : left + pixels]
    return moved.reshape(images.shape)


def checked(
    params: ChipLearningParams, images: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return samples as uint8 or uint64 [n, inputs] and labels as int64 [n].

    Raises: ValueError for samples or labels that do not fit the net.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if images.dtype not in (np.uint8, np.uint64) or images.ndim < 2 or not len(images):
        raise ValueError(
            f"images are {images.dtype} of shape {images.shape}; need uint8 [n, inputs] (grey"
            " values) or uint64 (spikes), n at least 1"
        )
    images = images.reshape(len(images), -1)
    if images.shape[1] != params.sizes[0]:
        raise ValueError(
            f"the images have {images.shape[1]} pixels, the net takes {params.sizes[0]}: set"
            f" sizes=({images.shape[1]}, ...)"
        )
    if images.dtype == np.uint64 and int(images.max()) >> params.steps:
        raise ValueError(
            f"a sample spikes after step {params.steps}: set steps to those of the layers before"
        )
    if images.dtype == np.uint64 and params.shift:
        raise ValueError(
            f"shift is {params.shift}, and the samples are spikes of frozen layers, which have no"
            " pixels to move: set shift=0"
        )
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels are {labels.dtype} of shape {labels.shape}; need one whole number for each of"
            f" {len(images):,} images"
        )
    if int(labels.min()) < 0 or int(labels.max()) >= params.sizes[-1]:
        raise ValueError(
            f"labels reach from {labels.min()} to {labels.max()}; the net has classes 0 to"
            f" {params.sizes[-1] - 1}"
        )
    return np.ascontiguousarray(images), labels.astype(np.int64)
