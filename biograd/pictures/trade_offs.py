"""Accuracy against joules: numbered points or modelled ranges over a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from .charts import SMALL, TEXT, WIDTH, hollow_range
from .style import BLUE, DASHED, GRID, INK, ORANGE, PALE, quiet
from .units import engineering


class Span(NamedTuple):
    """One modelled range of x at one y."""

    y: float
    low: float
    high: float
    colour: str = BLUE


def scatter(
    points: Sequence[tuple[str, float, float, str]], *, x: str, y: str, unit: str
) -> Figure:
    """Draw numbered points over a log x axis; a line joins those that no other beats in both.

    Args:
        points: (name, x, y, colour); less x and more y are better.
        x: label of the horizontal axis.
        y: label of the vertical axis.
        unit: of x.
    """
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    ax = figure.subplots()
    ax.set_xscale("log")
    front: list[tuple[float, float]] = []
    for _, px, py, _ in sorted(points, key=lambda point: (point[1], -point[2])):
        if not front or py > front[-1][1]:
            front.append((px, py))
    ax.plot(
        [p[0] for p in front],
        [p[1] for p in front],
        color=PALE,
        linewidth=1.2,
        zorder=0,
        drawstyle="steps-post",
    )
    for number, (_, px, py, colour) in enumerate(points, start=1):
        ax.plot([px], [py], "o", color=colour, markersize=6)
        ax.annotate(
            str(number), (px, py), (5, 4), textcoords="offset points", fontsize=SMALL, color=INK
        )
    _trade_off_axes(ax, x, y, unit)
    return figure


def span_scatter(
    spans: Sequence[Span], *, x: str, y: str, unit: str, mark: float | None = None
) -> Figure:
    """Draw numbered ranges over a log x axis, as hollow as in `log_ranges`.

    Args:
        x: label of the horizontal axis.
        y: label of the vertical axis.
        unit: of x.
        mark: y of a dashed line.
    """
    figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
    ax = figure.subplots()
    ax.set_xscale("log")
    for number, span in enumerate(spans, start=1):
        hollow_range(ax, span.low, span.high, span.y, span.colour, width=5, ends=(8, 1.4))
        ax.annotate(
            str(number),
            (span.low, span.y),
            (-5, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=SMALL,
            color=INK,
        )
    if mark is not None:
        ax.axhline(mark, color=INK, linewidth=1, linestyle=DASHED, zorder=0)
    _trade_off_axes(ax, x, y, unit)
    ax.set_xlim(min(span.low for span in spans) / 2, None)
    return figure


def spans_and_points(
    spans: Sequence[Span],
    points: Sequence[tuple[float | None, float]],
    *,
    x: str,
    y: str,
    unit: str,
    names: tuple[str, str],
) -> Figure:
    """Draw hollow ranges and, with other numbers and filled marks, points over a log x axis.

    Args:
        spans: numbered from 1.
        points: (x, y), numbered from where the ranges end; a point without x is left out,
            and so is its number.
        x: label of the horizontal axis.
        y: label of the vertical axis.
        unit: of x.
        names: of the ranges and of the points, for the legend.
    """
    figure = span_scatter(spans, x=x, y=y, unit=unit)
    (ax,) = figure.axes
    for number, (px, py) in enumerate(points, start=len(spans) + 1):
        if px is None:
            continue
        ax.plot([px], [py], "D", color=ORANGE, markersize=5)
        right = number % 2
        ax.annotate(
            str(number),
            (px, py),
            (6 if right else -6, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            fontsize=SMALL,
            color=INK,
        )
    ends = [
        *(px for px, _ in points if px is not None),
        *(end for span in spans for end in span[1:3]),
    ]
    ax.set_xlim(min(ends) / 2, max(ends) * 2)
    ax.xaxis.set_major_locator(LogLocator(numticks=12))
    marks = [
        Line2D([], [], color=BLUE, linewidth=5, alpha=0.28, label=names[0]),
        Line2D([], [], color=ORANGE, marker="D", linestyle="", markersize=5, label=names[1]),
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=2, frameon=False, fontsize=SMALL)
    return figure


def _trade_off_axes(ax: Axes, x: str, y: str, unit: str) -> None:
    quiet(ax, tick_size=SMALL)
    ax.grid(color=GRID, linewidth=0.8)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: engineering(value, unit)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(x, fontsize=TEXT, color=INK)
    ax.set_ylabel(y, fontsize=TEXT, color=INK)
