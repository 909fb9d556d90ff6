"""Slots for numbers, words, flags, paths and objects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from case import LEGAL, OPEN, SAME, WRONG, Expectation, Mutation, Slot, instead

HUGE = 10**30  # beyond every machine integer


def whole(
    value: int,
    low: int | None = 1,
    high: int | None = None,
    *,
    tied: bool = False,
    optional: bool = False,
    scale: bool = True,
) -> Slot:
    """A whole number of low .. high.

    Args:
        tied: another argument fixes it; one more is wrong.
        scale: try it 1,000 times as large, too.
    """
    beyond = high is not None and value + 1 > high
    slot = instead(
        value,
        ("one more", value + 1, WRONG if tied or beyond else LEGAL),
        ("as float", float(value), SAME),
        ("plus a half", value + 0.5, WRONG),
        ("nan", math.nan, WRONG),
        ("inf", math.inf, WRONG),
        ("as a string", str(value), WRONG),
        ("None", None, LEGAL if optional else WRONG),
        ("True", True, OPEN),
        ("as NumPy int64", np.int64(value), SAME),
        ("as a tensor", torch.tensor(value), SAME),
        ("as a list", [value], WRONG),
        ("as complex", complex(value), WRONG),
        ("huge", HUGE, WRONG if high is not None or tied else OPEN),
        ("an array of two", np.array([value, value]), WRONG),
    )
    if low is not None:
        slot += instead(value, ("below the least", low - 1, WRONG)).mutations
        slot += instead(value, ("far below", -HUGE, WRONG), ("-1000", low - 1000, WRONG)).mutations
    if high is not None:
        slot += instead(value, ("above the most", high + 1, WRONG)).mutations
    if scale:
        expected = WRONG if tied or (high is not None and 1000 * value > high) else OPEN
        slot += instead(value, ("1,000 times", 1000 * value, expected)).mutations
    return slot


def number(
    value: float,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    ends: str = "[]",
    infinite: Expectation = WRONG,
    optional: bool = False,
) -> Slot:
    """A real number between low and high; `ends`: "[" and "]" where the end itself is legal, "("
    and ")" where it is not.
    """
    slot = instead(
        value,
        ("nan", math.nan, WRONG),
        ("inf", math.inf, WRONG if math.isfinite(high) else infinite),
        ("-inf", -math.inf, WRONG if math.isfinite(low) else infinite),
        ("as a string", str(value), WRONG),
        ("None", None, LEGAL if optional else WRONG),
        ("as NumPy float64", np.float64(value), SAME),
        ("as a tensor", torch.tensor(value, dtype=torch.float64), SAME),
        ("as a list", [value], WRONG),
        ("as complex", complex(value), WRONG),
        ("an array of two", np.array([value, value]), WRONG),
        ("True", True, OPEN),
    )
    for name, end, mark, step in (("low", low, ends[0], -1), ("high", high, ends[1], 1)):
        if math.isfinite(end):
            closed = mark in "[]"
            slot += instead(
                value,
                (f"the {name} end", type(value)(end), LEGAL if closed else WRONG),
                (f"beyond the {name} end", end + step * max(1e-3, abs(end) / 100), WRONG),
                (f"far beyond the {name} end", step * 1e30, WRONG),
            ).mutations
    return slot


def flag(value: bool, *, optional: bool = False) -> Slot:
    """A truth value."""
    return instead(
        value,
        ("the other", not value, LEGAL),
        ("as a word", "yes" if value else "no", WRONG),
        ("as int", int(value), SAME),
        ("as NumPy bool", np.bool_(value), SAME),
        ("None", None, LEGAL if optional else WRONG),
        ("2", 2, WRONG),
        ("nan", math.nan, WRONG),
    )


def word(value: str, others: Sequence[str] = (), *, wrong: Sequence[str] = ("no such",)) -> Slot:
    """A word out of a table; `others` are legal too."""
    slot = instead(
        value,
        ("empty", "", WRONG),
        ("in capitals", value.upper(), WRONG),
        ("with a space", f"{value} ", WRONG),
        ("None", None, WRONG),
        ("an int", 1, WRONG),
        ("bytes", value.encode(), WRONG),
        ("a list", [value], WRONG),
        ("a dict", {value: 1}, WRONG),
        ("300 letters", "a" * 300, WRONG),
        ("two lines", "a\nb", WRONG),
    )
    slot += [Mutation(f"{other!r}", lambda _, o=other: o, LEGAL) for other in others]
    slot += [Mutation(f"{other!r}", lambda _, o=other: o, WRONG) for other in wrong]
    return slot


def text(value: str) -> Slot:
    """Any text, such as a name."""
    return instead(
        value,
        ("empty", "", OPEN),
        ("another", "another", LEGAL),
        ("None", None, OPEN),
        ("an int", 1, OPEN),
        ("bytes", b"a", OPEN),
        ("two lines", "a\nb", OPEN),
        ("300 letters", "a" * 300, OPEN),
    )


def readable(path: Path, *, folder: bool = False, content: bytes = b"") -> Slot:
    """A path to read; `content`: of its file, to be cut and damaged."""
    place = path.parent / "misuse"
    place.mkdir(exist_ok=True)
    (place / "empty").write_bytes(b"")
    (place / "noise").write_bytes(bytes(range(256)) * 8)
    (place / "text").write_text("hello = world\n")
    slot = instead(
        path,
        ("as a string", str(path), SAME),
        ("missing", place / "nothing here", WRONG),
        ("None", None, WRONG),
        ("an int", 3, WRONG),
        ("empty string", "", WRONG),
        ("bytes", str(path).encode(), OPEN),
        ("a list", [path], WRONG),
        ("of another kind", place / "text" if folder else place, WRONG),
        ("an empty file", place / "empty", WRONG),
        ("a file of noise", place / "noise", WRONG),
        ("a file of text", place / "text", WRONG),
        ("an empty folder", _empty(place), WRONG),
        ("a path with a zero byte", "a\0b", WRONG),
        ("a path of 300 letters", "a" * 300, WRONG),
    )
    if content:
        (place / "half").write_bytes(content[: len(content) // 2])
        slot += instead(path, ("half of the file", place / "half", WRONG)).mutations
    return slot


def _empty(place: Path) -> Path:
    (place / "empty folder").mkdir(exist_ok=True)
    return place / "empty folder"


def thing(
    value: Any,  # any: an object of the library
    *others: tuple[str, Any, Expectation],
    optional: bool = False,
) -> Slot:
    """An object; objects of another kind are wrong, and so is its class in its place.

    Args:
        others: name, value and expectation of more to try.
        optional: None is legal.
    """
    return instead(
        value,
        ("None", None, LEGAL if optional else WRONG),
        ("a string", "a word", WRONG),
        ("an int", 7, WRONG),
        ("an empty dict", {}, WRONG),
        ("an object", object(), WRONG),
        ("its class", type(value), WRONG),
        ("its class's name", type(value).__name__, WRONG),
        ("in a tuple", (value,), WRONG),
        ("a tensor", torch.zeros(3), WRONG),
        *others,
    )


def generator(seed: int = 0, *, optional: bool = True) -> Slot:
    """A torch generator."""
    return thing(
        torch.Generator().manual_seed(seed),
        ("a seed", 0, WRONG),
        ("a NumPy generator", np.random.default_rng(0), WRONG),
        optional=True,
    ).expecting(OPEN if optional else WRONG, "None")


def counts(value: Sequence[int], *, least: int = 1, tied_length: bool = False) -> Slot:
    """Several whole numbers of at least 1, such as the sizes of a network's populations.

    Args:
        least: how many there are at least.
        tied_length: whether another argument fixes how many.
    """
    value = tuple(value)
    first, *rest = value
    return instead(
        value,
        ("as a list", list(value), SAME),
        ("as a NumPy array", np.array(value), SAME),
        ("as a tensor", torch.tensor(value), SAME),
        ("as floats", tuple(map(float, value)), SAME),
        ("as strings", tuple(map(str, value)), WRONG),
        ("as one string", ",".join(map(str, value)), WRONG),
        ("as an iterator", iter(value), OPEN),
        ("as a set", set(value), WRONG),
        ("as NumPy ints", tuple(map(np.int64, value)), SAME),
        ("a zero", (0, *rest), WRONG),
        ("a negative number", (-first, *rest), WRONG),
        ("a half", (first + 0.5, *rest), WRONG),
        ("nan", (math.nan, *rest), WRONG),
        ("a None", (None, *rest), WRONG),
        ("a truth value", (True, *rest), OPEN),
        ("a list inside", ([first], *rest), WRONG),
        ("huge", (HUGE, *rest), WRONG),
        ("a petabyte", (1 << 50, *rest), OPEN),
        ("one more", (*value, 3), WRONG if tied_length else LEGAL),
        ("empty", (), WRONG if least else LEGAL),
        ("the first alone", (first,), LEGAL if least <= 1 else WRONG),
        ("an int", first, WRONG),
        ("None", None, WRONG),
        ("a dict", dict.fromkeys(value), WRONG),
    )
