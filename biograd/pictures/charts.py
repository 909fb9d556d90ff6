"""The report's own charts, from plain numbers: each returns a matplotlib Figure narrow enough for a
phone.

The style is that of `plots`. Modelled figures are drawn as hollow ranges, measured ones as filled
dots, never in one bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from .plots import BLUE, GREEN, INK, ORANGE, PALE, PURPLE, SKY

WIDTH = 5.0  # inches
TEXT, SMALL = 9.5, 8.5  # points
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, INK)
BIOGRAD, BPTT, ANN = BLUE, ORANGE, GREEN


class Line(NamedTuple):
    """One curve."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str = BLUE
    spread: Sequence[float] | None = None  # drawn as a band, +-


class Quantity(NamedTuple):
    """One figure of a log chart: a range where it is modelled, a dot where it was measured."""

    name: str
    low: float
    high: float
    measured: bool
    colour: str = BLUE


class Span(NamedTuple):
    """One modelled range of x at a known y."""

    y: float
    low: float
    high: float
    colour: str = BLUE


def colour_of(method: str) -> str:
    """One hue a family of methods, in every chart."""
    for start, colour in (
        ("BioGrad, random", PURPLE),
        ("BioGrad, symmetric", SKY),
        ("BioGrad", BLUE),
        ("BPTT", ORANGE),
        ("ANN", GREEN),
    ):
        if method.startswith(start):
            return colour
    return ORANGE if "BPTT" in method else INK


def dots(
    rows: Sequence[tuple[str, Sequence[float]]], *, unit: str, mark: tuple[str, float] | None = None
) -> Figure:
    """Every seed's figure as a dot, one row per method, with the mean as a stroke; `mark` is a
    dashed line with a name.
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
        ax.axvline(mark[1], color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        ax.text(
            mark[1], len(rows) - 0.35, mark[0], ha="center", va="bottom", fontsize=SMALL, color=INK
        )
    ax.grid(axis="x", color="#ECECEC", linewidth=0.8)
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
    """Curves, named above the chart in their colours."""
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
    _quiet(ax)
    ax.grid(axis="y", color="#ECECEC", linewidth=0.8)
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
    """Figures over many orders of magnitude: measured ones as dots, modelled ones as hollow ranges;
    values written beside them.
    """
    figure = Figure(figsize=(WIDTH, 0.75 + 0.36 * len(quantities)), layout="constrained")
    ax = figure.subplots()
    ax.set_xscale("log")
    for row, q in enumerate(quantities):
        y = len(quantities) - 1 - row
        if q.measured:
            ax.plot([q.low], [y], "o", color=q.colour, markersize=7)
        else:
            ax.plot(
                [q.low, q.high],
                [y, y],
                color=q.colour,
                linewidth=7,
                alpha=0.28,
                solid_capstyle="round",
            )
            ax.plot(
                [q.low, q.high], [y, y], "|", color=q.colour, markersize=11, markeredgewidth=1.6
            )
        text = (
            engineering(q.low, unit)
            if q.measured or q.low == q.high
            else f"{engineering(q.low, unit)} – {engineering(q.high, unit)}"
        )
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
    ax.grid(axis="x", color="#ECECEC", linewidth=0.8)
    ax.tick_params(axis="x", labelsize=SMALL)
    return figure


def tornado(rows: Sequence[tuple[str, float, float]], base: float, *, unit: str) -> Figure:
    """How far a total moves when each constant is lowered or raised: (name, total when lowered,
    total when raised).
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
    ax.grid(axis="x", color="#ECECEC", linewidth=0.8)
    return figure


def scatter(
    points: Sequence[tuple[str, float, float, str]], *, x: str, y: str, unit: str
) -> Figure:
    """Named points (name, x, y, colour) with a log x axis; those that nothing beats in both are
    joined by a line.
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
    _quiet(ax)
    ax.grid(color="#ECECEC", linewidth=0.8)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: engineering(value, unit)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(x, fontsize=TEXT, color=INK)
    ax.set_ylabel(y, fontsize=TEXT, color=INK)
    return figure


def span_scatter(
    spans: Sequence[Span], *, x: str, y: str, unit: str, mark: float | None = None
) -> Figure:
    """Numbered ranges over a log x axis, as hollow as in `log_ranges`; `mark` is a dashed line at
    that y.
    """
    figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
    ax = figure.subplots()
    ax.set_xscale("log")
    for number, span in enumerate(spans, start=1):
        ax.plot(
            [span.low, span.high],
            [span.y, span.y],
            color=span.colour,
            linewidth=5,
            alpha=0.28,
            solid_capstyle="round",
        )
        ax.plot(
            [span.low, span.high],
            [span.y, span.y],
            "|",
            color=span.colour,
            markersize=8,
            markeredgewidth=1.4,
        )
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
        ax.axhline(mark, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    _quiet(ax)
    ax.grid(color="#ECECEC", linewidth=0.8)
    ax.set_xlim(min(span.low for span in spans) / 2, None)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: engineering(value, unit)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(x, fontsize=TEXT, color=INK)
    ax.set_ylabel(y, fontsize=TEXT, color=INK)
    return figure


def core_map(
    layers: Sequence[tuple[str, int, Sequence[tuple[str, float]]]], *, total: int = 128
) -> Figure:
    """The chip's cores, 16 a row, in the colour of the layer that lies on them; below, how full
    each layer's fullest core is.

    Args:
        layers: (name, cores, [(resource, share used)]).
    """
    columns = 16
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    chip, loads = figure.subplots(2, 1, height_ratios=[1.1, 1])
    owner = [index for index, (_, cores, _) in enumerate(layers) for _ in range(cores)]
    for core in range(total):
        colour = COLOURS[owner[core] % len(COLOURS)] if core < len(owner) else "#E6E6E6"
        chip.add_patch(_tile(core % columns, core // columns, colour))
    chip.set_xlim(-0.1, columns)
    chip.set_ylim(total // columns, -0.1)
    chip.set_aspect("equal")
    chip.set_axis_off()
    chip.set_title(f"{len(owner)} of {total} cores", loc="left", fontsize=TEXT, color=INK)
    names = [resource for resource, _ in layers[0][2]]
    width = 0.8 / len(layers)
    for index, (name, cores, shares) in enumerate(layers):
        at = np.arange(len(shares)) + (index - (len(layers) - 1) / 2) * width
        label = f"{name}: {cores} core{'s' if cores > 1 else ''}"
        loads.bar(
            at,
            [100 * share for _, share in shares],
            width * 0.9,
            color=COLOURS[index % len(COLOURS)],
            label=label,
        )
    loads.set_xticks(range(len(names)), names, fontsize=SMALL)
    loads.set_ylabel("fullest core\n(% used)", fontsize=TEXT, color=INK)
    loads.set_ylim(0, 105)
    _quiet(loads)
    figure.legend(loc="outside lower left", ncols=3, fontsize=SMALL, frameon=False)
    return figure


def engineering(value: float, unit: str) -> str:
    """A value with an SI prefix and two or three figures: 2.5e-6 J is "2.5 uJ" (with a Greek mu);
    unit "" gives the bare number.
    """
    if value == 0:
        return f"0 {unit}".strip()
    for power, prefix in (
        (9, "G"),
        (6, "M"),
        (3, "k"),
        (0, ""),
        (-3, "m"),
        (-6, "µ"),
        (-9, "n"),
        (-12, "p"),
    ):
        if abs(value) >= 0.9995 * 10.0**power or power == -12:
            scaled = value / 10.0**power
            digits = 0 if abs(scaled) >= 99.95 else 1 if abs(scaled) >= 9.995 else 2
            text = f"{scaled:.{digits}f}"
            return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {prefix}{unit}".strip()
    raise AssertionError("unreachable: the smallest prefix takes everything")


def engineering_range(bounds: Sequence[float], unit: str) -> str:
    """Two bounds as `engineering` writes them; one value where they look the same."""
    low, high = (engineering(b, unit) for b in bounds)
    return low if low == high else f"{low} – {high}"


def _tile(column: int, row: int, colour: str) -> Rectangle:
    return Rectangle((column, row), 0.86, 0.86, facecolor=colour, edgecolor="none")


def _rows(ax: Axes, names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), list(reversed(names)), fontsize=SMALL)
    ax.set_ylim(-0.6, len(names) - 0.4)
    _quiet(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0, labelsize=SMALL)


def _quiet(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(PALE)
    ax.tick_params(colors=INK, color=PALE, labelsize=SMALL, length=3)
