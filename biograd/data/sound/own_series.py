"""A user's own series from the arrays of an .npz file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..verified_files import DataError
from .series import SeriesSet, Standard

_SKIPPING = "leave those series out, or use --skip-bad"


def series_of_arrays(
    path: Path,
    split: str,
    arrays: Mapping[str, np.ndarray],
    y: Mapping[str, Tensor],
    *,
    skip_bad: bool = False,
) -> SeriesSet:
    """Return one half of a user's series.

    Args:
        path: of the file, for messages.
        arrays: x_train and x_test, numbers [sum of the lengths, channels]; lengths_train and
            lengths_test, [n].
        y: labels of each half, int64 [n].
        skip_bad: leave series out that hold values that are not finite; a warning counts them.
    Raises: DataError, one line that names the file and the array.
    """
    halves = {half: _checked(path, half, arrays, len(y[half])) for half in ("train", "test")}
    if len({x.shape[1] for x, _ in halves.values()}) > 1:
        raise DataError(
            f"{path}: x_train has {halves['train'][0].shape[1]} channels and x_test"
            f" {halves['test'][0].shape[1]}: need as many in both"
        )
    classes = 1 + max(int(labels.max()) for labels in y.values())
    absent = sorted(set(range(classes)) - set(y["train"].tolist()))
    if absent:
        raise DataError(
            f"{path}: y_train has no sample of class {absent[0]} of 0..{classes - 1}: number the"
            " classes without gaps"
        )
    kept = {half: _finite(path, half, *halves[half], skip_bad) for half in {"train", split}}
    x, lengths, members = kept[split]
    return SeriesSet(
        values=x,
        lengths=lengths,
        y=y[split][members],
        classes=classes,
        standard=Standard.of(kept["train"][0]),
        name=path.stem,
        split=split,
    )


def _checked(
    path: Path, half: str, arrays: Mapping[str, np.ndarray], labels: int
) -> tuple[Tensor, Tensor]:
    """Return x [steps, channels] and lengths [n] of one half."""
    x, lengths = arrays[f"x_{half}"], arrays[f"lengths_{half}"]
    if x.ndim != 2 or not x.shape[1]:
        raise DataError(
            f"{path}: x_{half} has the shape {x.shape}; series end to end need [sum of"
            f" lengths_{half}, channels]"
        )
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or len(lengths) != labels:
        raise DataError(
            f"{path}: lengths_{half} is {lengths.dtype} of shape {lengths.shape}; need the steps of"
            f" each of {labels:,} series, whole numbers [{labels}]"
        )
    if lengths.min() < 1 or lengths.sum(dtype=np.int64) != len(x):
        raise DataError(
            f"{path}: lengths_{half} runs from {lengths.min()} and sums to"
            f" {lengths.sum(dtype=np.int64):,}; need at least 1 step of each series, {len(x):,} in"
            " all"
        )
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(lengths.astype(np.int64))


def _finite(
    path: Path, half: str, x: Tensor, lengths: Tensor, skip_bad: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the series whose values are all finite, their lengths and their numbers."""
    of_step = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    bad = torch.zeros(len(lengths), dtype=torch.bool)
    bad[of_step[~torch.isfinite(x).all(1)]] = True
    if not bool(bad.any()):
        return x, lengths, torch.arange(len(lengths))
    counted = f"{path}: {int(bad.sum()):,} of {len(bad):,} series of x_{half} hold values that are"
    first = f"not finite, the first is number {int(bad.nonzero()[0])}"
    if not skip_bad or bool(bad.all()):
        raise DataError(f"{counted} {first}: {_SKIPPING}")
    warnings.warn(f"{counted} {first}; they are skipped", UserWarning, stacklevel=2)
    return x[~bad[of_step]], lengths[~bad], (~bad).nonzero()[:, 0]
