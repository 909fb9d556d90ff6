"""Checks of spikes where they enter the public API; compiled loops trust what has passed here.

Shapes, types and devices cost microseconds. Values are looked at where no compiled loop does so
anyway: one sum over the tensor, which a NaN or an infinity cannot survive. On a GPU they are not:
every step would wait for the device, and none could be recorded as a CUDA graph.
"""

from __future__ import annotations

import math
import threading
from typing import TypeVar, cast

import torch
from torch import Tensor

from .kernels.packed_spikes import PackedSpikes

_here = threading.local()  # parts of a batch run in threads of their own


class Trusted:
    """A block of code whose tensors are not checked; see `trusted`."""

    def __init__(self, trust: bool) -> None:
        self.trust, self.before = trust, False

    def __enter__(self) -> None:
        self.before = is_trusted()
        _here.trusted = self.before or self.trust

    def __exit__(self, *error: object) -> None:
        _here.trusted = self.before


def trusted(trust: bool = True) -> Trusted:
    """Leave out the checks of tensors in this thread within a block of code.

    For steps after the first one, and for the library's own loops: their kinds and shapes are
    known.
    """
    return Trusted(trust)


def is_trusted() -> bool:
    """Return whether this thread leaves out the checks of tensors."""
    return getattr(_here, "trusted", False)


Spikes = TypeVar("Spikes", bound=Tensor | PackedSpikes)


def spikes_for(
    spikes: Spikes,
    shape: tuple[int, ...],
    weights: Tensor,
    *,
    batch: int | None = None,
    name: str = "spikes",
) -> Spikes:
    """Return spikes in the weights' type, once they are known to fit.

    Args:
        spikes: [T, B, inputs], or [T, B, C, H, W] where the input has maps, which are flattened;
            bool, integers, half and double are converted, packed spikes are taken as they are.
        shape: of the population before the weights, (N,) or (C, H, W).
        weights: the weights that the spikes meet, for their type and device.
        batch: number of labels, where there are labels.
        name: the caller's argument, for messages.
    Raises: TypeError for anything but a real tensor; ValueError for a shape that does not fit, no
        step or no sample, or another device.
    """
    inputs = math.prod(shape)
    if isinstance(spikes, PackedSpikes):
        _check_shape((spikes.steps, spikes.batch, spikes.neurons), inputs, batch, name)
        return spikes
    check_kind(spikes, name)
    has_maps = len(shape) > 1 and tuple(spikes.shape[2:]) == shape
    rows: Tensor = spikes.flatten(2) if has_maps else spikes
    if rows.dim() != 3:
        raise ValueError(
            f"{name} has the shape {tuple(rows.shape)}; need [T, B, {inputs}]:"
            f" steps, samples, inputs{_missing_axis(rows, inputs)}"
        )
    _check_shape(tuple(rows.shape), inputs, batch, name)
    return cast(Spikes, _like(rows, weights, name))


def step_spikes_for(
    spikes: Tensor, shape: tuple[int, ...], weights: Tensor, *, name: str = "spikes"
) -> Tensor:
    """Return the spikes of one step, [B, inputs], in the weights' type; see `spikes_for`."""
    check_kind(spikes, name)
    inputs = math.prod(shape)
    if len(shape) > 1 and tuple(spikes.shape[1:]) == shape:
        spikes = spikes.flatten(1)
    if spikes.dim() != 2 or spikes.shape[1] != inputs:
        raise ValueError(
            f"{name} has the shape {tuple(spikes.shape)}; need [B, {inputs}], the spikes of one"
            " step"
        )
    return _like(spikes, weights, name)


def check_kind(x: object, name: str) -> None:
    """Raise TypeError for anything but a dense tensor of real numbers."""
    if is_trusted():
        return
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name} is a {type(x).__name__}; need a torch.Tensor (torch.as_tensor converts arrays"
            " and lists)"
        )
    if x.is_complex() or x.is_quantized or x.layout != torch.strided or x.is_meta:
        kind = "sparse" if x.layout != torch.strided else "meta" if x.is_meta else str(x.dtype)
        raise TypeError(f"{name} is a {kind} tensor; need a dense tensor of real numbers")


def check_finite_values(x: Tensor, name: str) -> None:
    """Raise ValueError where a tensor on a CPU holds NaN or an infinity."""
    if x.device.type != "cpu" or is_trusted():
        return
    if not math.isfinite(x.sum()) and not bool(torch.isfinite(x).all()):
        bad = int((~torch.isfinite(x)).sum())
        raise ValueError(f"{name} holds {bad:,} values that are not finite (NaN or infinity)")


def check_labels(labels: object, name: str = "labels") -> None:
    """Raise TypeError or ValueError for anything but a dense tensor with one row per sample."""
    check_kind(labels, name)
    if not labels.dim():  # type: ignore[attr-defined]  # it is a Tensor
        raise ValueError(f"{name} is one number; need one per sample, [B]")


def _check_shape(shape: tuple[int, ...], inputs: int, batch: int | None, name: str) -> None:
    steps, samples, width = shape
    if width != inputs:
        raise ValueError(
            f"{name} has the shape {shape}, so {width:,} inputs, and the network has {inputs:,}:"
            f" make its first size {width}, or pass [T, B, {inputs}]"
        )
    if batch is not None and samples != batch:
        swapped = (
            f"; it looks like [B, T, inputs]: pass {name}.transpose(0, 1)" if steps == batch else ""
        )
        raise ValueError(
            f"{name} has the shape {shape}, so {samples:,} samples, and there are {batch:,} labels:"
            f" need one label per sample{swapped}"
        )
    if not steps or not samples:
        raise ValueError(f"{name} has the shape {shape}; need at least one step and one sample")


def _missing_axis(x: Tensor, inputs: int) -> str:
    if x.dim() == 2 and x.shape[1] == inputs:
        return " (one sample alone: add the axis of samples by unsqueeze(1))"
    if x.dim() > 3 and math.prod(x.shape[2:]) == inputs:
        return " (flatten the inputs by flatten(2))"
    return ""


def _like(x: Tensor, weights: Tensor, name: str) -> Tensor:
    if x.device != weights.device:
        raise ValueError(
            f"{name} is on {x.device} and the network on {weights.device}: move one by .to(...)"
        )
    x = x.detach() if x.requires_grad else x  # compiled loops take tensors without a graph
    return x if x.dtype == weights.dtype else x.to(weights.dtype)
