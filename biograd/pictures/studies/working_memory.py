"""Figures of a memory of two angles: its manifold in three dimensions, errors as it learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from ..charts import COLOURS, SMALL, TEXT, WIDTH
from ..style import DASHED, GRID, INK, PALE, quiet


def manifolds(shapes: Mapping[str, Sequence[Any]]) -> Figure:  # any: nested lists of numbers
    """Draw activity on three principal components; hue is the first angle.

    Solid rings: the second angle turns. Grey rings: the first one does.

    Args:
        shapes: by title, points [first angle, second angle, 3].
    """
    figure = Figure(figsize=(WIDTH * 0.75 * len(shapes), 3.6), layout="constrained")
    hues = colormaps["twilight_shifted"]
    for place, (title, points) in enumerate(shapes.items(), start=1):
        ax: Any = figure.add_subplot(1, len(shapes), place, projection="3d")  # any: Axes3D
        grid = np.asarray(points, float)
        closed = np.concatenate([grid, grid[:1]], axis=0)
        for ring in closed.swapaxes(0, 1):
            ax.plot(*ring.T, color=PALE, linewidth=0.6)
        for k, ring in enumerate(grid):
            whole = np.concatenate([ring, ring[:1]])
            ax.plot(*whole.T, color=hues((k + 0.5) / len(grid)), linewidth=1.3)
        ax.set_title(title, fontsize=TEXT, color=INK, loc="left")
        for number, axis in enumerate((ax.xaxis, ax.yaxis, ax.zaxis), start=1):
            axis.set_ticklabels([])
            axis.set_pane_color((1, 1, 1, 0))
            label = {"fontsize": SMALL, "color": INK, "labelpad": -12}
            (ax.set_xlabel, ax.set_ylabel, ax.set_zlabel)[number - 1](f"PC {number}", **label)
    return figure


def learning(curves: Mapping[str, Sequence[Sequence[Sequence[float]]]], *, aim: float) -> Figure:
    """Draw the error of each angle as networks learn.

    Args:
        curves: by rule, for each seed, points (batches, first, second error in degrees).
        aim: height of a dashed line, degrees.
    """
    figure = Figure(figsize=(WIDTH * 1.4, 3.0), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for item, (ax, title) in enumerate(zip(axes, ("first angle", "second angle"), strict=True)):
        for colour, (name, seeds) in zip(COLOURS, curves.items(), strict=False):
            for number, points in enumerate(seeds):
                batches, *errors = np.asarray(points, float).T
                label = name if item == number == 0 else None
                ax.plot(batches, errors[item], color=colour, linewidth=1.3, alpha=0.8, label=label)
        ax.axhline(aim, color=INK, linewidth=1, linestyle=DASHED)
        quiet(ax, tick_size=SMALL)
        ax.grid(axis="y", color=GRID, linewidth=0.8)
        ax.set_ylim(0, 60)
        ax.set_title(title, fontsize=TEXT, color=INK, loc="left")
        ax.set_xlabel("batches", fontsize=SMALL, color=INK)
    axes[0].set_ylabel("error (degrees)", fontsize=SMALL, color=INK)
    figure.legend(
        loc="outside upper left", ncols=3, fontsize=SMALL, frameon=False, labelcolor="linecolor"
    )
    return figure
