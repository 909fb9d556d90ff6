"""Slots for tensors: wrong sizes, orders of axes, dtypes, containers and values of each."""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from case import ALIKE, LEGAL, OPEN, SAME, WRONG, Expectation, Mutation, Slot
from torch import Tensor

FLOATS = (torch.float16, torch.bfloat16, torch.float64)
WHOLES = (torch.bool, torch.uint8, torch.int32, torch.int64)


def array(
    x: Tensor,
    *,
    tied: Collection[int] = (),
    axes: Collection[int] = (),
    optional: bool = False,
    empty: Expectation = OPEN,
    pure: bool = False,
    cast: Expectation = OPEN,
    nonfinite: Expectation = OPEN,
    huge: Expectation = OPEN,
) -> Slot:
    """A tensor.

    Args:
        tied: axes whose size another argument fixes; the others may have any size.
        axes: numbers of axes that are legal; that of `x` unless given.
        empty: expected of a free axis of size 0.
        pure: arithmetic that broadcasts: single values, axes of size 1 and complex numbers pass.
        cast: expected of other dtypes, which change or lose values.
        nonfinite: expected of nan and infinity.
        huge: expected of a free axis 100 times as long.
    """
    single = OPEN if pure else WRONG
    slot = Slot(x, [*_sizes(x, tied, axes or {x.ndim}, empty, single, huge), *_forms(x)])
    slot += [Mutation("None", lambda _: None, LEGAL if optional else WRONG)]
    if x.is_floating_point():
        slot += [_to(kind, cast) for kind in (*FLOATS, *WHOLES)]
        slot += [
            Mutation("nan at one place", lambda v: _with(v, torch.nan), nonfinite),
            Mutation("inf at one place", lambda v: _with(v, torch.inf), nonfinite),
            Mutation("-inf at one place", lambda v: _with(v, -torch.inf), nonfinite),
            Mutation("nan everywhere", lambda v: torch.full_like(v, torch.nan), nonfinite),
            Mutation("asks for gradients", lambda v: v.clone().requires_grad_(), ALIKE),
        ]
    if pure:
        slot = slot.expecting(
            OPEN, "as complex64", "first axis", "a single", "an int", "a huge int"
        )
    return slot


def spikes(x: Tensor, *, graded: Expectation = OPEN, **more) -> Slot:
    """A tensor of 0 and 1: any dtype holds the same values; `graded`: expected of other values."""
    slot = array(x, cast=SAME, **{"nonfinite": WRONG, **more})
    slot += [
        Mutation(f"{value} at one place", lambda v, value=value: _with(v, value), graded)
        for value in (0.5, 2.0, -1.0, 1e30)
    ]
    return slot


def images(x: Tensor, **more) -> Slot:
    """Images, uint8 or float in 0..1, whose first axis counts samples."""
    slot = array(x, **{"cast": OPEN, "nonfinite": WRONG, **more})
    slot = slot.expecting(WRONG, "as bool", "as int32", "as int64")
    if x.is_floating_point():
        slot = slot.expecting(OPEN, "as uint8")
        slot += [
            Mutation("in 0..255 as float", lambda v: v * 255, WRONG),
            Mutation("-0.5 at one place", lambda v: _with(v, -0.5), WRONG),
            Mutation("1.5 at one place", lambda v: _with(v, 1.5), WRONG),
            Mutation("standardised", lambda v: (v - 0.5) * 4, WRONG),
        ]
    else:
        slot += [_to(kind, WRONG) for kind in (torch.int32, torch.int64)]
    return slot


def labels(y: Tensor, classes: int, *, tied: bool = True, **more) -> Slot:
    """Classes, int64 [B], 0 .. classes - 1, not all of them 0 or 1."""
    slot = array(y, tied=(0,) if tied else (), empty=WRONG, **more)
    onehot = torch.nn.functional.one_hot(y, classes)
    slot += [
        Mutation("one class too high", lambda v: _with(v, classes), WRONG),
        Mutation("counted from 1", lambda v: _with(v + 1, classes), WRONG),
        Mutation("far too high", lambda v: _with(v, 2**62), WRONG),
        Mutation("negative", lambda v: _with(v, -1), WRONG),
        Mutation("least int64", lambda v: _with(v, -(2**63)), WRONG),
        Mutation("one-hot", lambda v: onehot, SAME),
        Mutation("one-hot, float", lambda v: onehot.float(), SAME),
        Mutation("as int32", lambda v: v.int(), SAME),
        Mutation("as int16", lambda v: v.short(), SAME),
        Mutation("as uint8", lambda v: v.byte(), SAME),
        Mutation("as bool", lambda v: v.bool(), WRONG),
        Mutation("as float32", lambda v: v.float(), WRONG),
        Mutation("as float64", lambda v: v.double(), WRONG),
        Mutation("halves added", lambda v: v + 0.5, WRONG),
        Mutation("a column", lambda v: v[:, None], WRONG),
    ]
    return slot


def set_labels(y: Tensor, classes: int, **more) -> Slot:
    """Labels of a data set, where real values [n, values] are legal, too."""
    return labels(y, classes, **more).expecting(OPEN, "one-hot, float")


def targets(y: Tensor, low: float, high: float, *, tied: Collection[int] = (0, 1), **more) -> Slot:
    """Real values [B, values], each in low .. high."""
    slot = array(y, tied=tied, **{"empty": WRONG, "nonfinite": WRONG, **more})
    slot = slot.expecting(OPEN, *(f"as {k}".replace("torch.", "") for k in WHOLES))
    slot += [
        Mutation("above the range", lambda v: _with(v, high + 1), WRONG),
        Mutation("below the range", lambda v: _with(v, low - 1), WRONG),
        Mutation("of one axis", lambda v: v[:, 0], WRONG),
        Mutation("classes", lambda v: torch.arange(len(v)), WRONG),
    ]
    return slot


def members(x: Tensor, n: int, *, all_of: bool = False) -> Slot:
    """Indices of samples, int64 [B], 0 .. n - 1; `all_of`: slices and truth values choose too."""
    slot = array(x).without("as complex", "as object", "extra axis", "transposed")
    mask = torch.arange(n) % 2 == 0
    slot += [
        Mutation("one too high", lambda v: _with(v, n), WRONG),
        Mutation("far too high", lambda v: _with(v, 2**62), WRONG),
        Mutation("-1", lambda v: _with(v, -1), OPEN),
        Mutation("far too low", lambda v: _with(v, -n - 1), WRONG),
        Mutation("as float32", lambda v: v.float(), WRONG),
        Mutation("as complex64", lambda v: v.to(torch.complex64), WRONG),
        Mutation("as int32", lambda v: v.int(), SAME),
        Mutation("as uint8", lambda v: v.byte(), SAME),
        Mutation("two axes", lambda v: v[None], WRONG),
        Mutation("a truth value per sample", lambda v: mask, OPEN),
        Mutation("a list of truth values", lambda v: mask.tolist(), OPEN),
        Mutation("truth values, too few", lambda v: mask[:-1], WRONG),
        Mutation("truth values, too many", lambda v: torch.ones(n + 1, dtype=torch.bool), WRONG),
        Mutation("a slice", lambda v: slice(0, 2), LEGAL if all_of else OPEN),
        Mutation("a float", lambda v: 1.0, WRONG),
        Mutation("an ellipsis", lambda v: ..., OPEN),
        Mutation("a range", lambda v: range(2), LEGAL if all_of else OPEN),
    ]
    return slot.expecting(OPEN, "axis 0 empty")


def _sizes(x, tied, axes, empty, single, huge) -> list[Mutation]:
    changes = []
    for axis, size in enumerate(x.shape):
        name, free = f"axis {axis}", axis not in tied
        if not size:
            continue
        changes += [
            Mutation(f"{name} one longer", _resize(axis, size + 1), LEGAL if free else WRONG),
            Mutation(f"{name} empty", _resize(axis, 0), empty if free else WRONG),
        ]
        if size > 2:
            changes += [
                Mutation(f"{name} one shorter", _resize(axis, size - 1), LEGAL if free else WRONG),
                Mutation(f"{name} of size 1", _resize(axis, 1), OPEN if free else single),
                Mutation(f"{name} twice as long", _resize(axis, 2 * size), OPEN if free else WRONG),
            ]
        if x.numel() < 20_000:  # free ones less often: steps may be made one by one
            times, text = (100, "100") if free else (1000, "1,000")
            to = huge if free else WRONG
            changes += [Mutation(f"{name} {text} times as long", _resize(axis, times * size), to)]
    for first in range(x.ndim):
        for second in range(first + 1, x.ndim):
            if x.shape[first] == x.shape[second]:
                continue
            free = first not in tied and second not in tied
            if len({first, second} & set(tied)) == 1 and 1 in (x.shape[first], x.shape[second]):
                continue
            changes += [
                Mutation(
                    f"transposed, axes {first} and {second}",
                    lambda v, a=first, b=second: v.transpose(a, b).contiguous(),
                    LEGAL if free else WRONG,
                )
            ]
    fewer, more = x.ndim - 1 in axes, x.ndim + 1 in axes
    changes += [
        Mutation("extra axis in front", lambda v: v[None], OPEN if more else WRONG),
        Mutation("extra axis behind", lambda v: v[..., None], OPEN if more else WRONG),
    ]
    if x.ndim:
        changes += [Mutation("first axis missing", lambda v: v[0], OPEN if fewer else WRONG)]
        to = OPEN if 0 in axes else WRONG
        changes += [Mutation("a single value", lambda v: v.flatten()[0], to)]
    if x.ndim > 1:
        changes += [Mutation("last axis missing", lambda v: v[..., 0], OPEN if fewer else WRONG)]
    if x.ndim > 2:
        changes += [Mutation("flattened", torch.flatten, OPEN if 1 in axes else WRONG)]
    return changes


def _forms(x: Tensor) -> list[Mutation]:
    """The same values in other containers and layouts, and no values at all."""
    return [
        Mutation("a view with strides", _strided, ALIKE),
        Mutation("as a NumPy array", lambda v: v.numpy(), SAME),
        Mutation("as a list", lambda v: v.tolist(), SAME),
        Mutation("as a tuple of tensors", lambda v: tuple(v), SAME),
        Mutation("as complex64", lambda v: v.to(torch.complex64), WRONG),
        Mutation("as object array", lambda v: v.numpy().astype(object), SAME),
        Mutation("as strings", lambda v: v.numpy().astype(str), WRONG),
        Mutation("as sparse", lambda v: v.to_sparse(), SAME),
        Mutation("on the meta device", lambda v: v.to("meta"), OPEN),
        Mutation("a string", lambda v: "spikes", WRONG),
        Mutation("an int", lambda v: 3, WRONG),
        Mutation("a dict", lambda v: {"x": v}, WRONG),
        Mutation("a function", lambda v: torch.zeros, WRONG),
        Mutation("a huge int", lambda v: 10**30, WRONG),
    ]


def _to(kind: torch.dtype, expected: Expectation) -> Mutation:
    return Mutation(f"as {kind}".replace("torch.", ""), lambda v: v.to(kind), expected)


def _with(x: Tensor, value: float) -> Tensor:
    changed = x.clone()
    changed.flatten()[-1:] = value
    return changed


def _resize(axis: int, size: int) -> Callable[[Tensor], Tensor]:
    """A function that cuts an axis of a tensor, or repeats its values, to this size."""
    return lambda x: x.index_select(axis, torch.arange(size) % x.shape[axis])


def _strided(x: Tensor) -> Tensor:
    """The same values, every other one of a larger tensor."""
    wide = torch.zeros(*(2 * size for size in x.shape), dtype=x.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in x.shape)]
    view.copy_(x)
    return view
