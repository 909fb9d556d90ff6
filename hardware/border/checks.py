"""Checks of arguments: numbers within limits, truth values, words of a table, kinds of objects.

Each check returns the value, or raises a TypeError or ValueError of one line that names the
argument, its value, the limit, and the way out. Needs the standard library alone.
"""

from __future__ import annotations

import difflib
import math
import os
import sys
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import TypeVar, cast

T = TypeVar("T")
_LONGEST_NAME = 255  # bytes of a name in a folder, on every common file system
_MOST = (1 << 63) - 1  # of a machine integer: sizes, counts and seeds must fit


def whole_number(
    value: object,
    name: str,
    least: int = 0,
    most: int = _MOST,
    *,
    unit: str = "",
    need: str = "",
) -> int:
    """Return a whole number, an int or an integer of NumPy, as an int.

    Args:
        name: of the argument, for messages.
        least, most: the least and the largest legal value.
        unit: of the number, for messages, e.g. "epoch".
        need: of the message, in place of the limits.

    Example:
        >>> whole_number(2.5, "batch", least=1)
        Traceback (most recent call last):
        TypeError: batch is 2.5, a float; need a whole number
    """
    if type(value) is int and least <= value <= most:  # most of the time
        return value
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise _of_kind(value, name, "a whole number")
    number = int(value)
    if not least <= number <= most:
        raise ValueError(f"{name} is {text_of(number)}; need {need or _limits(least, most, unit)}")
    return number


def real_number(
    value: object,
    name: str,
    least: float = -math.inf,
    most: float = math.inf,
    *,
    above: float | None = None,
    below: float | None = None,
    finite: bool = True,
    need: str = "",
) -> float:
    """Return a real number of Python or NumPy, `least` <= value <= `most`.

    Args:
        name: of the argument, for messages.
        above, below: limits that are no legal values themselves.
        finite: False: infinity is legal, where the limits allow it.
        need: of the message, in place of the limits.

    Example:
        >>> real_number(math.nan, "rate", above=0.0, below=1.0)
        Traceback (most recent call last):
        ValueError: rate is nan; need 0 < rate < 1
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise _of_kind(value, name, "a real number")
    number = cast(float, value) if type(value) in (int, float) else float(value)
    largest = sys.float_info.max if finite else math.inf
    within = least <= number <= most and -largest <= number <= largest  # False for nan
    reached = (above is not None and number <= above) or (below is not None and number >= below)
    if reached or not within:
        limits = need or _range(name.split(".")[-1], least, most, above, below)
        raise ValueError(f"{name} is {text_of(number)}; need {limits}")
    return number


def whole_fields(
    params: object,
    *names: str,
    table: str,
    least: int = 0,
    most: int = _MOST,
    unit: str = "",
    need: str = "",
) -> None:
    """Check fields of a frozen dataclass as `whole_number` does, and keep them as ints.

    Args:
        names: of the fields.
        table: name of the parameters in a configuration, for messages.
    """
    for name in names:
        value = getattr(params, name)
        value = whole_number(value, f"{table}.{name}", least, most, unit=unit, need=need)
        object.__setattr__(params, name, value)


def real_fields(
    params: object,
    *names: str,
    table: str,
    least: float = -math.inf,
    most: float = math.inf,
    above: float | None = None,
    below: float | None = None,
    finite: bool = True,
    why: str = "",
) -> None:
    """Check fields of a frozen dataclass as `real_number` does, and keep them as floats or ints.

    Args:
        names: of the fields.
        table: name of the parameters in a configuration, for messages.
        why: unit or reason of the limits, for messages.
    """
    for name in names:
        need = f"{_range(name, least, most, above, below)} ({why})" if why else ""
        limits = {"above": above, "below": below, "finite": finite, "need": need}
        value = real_number(getattr(params, name), f"{table}.{name}", least, most, **limits)  # type: ignore[arg-type]
        object.__setattr__(params, name, value)


def truth_value(value: object, name: str) -> bool:
    """Return True or False, of Python or NumPy, as a bool."""
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    raise _of_kind(value, name, "True or False")


def instance_of(value: object, kind: type[T] | tuple[type[T], ...], name: str, need: str) -> T:
    """Return an object of the class `kind`.

    Args:
        name: of the argument, for messages.
        need: description of the right object, for messages.

    Example:
        >>> instance_of("signed", int, "error", "error neurons, e.g. SignedSpikes()")
        Traceback (most recent call last):
        TypeError: error is 'signed', a str; need error neurons, e.g. SignedSpikes()
    """
    if not isinstance(value, kind):
        raise _of_kind(value, name, need)
    return value


def or_default(value: T | None, kind: type[T], name: str) -> T:
    """Return an object of the class `kind`, made with its defaults where None is given."""
    return kind() if value is None else instance_of(value, kind, name, f"{kind.__name__}(...)")


def word_of(value: object, known: Iterable[str], name: str) -> str:
    """Return a word of a table; TypeError for anything but a word, ValueError for another one."""
    words = tuple(known)
    if not isinstance(value, str):
        raise _of_kind(value, name, f"one of {', '.join(words)}")
    if value not in words:
        raise ValueError(f"{name} is {text_of(value)}; {known_words(value, words)}")
    return value


def known_words(word: str, known: Iterable[str]) -> str:
    """Return the end of a refusal of an unknown word: the nearest word, and all words.

    Example:
        >>> known_words("mnits", ["mnist", "fashion"])
        "did you mean 'mnist'? known: mnist, fashion"
        >>> known_words("cifar", ["mnist", "fashion"])
        'known: mnist, fashion'
    """
    words = tuple(known)
    near = difflib.get_close_matches(word.lower(), words, n=1)
    question = f"did you mean {near[0]!r}? " if near else ""
    return f"{question}known: {', '.join(words)}"


def path_of(path: object, name: str) -> Path:
    """Return a path, given as one or as text; no file is looked at.

    Raises: TypeError for anything else; ValueError for a path that no file system takes.
    """
    if not isinstance(path, str | os.PathLike) or isinstance(text := os.fspath(path), bytes):
        raise _of_kind(path, name, "a path, as a str or a pathlib.Path")
    longest = max((len(os.fsencode(part)) for part in Path(text).parts), default=0)
    if not text or "\0" in text or longest > _LONGEST_NAME:
        raise ValueError(
            f"{name} is {text_of(text)}; need a path without zero bytes, of names of 1 to"
            f" {_LONGEST_NAME} bytes"
        )
    return Path(text)


def text_of(value: object, longest: int = 60) -> str:
    """Return an object's text in one line of printable letters, of at most so many."""
    if isinstance(value, int) and abs(value) >= 10**longest:
        return f"a whole number of over {longest} digits"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # the text of a user's own class may fail, and the message must not
        text = f"<{type(value).__name__}>"
    letters = "".join(letter if letter.isprintable() else "?" for letter in text[: longest + 1])
    return letters if len(letters) <= longest else f"{letters[: longest - 3]}..."


def square_side(pixels: int) -> int:
    """Return the side of square images of so many pixels; ValueError where they are not square.

    Example:
        >>> square_side(784)
        28
    """
    side = math.isqrt(pixels)
    if side * side != pixels:
        raise ValueError(
            f"shift moves square images, and {pixels} inputs are no square: set shift=0"
        )
    return side


def _of_kind(value: object, name: str, need: str) -> TypeError:
    if isinstance(value, type):
        return TypeError(f"{name} is the class {value.__name__}; need {need}")
    if value is None:
        return TypeError(f"{name} is None; need {need}")
    article = "an" if type(value).__name__[0].lower() in "aeiou" else "a"
    return TypeError(f"{name} is {text_of(value)}, {article} {type(value).__name__}; need {need}")


def _limits(least: int, most: int, unit: str) -> str:
    units = f" {unit}{'s' if least != 1 or most != _MOST else ''}" if unit else ""
    if most == _MOST:
        return f"at least {least}{units}" if least else "0 or more"
    return f"{least} to {most}{units}"


def _range(name: str, least: float, most: float, above: float | None, below: float | None) -> str:
    low = f"{least:g} <= " if above is None else f"{above:g} < "
    high = f" <= {most:g}" if below is None else f" < {below:g}"
    low = "" if above is None and least == -math.inf else low
    high = "" if below is None and most == math.inf else high
    return f"{low}{name}{high}" if low or high else "a finite number"
