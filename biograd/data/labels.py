"""Labels of a set of samples, classes or real values to learn, and its names."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..checks import instance_of, text_of, whole_number

LONGEST_NAME = 100  # letters


def checked_labels(labels: object, n: int, classes: int, unit: str) -> Tensor:
    """Return the labels of n samples: classes, int64 [n], or values, float [n, values].

    Args:
        labels: integers 0 .. classes - 1, or one-hot rows; or finite real values, [n, values].
        classes: output neurons; 0: as many classes as the highest label needs.
        unit: name of a sample, e.g. "image", for messages.
    Raises: TypeError for anything but numbers; ValueError where they are neither form, not one per
        sample, or there is no sample.
    """
    whole_number(classes, "classes", need="at least 1, the output neurons of a network for them")
    y = _tensor(labels, unit)
    if y.ndim not in (1, 2) or (y.ndim == 1 and y.is_floating_point()):
        raise _neither(str(y.dtype), y.shape, unit)
    if len(y) != n or not n:
        raise ValueError(
            f"there are {n:,} {unit}s and {len(y):,} labels: need one label per {unit}, and at"
            " least one"
        )
    if y.is_meta:
        if not classes:
            raise ValueError("labels are on the meta device and hold no classes: name `classes`")
        return y
    if y.is_floating_point():
        return _values(y)
    return _in_range(_classes(y, classes, unit), classes)


def check_names(**names: object) -> None:
    """Raise TypeError or ValueError for names that do not fit into a line of a message."""
    for argument, name in names.items():
        instance_of(name, str, argument, "a short name, as a str")
        if not str(name).isprintable() or len(str(name)) > LONGEST_NAME:
            raise ValueError(
                f"{argument} is {text_of(name)}; need at most {LONGEST_NAME} printable letters"
            )


def _values(y: Tensor) -> Tensor:
    if not y.shape[1] or not bool(torch.isfinite(y).all()):
        raise ValueError(
            f"labels are values of shape {tuple(y.shape)}, some not finite or none per sample: need"
            " finite real values [n, values]"
        )
    return y


def _classes(y: Tensor, classes: int, unit: str) -> Tensor:
    """Return whole numbers, or one-hot rows, as int64 [n]."""
    if y.ndim == 1 and (y.dtype != torch.bool or classes == 2):
        return y.long()
    if y.ndim == 2 and y.shape[1] == classes:
        hot = y == 1
        if bool((hot | (y == 0)).all()) and bool((hot.sum(1) == 1).all()):
            return hot.to(torch.uint8).argmax(1)
    raise _neither(str(y.dtype), y.shape, unit)


def _in_range(y: Tensor, classes: int) -> Tensor:
    low, high = (int(end) for end in torch.aminmax(y))
    if low < 0 or (classes and high >= classes):
        raise ValueError(
            f"labels run from {low:,} to {high:,}; need 0 .."
            f" {classes - 1 if classes else 'classes - 1'}: count them from 0, or raise classes"
        )
    return y


def _neither(kind: str, shape: tuple[int, ...], unit: str) -> ValueError:
    return ValueError(
        f"labels are {kind.removeprefix('torch.')} of shape {tuple(shape)}; need one whole number"
        f" per {unit}, 0 .. classes - 1, or real values [n, values]"
    )


def _tensor(labels: object, unit: str) -> Tensor:
    if isinstance(labels, Tensor):
        if labels.layout == torch.strided and not labels.is_complex():
            return labels.detach()
        raise TypeError(f"labels are a {labels.dtype} tensor without dense real values; need those")
    try:
        y = np.asarray(labels)
    except (TypeError, ValueError, RuntimeError):
        y = np.asarray(None)
    beyond = y.dtype.kind == "u" and y.size and int(y.max()) > np.iinfo(np.int64).max
    if y.dtype.kind not in "iuf" or beyond:
        raise _neither(str(y.dtype), y.shape, unit)
    # torch knows one order of bytes, and not all unsigned integers
    return torch.from_numpy(np.array(y, dtype=np.float64 if y.dtype.kind == "f" else np.int64))
