"""Checks of tensors where they enter pure steps: kind, axes, and sizes that must agree; of seeds.

They cost a few microseconds, and stand outside the compiled loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from . import inputs
from .checks import instance_of, text_of, whole_number

ANY, PERHAPS = "*?"  # any number of axes; one or none


def check_shapes(*tensors: tuple[str, object, str], **sizes: int) -> None:
    """Raise TypeError or ValueError for anything but real floating-point tensors of these axes.

    Args:
        tensors: name, tensor and axes of each, e.g. ("g", g, "T B N"); axes of one letter have one
            size in all tensors. In front, * stands for any number of axes, ? for one or none.
        sizes: sizes of axes that are known already.

    Example:
        >>> check_shapes(("v", torch.zeros(2, 3), "B N"), ("teach", torch.zeros(2, 4), "B N"))
        Traceback (most recent call last):
        ValueError: teach has the shape (2, 4); need [B, N] with B = 2, N = 3
    """
    if inputs.is_trusted():
        return
    like: tuple[object, ...] = ()
    for name, x, axes in tensors:
        # most tensors are as the one before: a state's parts, the two sides of a sum
        if isinstance(x, Tensor) and (axes, x.shape, x.dtype, x.layout, x.device) == like:
            continue
        inputs.check_kind(x, name)
        assert isinstance(x, Tensor)  # for mypy: `check_kind` has seen to it
        if not x.is_floating_point():
            raise TypeError(f"{name} is a {x.dtype} tensor; need floats: pass {name}.float()")
        letters, fits = _parsed(axes), True
        shape: Sequence[int] = x.shape
        if letters[0] in (ANY, PERHAPS):
            in_front = len(shape) - len(letters) + 1
            fits = in_front >= 0 and (in_front <= 1 or letters[0] == ANY)
            letters, shape = letters[1:], shape[max(0, in_front) :]
        pairs = tuple(zip(letters, shape, strict=False))
        if not fits or len(shape) != len(letters) or _differ(pairs, sizes):
            raise ValueError(_misfit(name, x, axes.split(), sizes))
        sizes.update(pairs)
        like = axes, x.shape, x.dtype, x.layout, x.device


def check_state(
    state: object, fields: tuple[str, ...], axes: str, *others: tuple[str, object, str]
) -> None:
    """Raise TypeError or ValueError for anything but a state of tensors of these fields and axes.

    Args:
        fields: names of the state's parts.
        axes: of each part, as in `check_shapes`.
        others: tensors beside the state, as in `check_shapes`.
    """
    if inputs.is_trusted():
        return
    if isinstance(state, type) or not all(hasattr(state, field) for field in fields):
        raise TypeError(
            f"the state is {text_of(state)}; need one with {', '.join(fields)}, as the step before"
            " returns it"
        )
    parts = ((f"state.{field}", getattr(state, field), axes) for field in fields)
    check_shapes(*parts, *others)


def floats_like(x: Tensor, like: Tensor, name: str) -> Tensor:
    """Return spikes of any real type in the type of another tensor, which `check_shapes` checks."""
    inputs.check_kind(x, name)
    return x.to(like.dtype) if isinstance(like, Tensor) and x.dtype != like.dtype else x


def check_generator(generator: object, *, optional: bool = True) -> None:
    """Raise TypeError for anything but a torch generator, or None where it is optional."""
    if generator is None and optional:
        return
    need = "a torch.Generator, e.g. torch.Generator().manual_seed(0)"
    instance_of(generator, torch.Generator, "generator", need)


def seeded(seed: int) -> torch.Generator:
    """Return a generator of this seed, a whole number of 64 bits."""
    return torch.Generator().manual_seed(whole_number(seed, "seed", -(1 << 63)))


def set_state(generator: torch.Generator, state: Tensor) -> None:
    """Put a generator into a stored state; ValueError for anything but one."""
    try:
        generator.set_state(state)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"the generator's state is {text_of(state)}; need what get_state() returned"
        ) from error


@cache
def _parsed(axes: str) -> tuple[str, ...]:
    return tuple(axes.split())


def _differ(pairs: tuple[tuple[str, int], ...], sizes: dict[str, int]) -> bool:
    return any(axis in sizes and sizes[axis] != size for axis, size in pairs)


def _misfit(name: str, x: Tensor, letters: list[str], sizes: dict[str, int]) -> str:
    known = [f"{letter} = {sizes[letter]:,}" for letter in letters if letter in sizes]
    fixed = f" with {', '.join(known)}" if known and x.dim() else ""
    return f"{name} has the shape {tuple(x.shape)}; need [{', '.join(letters)}]{fixed}"
