"""Charts of the report, from plain numbers: each returns a matplotlib Figure that fits a phone.

Modelled figures are hollow ranges, measured ones filled dots, never one bar. Style: see `style`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from .style import BLUE, DASHED, GREEN, GRID, INK, ORANGE, PURPLE, SKY, quiet
from .units import engineering

WIDTH = 5.0  # inches
TEXT, SMALL = 9.5, 8.5  # points
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, INK)
_COLOUR_OF = {  # by the start of a method's name, the first that fits
    "BioGrad, random": PURPLE,
    "BioGrad, symmetric": SKY,
    "BioGrad": BLUE,
    "BPTT": ORANGE,
    "ANN": GREEN,
}


class Line(NamedTuple):
    """One curve."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str = BLUE
    spread: Sequence[float] | None = None  # drawn as a band, +-


class Quantity(NamedTuple):
    """One row of `log_ranges`: a range if modelled, a dot if measured."""

    name: str
    low: float
    high: float
    measured: bool
    colour: str = BLUE


def colour_of(method: str) -> str:
    """Return the colour of a method's family, the same in every chart."""
    for start, colour in _COLOUR_OF.items():
        if method.startswith(start):
            return colour
    return ORANGE if "BPTT" in method else INK


def dots(
    rows: Sequence[tuple[str, Sequence[float]]], *, unit: str, mark: tuple[str, float] | None = None
) -> Figure:
    """Draw one dot per seed, one row per method, with the mean as a stroke.

    Args:
        rows: (method, value of each seed).
        unit: of the values, written below the axis.
        mark: a dashed line: its name and place.
    """
    figure = Figure(figsize=(WIDTH, 0.7 + 0.34 * len(rows)), layout="constrained")
    ax = figure.subplots()
    for row, (name, values) in enumerate(rows):
        y, colour = len(rows) - 1 - row, colour_of(name)
        ax.plot(
            values,
            [y] * len(values),
            "o",
            color=colour,
            markersize=6,
            alpha=0.55,
            markeredgewidth=0,
        )
        ax.plot([np.mean(values)] * 2, [y - 0.3, y + 0.3], color=colour, linewidth=2)
    _rows(ax, [name for name, _ in rows])
    if mark:
        ax.axvline(mark[1], color=INK, linewidth=1, linestyle=DASHED, zorder=0)
        ax.text(
            mark[1], len(rows) - 0.35, mark[0], ha="center", va="bottom", fontsize=SMALL, color=INK
        )
    ax.grid(axis="x", color=GRID, linewidth=0.8)
    ax.set_xlabel(unit, fontsize=TEXT, color=INK)
    every = [value for _, values in rows for value in values] + ([mark[1]] if mark else [])
    margin = max(0.1, 0.12 * (max(every) - min(every)))
    ax.set_xlim(min(every) - margin, max(every) + margin)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6))
    return figure


def curves(
    lines: Sequence[Line],
    *,
    x: str,
    y: str,
    log: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> Figure:
    """Draw curves, named above the chart in their colours.

    Args:
        x: label of the horizontal axis.
        y: label of the vertical axis.
        log: both axes logarithmic.
        low: bounds of the vertical axis; None: as far as the curves reach.
        high: the same.
    """
    rows = -(-len(lines) // 2)
    figure = Figure(figsize=(WIDTH, 3.0 + 0.18 * rows), layout="constrained")
    ax = figure.subplots()
    for line in lines:
        xs, ys = np.asarray(line.x, float), np.asarray(line.y, float)
        ax.plot(xs, ys, color=line.colour, linewidth=1.8, marker="o", markersize=3, label=line.name)
        if line.spread is not None:
            spread = np.asarray(line.spread, float)
            ax.fill_between(
                xs, ys - spread, ys + spread, color=line.colour, alpha=0.18, linewidth=0
            )
    if log:
        for axis, set_scale in ((ax.xaxis, ax.set_xscale), (ax.yaxis, ax.set_yscale)):
            set_scale("log")
            axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=15))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
    ax.set_ylim(low, high)
    quiet(ax, tick_size=SMALL)
    ax.grid(axis="y", color=GRID, linewidth=0.8)
    ax.set_xlabel(x, fontsize=TEXT, color=INK)
    ax.set_ylabel(y, fontsize=TEXT, color=INK)
    if not log:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    figure.legend(
        loc="outside upper left",
        ncols=2,
        fontsize=SMALL,
        frameon=False,
        labelcolor="linecolor",
        handlelength=1.2,
    )
    return figure


def log_ranges(quantities: Sequence[Quantity], *, unit: str) -> Figure:
    """Draw quantities over many orders of magnitude, with their values written beside them.

    Measured ones are dots, modelled ones hollow ranges.
    """
    figure = Figure(figsize=(WIDTH, 0.75 + 0.36 * len(quantities)), layout="constrained")
    ax = figure.subplots()
    ax.set_xscale("log")
    for row, q in enumerate(quantities):
        y = len(quantities) - 1 - row
        if q.measured:
            ax.plot([q.low], [y], "o", color=q.colour, markersize=7)
        else:
            hollow_range(ax, q.low, q.high, y, q.colour, width=7, ends=(11, 1.6))
        text = engineering(q.low, unit)
        if not q.measured and q.low != q.high:
            text = f"{text} – {engineering(q.high, unit)}"
        ax.annotate(
            text,
            (q.high, y),
            (8, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=q.colour,
        )
    lows, highs = [q.low for q in quantities], [q.high for q in quantities]
    ax.set_xlim(min(lows) / 3, max(highs) * 30 * (max(highs) / min(lows)) ** 0.25)
    _rows(ax, [q.name for q in quantities])
    ax.xaxis.set_major_locator(LogLocator(numticks=5))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: engineering(value, unit)))
    ax.grid(axis="x", color=GRID, linewidth=0.8)
    ax.tick_params(axis="x", labelsize=SMALL)
    return figure


def tornado(rows: Sequence[tuple[str, float, float]], base: float, *, unit: str) -> Figure:
    """Draw how far a total moves when each constant is lowered or raised.

    Args:
        rows: (constant, total when it is lowered, total when it is raised).
        base: the total without changes.
    """
    figure = Figure(figsize=(WIDTH, 0.8 + 0.34 * len(rows)), layout="constrained")
    ax = figure.subplots()
    for row, (_, low, high) in enumerate(rows):
        y = len(rows) - 1 - row
        ax.barh(y, low - base, left=base, color=SKY, height=0.55)
        ax.barh(y, high - base, left=base, color=ORANGE, height=0.55)
    ax.axvline(base, color=INK, linewidth=1)
    _rows(ax, [name for name, _, _ in rows])
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: engineering(value, unit)))
    ax.grid(axis="x", color=GRID, linewidth=0.8)
    return figure


def hollow_range(
    ax: Axes,
    low: float,
    high: float,
    y: float,
    colour: str,
    *,
    width: float,
    ends: tuple[float, float],
) -> None:
    """Draw a hollow range; `ends`: height and thickness of its end strokes, points."""
    height, thick = ends
    ax.plot([low, high], [y, y], color=colour, linewidth=width, alpha=0.28, solid_capstyle="round")
    ax.plot([low, high], [y, y], "|", color=colour, markersize=height, markeredgewidth=thick)


def _rows(ax: Axes, names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), list(reversed(names)), fontsize=SMALL)
    ax.set_ylim(-0.6, len(names) - 0.4)
    quiet(ax, tick_size=SMALL)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0, labelsize=SMALL)
