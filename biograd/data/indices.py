"""Indices of samples in a set: every form that users have, as int64 indices 0 .. n - 1."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from ..checks import text_of, whole_number

Indices = Tensor | np.ndarray | Sequence[int] | slice
_NEED = "a list, range, slice, tensor or NumPy array of indices, or a mask"


def sample_indices(indices: object, n: int, name: str = "indices") -> Tensor:
    """Return indices of samples as int64 [B].

    Args:
        indices: whole numbers 0 .. n - 1 as a list, range, tensor or array; a slice; or a mask, one
            truth value per sample, which chooses the samples where it is true.
        n: samples of the set.
        name: of the argument, for messages.
    Raises: TypeError for anything else; ValueError for indices outside the set, no samples, or a
        mask of another length.

    Example:
        >>> mask, rest = [True, False, True], slice(1, None)
        >>> sample_indices(mask, 3).tolist(), sample_indices(rest, 3).tolist()
        ([0, 2], [1, 2])
    """
    if isinstance(indices, slice):
        return torch.tensor(_range(indices, n, name), dtype=torch.int64)
    chosen = _tensor(indices, name)
    if chosen.ndim != 1:
        raise ValueError(
            f"{name} has the shape {tuple(chosen.shape)}; need one axis, [B]:"
            f" {'pass a list of one index' if not chosen.ndim else 'flatten it'}"
        )
    if chosen.dtype == torch.bool:
        if len(chosen) != n:
            raise ValueError(
                f"{name} is a mask of {len(chosen):,} truth values, and there are {n:,} samples:"
                " need one per sample"
            )
        return chosen.nonzero()[:, 0]
    chosen = chosen.long()
    if len(chosen):
        low, high = (int(end) for end in torch.aminmax(chosen))
        if low < 0 or high >= n:
            raise ValueError(
                f"{name} runs from {low:,} to {high:,}; need 0 .. {n - 1:,}, for there are"
                f" {n:,} samples"
            )
    return chosen


def selection(indices: object, n: int) -> Tensor | slice:
    """Return indices as `sample_indices` does; a slice stays one where torch can take it."""
    if isinstance(indices, slice):
        chosen = _range(indices, n, "indices")
        if chosen.step > 0:
            return slice(chosen.start, chosen.stop, chosen.step)
    return sample_indices(indices, n)


def sample_index(index: object, n: int, name: str = "member") -> int:
    """Return the index of one sample, 0 .. n - 1; takes tensors and arrays of one whole number."""
    if isinstance(index, Tensor | np.ndarray) and index.ndim == 0 and not _is_meta(index):
        index = index.item()
    if isinstance(index, bool) or not isinstance(index, Integral):
        raise TypeError(
            f"{name} is {text_of(index)}; need a whole number, 0 .. {n - 1:,} (subset takes"
            " several)"
        )
    return whole_number(index, name, 0, n - 1, need=f"0 .. {n - 1:,}, for there are {n:,} samples")


def _is_meta(x: Tensor | np.ndarray) -> bool:
    return isinstance(x, Tensor) and x.is_meta


def _range(chosen: slice, n: int, name: str) -> range:
    try:
        return range(n)[chosen]
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{name} is {text_of(chosen)}; need a slice of whole numbers") from None


def _tensor(indices: object, name: str) -> Tensor:
    """Return whole numbers or truth values as a tensor of any number of axes."""
    if isinstance(indices, Tensor):
        x = indices
        dense = x.layout == torch.strided and not (x.is_meta or x.is_quantized)
        if x.is_floating_point() or x.is_complex() or not dense:
            kind = f"tensor of {x.dtype}" if dense else "tensor without dense values"
            raise TypeError(f"{name} is a {kind}; need {_NEED}: .long() makes whole numbers")
        return x
    if not isinstance(indices, np.ndarray | Sequence) or isinstance(indices, str | bytes):
        way_out = ": pass a list of one index" if isinstance(indices, int | np.integer) else ""
        kind = f"{text_of(indices)}, of type {type(indices).__name__}"
        raise TypeError(f"{name} is {kind}; need {_NEED}{way_out}")
    try:
        array = np.asarray(indices)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        array = np.empty(0, dtype=object)
    if not array.size and array.dtype.kind == "f":  # an empty list
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise TypeError(f"{name} holds {text_of(indices)}, no whole numbers; need {_NEED}")
    if array.dtype.kind == "u" and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds {array.max():,}; need indices of samples")
    return torch.from_numpy(np.array(array, dtype=bool if array.dtype.kind == "b" else np.int64))
