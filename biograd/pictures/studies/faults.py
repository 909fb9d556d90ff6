"""Figures of accuracy against the rate of each kind of fault, and of learning on after damage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from ..charts import COLOURS, SMALL, TEXT, WIDTH
from ..style import GRID, INK, quiet


def accuracies(curves: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> Figure:
    """Draw one panel per kind of fault, one line per network.

    Args:
        curves: by kind and network, points (rate, accuracy from 0 to 1), rates rising.
    """
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(WIDTH * 1.4, 0.6 + 2.1 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).flat
    for panel, (ax, (kind, lines)) in enumerate(zip(axes, curves.items(), strict=False)):
        for colour, (name, points) in zip(COLOURS, lines.items(), strict=False):
            rates, accuracy = np.asarray(points, float).T
            ax.plot(
                rates,
                100 * accuracy,
                color=colour,
                marker="o",
                markersize=2.5,
                linewidth=1.3,
                label=name if panel == 0 else None,
            )
        quiet(ax, tick_size=SMALL)
        ax.grid(axis="y", color=GRID, linewidth=0.8)
        ax.set_ylim(0, 100)
        ax.set_title(kind, fontsize=TEXT, color=INK, loc="left")
    figure.supylabel("test accuracy (%)", fontsize=SMALL, color=INK)
    figure.legend(
        loc="outside upper left", ncols=4, fontsize=SMALL, frameon=False, labelcolor="linecolor"
    )
    return figure


def healing(curves: Mapping[str, Sequence[tuple[float, float]]], intact: float) -> Figure:
    """Draw accuracy against the samples learned after each damage, and that before the damage.

    Args:
        curves: by damage, points (samples, accuracy from 0 to 1), samples rising from 0.
        intact: accuracy before the damage, 0 to 1.
    """
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    ax = figure.subplots()
    ax.axhline(100 * intact, color=INK, linewidth=0.8, linestyle=":", label="before the damage")
    for colour, (name, points) in zip(COLOURS, curves.items(), strict=False):
        samples, accuracy = np.asarray(points, float).T
        ax.plot(
            samples,
            100 * accuracy,
            color=colour,
            marker="o",
            markersize=2.5,
            linewidth=1.3,
            label=name,
        )
    # linear up to the first point after the damage, which itself is at 0
    ax.set_xscale("symlog", linthresh=min(p[1][0] for p in curves.values()))
    ticks = [samples for samples, _ in next(iter(curves.values()))]
    ax.set_xticks(ticks, [f"{samples:,.0f}" for samples in ticks])
    ax.minorticks_off()
    quiet(ax, tick_size=SMALL)
    ax.grid(axis="y", color=GRID, linewidth=0.8)
    ax.set_xlabel("samples learned after the damage", fontsize=SMALL, color=INK)
    ax.set_ylabel("test accuracy (%)", fontsize=SMALL, color=INK)
    ax.legend(fontsize=SMALL, frameon=False, labelcolor="linecolor", loc="lower right")
    return figure
