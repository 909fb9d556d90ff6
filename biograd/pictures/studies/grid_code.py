"""Figures of the grid code: logical errors against noise, and against faulty copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from ..charts import COLOURS, SMALL, TEXT, WIDTH
from ..style import DASHED, GRID, INK, quiet


class Rates(NamedTuple):
    """Errors at rising noise, with their interval."""

    noise: Sequence[float]
    rate: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def errors(
    curves: Mapping[str, Rates], *, x: str, y: str, floor: float, mark: float | None = None
) -> Figure:
    """Draw errors on a logarithmic axis, with their 95 % intervals.

    Args:
        curves: by name.
        x, y: labels of the axes.
        floor: errors below it, such as 0, are drawn at it.
        mark: place of a dashed line on the horizontal axis.
    """
    figure = Figure(figsize=(WIDTH, 3.2 + 0.09 * len(curves)), layout="constrained")
    ax = figure.subplots()
    for number, (name, c) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        rate, low, high = (np.maximum(np.asarray(v, float), floor) for v in (c.rate, c.low, c.high))
        ax.fill_between(c.noise, low, high, color=colour, alpha=0.15, linewidth=0)
        ax.plot(c.noise, rate, color=colour, marker="o", markersize=3, linewidth=1.6, label=name)
    ax.set_yscale("log")
    ax.set_ylim(floor * 0.8, 1)
    if mark is not None:
        ax.axvline(mark, color=INK, linewidth=1, linestyle=DASHED, zorder=0)
    quiet(ax, tick_size=SMALL)
    ax.grid(axis="y", color=GRID, linewidth=0.8)
    ax.set_xlabel(x, fontsize=TEXT, color=INK)
    ax.set_ylabel(y, fontsize=TEXT, color=INK)
    figure.legend(
        loc="outside upper left",
        ncols=2,
        fontsize=SMALL,
        frameon=False,
        labelcolor="linecolor",
        handlelength=1.2,
    )
    return figure
