"""Slots for recordings of events, sensors, and lists of recordings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from case import ALIKE, LEGAL, OPEN, SAME, WRONG, Slot
from material import Draw
from scalars import instead, thing, whole

import biograd as bg


def events_slot(value: bg.Events, sensor: bg.Sensor) -> Slot:
    """A recording for a sensor, and damaged ones."""
    n = len(value.t)
    rows = np.zeros(n, dtype=[("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("p", "?")])
    for name in rows.dtype.names:
        rows[name] = getattr(value, name)

    def changed(change: Callable[[np.ndarray], object], *columns: str) -> bg.Events:
        return value._replace(**{c: change(getattr(value, c)) for c in columns or value._fields})

    def put(column: str, number: object) -> bg.Events:
        part = getattr(value, column).astype(np.int64)
        part[n // 2] = number
        return value._replace(**{column: part})

    same = ("float64", "float32", "int16", "uint16", "int32", "uint64", "object", ">i8")
    kinds = [(f"as {kind}", changed(lambda c, k=kind: c.astype(k)), SAME) for kind in same]
    kinds += [
        (f"as {kind}", changed(lambda c, k=kind: c.astype(k)), WRONG)
        for kind in ("complex128", "str", "datetime64[us]")
    ]
    columns = [
        (f"{c} one longer", changed(lambda a: np.append(a, a[-1]), c), WRONG) for c in value._fields
    ] + [(f"{c} one shorter", changed(lambda a: a[:-1], c), WRONG) for c in value._fields]
    columns += [(f"{c} a number", value._replace(**{c: 0}), WRONG) for c in value._fields]
    columns += [(f"{c} is None", value._replace(**{c: None}), WRONG) for c in value._fields]
    return instead(
        value,
        *kinds,
        *columns,
        ("as lists", changed(list), SAME),
        ("as tensors", changed(lambda c: torch.from_numpy(c.astype(np.int64))), SAME),
        ("as a plain tuple", tuple(value), SAME),
        ("as a list of columns", list(value), SAME),
        ("as an array [4, n]", np.stack([c.astype(np.int64) for c in value]), SAME),
        ("as an array [n, 4]", np.stack([c.astype(np.int64) for c in value], 1), WRONG),
        ("as a structured array", rows, OPEN),
        ("as four of its rows", rows[:4], OPEN),
        ("as a dict", value._asdict(), OPEN),
        ("with strides", changed(lambda c: np.repeat(c, 2)[::2]), ALIKE),
        ("read only", changed(_locked), ALIKE),
        ("with columns of two axes", changed(lambda c: c[:, None]), WRONG),
        ("with an extra column", (*value, value.t), WRONG),
        ("without polarities", tuple(value)[:3], WRONG),
        ("in another order of columns", (value.t, value.x, value.y, value.p), WRONG),
        ("empty", changed(lambda c: c[:0]), LEGAL),
        ("of empty lists", bg.Events([], [], [], []), LEGAL),
        ("of empty float arrays", bg.Events(*[np.array([])] * 4), LEGAL),
        ("beyond the width", put("x", sensor.width), WRONG),
        ("beyond the height", put("y", sensor.height), WRONG),
        ("far beyond the width", put("x", 2**40), WRONG),
        ("left of the sensor", put("x", -1), WRONG),
        ("above the sensor", put("y", -1), WRONG),
        ("of polarity 2", put("p", 2), WRONG),
        ("of polarity -1", put("p", -1), WRONG),
        ("of a negative time", bg.Events(*value[:3], value.t - 10_000), WRONG),
        ("out of order", changed(lambda t: t[::-1] - np.arange(n), "t"), WRONG),
        ("of huge times", bg.Events(*value[:3], value.t + 2**62), LEGAL),
        ("of times that are nan", changed(lambda t: np.full(n, np.nan), "t"), WRONG),
        ("of half microseconds", changed(lambda t: t + 0.5, "t"), OPEN),
        ("after the window", changed(lambda t: t + 10**15, "t"), LEGAL),
        ("None", None, WRONG),
        ("a string", "events", WRONG),
        ("an int", 3, WRONG),
    )


def _locked(column: np.ndarray) -> np.ndarray:
    column = column.copy()
    column.flags.writeable = False
    return column


def sensor_slot(value: bg.Sensor) -> Slot:
    """A sensor, smaller ones, and what is none."""
    changed = value._replace
    return thing(
        value,
        ("as a plain tuple", tuple(value), SAME),
        ("as a list", list(value), OPEN),
        ("too narrow", changed(width=value.width - 1), WRONG),
        ("too low", changed(height=value.height - 1), WRONG),
        ("of one polarity", changed(polarities=1), WRONG),
        ("a truth value as polarities", changed(polarities=True), WRONG),
        ("of no width", changed(width=0), WRONG),
        ("of negative height", changed(height=-value.height), WRONG),
        ("negative twice", changed(width=-value.width, height=-value.height), WRONG),
        ("of float width", changed(width=float(value.width)), SAME),
        ("of half a pixel", changed(width=value.width + 0.5), WRONG),
        ("of width as a string", changed(width="5"), WRONG),
        ("of width None", changed(width=None), WRONG),
        ("of NumPy sizes", bg.Sensor(*map(np.int64, value)), SAME),
        ("of a huge width", changed(width=10**30), WRONG),
        ("wider", changed(width=value.width + 1), LEGAL),
        ("a width", value.width, WRONG),
    ).without("in a tuple")


def window_slot(value: int = 1000) -> Slot:
    """The time that the steps of a sample span, us."""
    slot = whole(value)
    return slot + instead(value, ("3e5", 3e5, OPEN), ("one microsecond", 1, OPEN)).mutations


def shots_slot(draw: Draw, n: int) -> Slot:
    """Recordings, as many as there are labels."""
    shots = [draw.events() for _ in range(n)]
    bad = events_slot(shots[0], draw.sensor()).mutations
    # All recordings are read, so that each damaged one is met.
    damaged = [(f"one of them {m.name}", [m.change(shots[0]), *shots[1:]], m.expected) for m in bad]
    kind = Shots(shots)
    return instead(
        shots,
        *damaged,
        ("one too few", shots[:-1], WRONG),
        ("one too many", [*shots, shots[0]], WRONG),
        ("as a tuple", tuple(shots), SAME),
        ("as an object that reads", kind, ALIKE),
        ("as an iterator", iter(shots), WRONG),
        ("a single recording", shots[0], WRONG),
        ("as a dict", dict(enumerate(shots)), OPEN),
        ("none", [], WRONG),
        ("None", None, WRONG),
        ("a string", "recordings", WRONG),
        ("an int", n, WRONG),
    )


class Shots:
    """Recordings that are read when asked for."""

    def __init__(self, shots: list[bg.Events]) -> None:
        self.shots = shots

    def __len__(self) -> int:
        return len(self.shots)

    def __getitem__(self, index: int) -> bg.Events:
        return self.shots[index]
