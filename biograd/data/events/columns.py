"""Recordings and windows as users have them, made columns of whole numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ...checks import text_of, whole_number

NAMES = ("x", "y", "p", "t")
MAX_WINDOW = 10**13  # us, 115 days: times of steps, t T, stay within 64 bit below 900,000 steps


def columns_of(events: object, name: str, max_events: int | None = None) -> list[np.ndarray]:
    """Return the columns x, y, p, t of a recording as arrays of integers or truth values.

    Args:
        events: four columns in this order; or a structured array or dictionary with the fields x
            and t, and y and p where the sensor has rows and polarities, as tonic's recordings.
            Numbers may be of any type that holds whole numbers.
        name: of the recording, for messages.
        max_events: more are refused before any of them is read.
    Raises: TypeError for anything else; ValueError for numbers that are not whole, or too many.
    """
    if isinstance(events, Mapping) or getattr(getattr(events, "dtype", None), "names", None):
        columns = _by_name(events, name)
    elif isinstance(events, np.ndarray | Tensor | Sequence) and not isinstance(events, str | bytes):
        columns = _in_order(events, name)
    else:
        raise TypeError(
            f"{name} is {text_of(events)}; need Events, four columns x, y, p, t, or a structured"
            " array of them"
        )
    arrays = [_array(column, f"{name}: {part}") for part, column in columns.items()]
    if any(array.dtype.kind not in "iufb" for array in arrays):
        kinds = ", ".join(str(array.dtype) for array in arrays)
        raise ValueError(
            f"{name} has x, y, p, t of {kinds}: need integers (pixels, 0 or 1, and microseconds)"
        )
    # Before any value is read: a forged or mapped file may claim a terabyte.
    length = max((len(array) for array in arrays if array.ndim), default=0)
    if max_events is not None and length > max_events:
        raise ValueError(
            f"{name} holds {length:,} events, more than {max_events:,}: split it, or raise"
            " max_events"
        )
    return [_whole(array, f"{name}: {part}") for part, array in zip(columns, arrays, strict=True)]


def checked_window(window: object) -> int:
    """Return the time that the steps of a sample span, us; a whole float such as 3e5 is taken."""
    if isinstance(window, float | np.floating) and float(window).is_integer():
        window = int(window)
    need = "at least 1 us and at most 10^13: the time that the steps of a sample span"
    return whole_number(window, "window", 1, MAX_WINDOW, need=need)


def off_and_on(p: np.ndarray, polarities: int) -> np.ndarray:
    """Return polarities 0 and 1 where a recording of a sensor with two has -1 and 1."""
    signed = polarities == 2 and p.dtype.kind == "i" and p.ndim == 1 and len(p)
    return p > 0 if signed and p.min() == -1 and not (p == 0).any() and p.max() <= 1 else p


def _by_name(events: Any, name: str) -> dict[str, Any]:  # any: a structured array or a dictionary
    fields = tuple(events if isinstance(events, Mapping) else events.dtype.names)
    if not {"x", "t"} <= set(fields) <= set(NAMES):
        raise ValueError(
            f"{name} has the fields {text_of(fields)}; need x, y, p, t, or x and t of a sensor of"
            " one row and polarity"
        )
    zeros = np.zeros(np.shape(events["t"]), dtype=np.int64)
    return {part: events[part] if part in fields else zeros for part in NAMES}


def _in_order(events: Any, name: str) -> dict[str, Any]:  # any: arrays of any library
    if len(events) != 4:
        way_out = ""
        if tuple(getattr(events, "shape", ()))[1:] == (4,):
            way_out = ": pass it transposed, [4, events]"
        elif len(events) == 2:
            way_out = ": of a pair (events, label), pass the events alone"
        raise ValueError(f"{name} has {len(events):,} columns; need four: x, y, p, t{way_out}")
    return dict(zip(NAMES, events, strict=True))


def _array(column: Any, name: str) -> np.ndarray:  # any: what NumPy takes
    try:
        return np.asarray(column.detach().cpu() if isinstance(column, Tensor) else column)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name} is {text_of(column)}; need a list or array of integers") from None


def _whole(column: np.ndarray, name: str) -> np.ndarray:
    """Return a column of numbers as integers; the type of those that are stays."""
    if column.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            whole = column.astype(np.int64)
        wrong = np.flatnonzero((whole != column).ravel())
        if len(wrong):
            value = column.ravel()[wrong[0]]
            raise ValueError(
                f"{name} is {value:g} at event {wrong[0]:,}, {column.dtype}: need integers (pixels,"
                " 0 or 1, and microseconds: seconds times 1,000,000, rounded)"
            )
        return whole
    if column.dtype.kind == "u" and column.size and int(column.max()) >= 1 << 63:
        raise ValueError(f"{name} reaches {int(column.max()):,}; need whole numbers below 2^63")
    return column
