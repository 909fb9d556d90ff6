"""Readouts: classes and real values."""

from __future__ import annotations

import torch
from arrays import array, labels, targets
from case import OPEN, WRONG, Call, case
from material import Draw
from scalars import number, thing, whole

import biograd as bg


def _outputs(n: int):
    """Output neurons that fit the targets exactly, so that fewer are wrong."""
    return whole(n, scale=False) + thing(n, ("one less", n - 1, WRONG)).mutations[-1:]


@case("Classes.check")
def _(draw: Draw) -> Call:
    y = labels(draw.labels(draw.B), draw.C, tied=False)
    return Call(bg.Classes().check, y=y, outputs=_outputs(draw.C))


@case("Classes.wished")
def _(draw: Draw) -> Call:
    y = labels(draw.labels(draw.B), draw.C, tied=False)
    return Call(bg.Classes().wished, y=y, outputs=_outputs(draw.C))


@case("Classes.answers")
def _(draw: Draw) -> Call:
    counts = array(draw.spikes(draw.T, draw.B, draw.C).sum(0), nonfinite=WRONG)
    return Call(bg.Classes().answers, counts=counts, steps=whole(draw.T).expecting(OPEN))


@case("Classes.score")
def _(draw: Draw) -> Call:
    answers = labels(draw.labels(draw.B), draw.C, pure=True)
    y = labels(draw.labels(draw.B).flip(0), draw.C, pure=True)
    answers, y = (_compared(slot) for slot in (answers, y))
    return Call(bg.Classes().score, answers=answers, y=y)


@case("Classes.measured")
def _(draw: Draw) -> Call:
    answers = labels(draw.labels(draw.B), draw.C, pure=True)
    y = labels(draw.labels(draw.B).flip(0), draw.C, pure=True)
    answers, y = (_compared(slot) for slot in (answers, y))
    return Call(bg.Classes().measured, answers=answers, y=y)


def _compared(slot):
    """Answers and labels are compared alone: any class is legal, other shapes and kinds are not."""
    values = ("one class", "counted", "far too high", "negative", "least int64", "as bool")
    return slot.expecting(OPEN, *values, "as float", "halves")


@case("Classes.figures")
def _(draw: Draw) -> Call:
    return Call(bg.Classes().figures, mean_score=number(0.5).expecting(OPEN))


@case("Values")
def _(draw: Draw) -> Call:
    low, high = number(-1.0), number(2.0)
    ends = ("an array of two", "as a list", "True", "as NumPy", "as a tensor", "None")
    return Call(
        bg.Values,
        low=low.expecting(OPEN, *ends[:-1])
        + thing(
            -1.0,
            ("the high end", 2.0, WRONG),
            ("above the high end", 3.0, WRONG),
            ("several", [-1.0, -2.0], WRONG),
            ("none", [], WRONG),
            ("words", ["low"], WRONG),
        ).mutations[-5:],
        high=high.expecting(OPEN, *ends[:-1])
        + thing(2.0, ("the low end", -1.0, WRONG), ("two lists", [[2.0], [2.0]], WRONG)).mutations[
            -2:
        ],
        neurons=whole(1 + draw.variant),
    )


def _values(draw: Draw) -> tuple[bg.Values, torch.Tensor, int]:
    """A readout of two values, their targets, and the outputs that tell them."""
    ends = (-1.0, 2.0) if draw.variant % 2 else ([-1.0, -1.0], [2.0, 2.0])
    neurons = 1 + draw.variant % 3
    return bg.Values(*ends, neurons=neurons), draw.rand(draw.B, 2) * 3 - 1, 2 * neurons


@case("Values.check")
def _(draw: Draw) -> Call:
    readout, y, n = _values(draw)
    return Call(readout.check, y=targets(y, -1, 2, tied=(1,)), outputs=whole(n, tied=True))


@case("Values.wished")
def _(draw: Draw) -> Call:
    readout, y, n = _values(draw)
    return Call(readout.wished, y=targets(y, -1, 2, tied=(1,)), outputs=whole(n, tied=True))


@case("Values.answers")
def _(draw: Draw) -> Call:
    readout, _, n = _values(draw)
    counts = array((draw.rand(draw.T, draw.B, n) < 0.4).float().sum(0))
    multiple = ("axis 1 twice", "axis 1 100", "axis 1 empty", "axis 1 one", "axis 1 of", "trans")
    counts = counts.expecting(OPEN, *multiple)
    return Call(readout.answers, counts=counts, steps=whole(draw.T).expecting(OPEN, "plus a half"))


@case("Values.score")
def _(draw: Draw) -> Call:
    readout, y, _ = _values(draw)
    answers = array(y.flip(0), tied=(0, 1), pure=True)
    return Call(
        readout.score,
        answers=answers,
        y=targets(y, -1, 2, nonfinite=OPEN, pure=True).expecting(OPEN, "above", "below"),
    )


@case("Values.measured")
def _(draw: Draw) -> Call:
    readout, y, _ = _values(draw)
    answers = array(y.flip(0), tied=(0, 1), pure=True)
    return Call(
        readout.measured,
        answers=answers,
        y=targets(y, -1, 2, nonfinite=OPEN, pure=True).expecting(OPEN, "above", "below"),
    )


@case("Values.figures")
def _(draw: Draw) -> Call:
    return Call(bg.Values(-1.0, 2.0).figures, mean_score=number(0.5).expecting(OPEN))
