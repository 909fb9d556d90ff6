"""Figures of separated sources: their waves, and the error as the rule learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from ..charts import SMALL, TEXT, WIDTH
from ..style import BLUE, DASHED, GRID, INK, LAYER_COLOURS, PALE, quiet

TITLES = {"sources": "sources", "mixtures": "mixtures", "separated": "separated by the rule"}


def waves(shown: Mapping[str, Sequence[Sequence[float]]], *, ms: float) -> Figure:
    """Draw the first samples of sources, of their mixtures, and of the separated sources.

    Args:
        shown: signals by name, "sources", "mixtures" and "separated", each [signals, samples].
        ms: milliseconds per sample.
    """
    rows = len(shown["sources"])
    figure = Figure(figsize=(WIDTH * 1.3, 0.55 + 0.62 * rows), layout="constrained")
    axes = figure.subplots(rows, 3, squeeze=False, sharex=True)
    for column, (name, title) in enumerate(TITLES.items()):
        for row in range(rows):
            ax = axes[row][column]
            y = np.asarray(shown[name][row], float)
            colour = PALE if name == "mixtures" else LAYER_COLOURS[row % len(LAYER_COLOURS)]
            ax.plot(np.arange(len(y)) * ms, y, color=colour, linewidth=1.1)
            quiet(ax, tick_size=SMALL)
            ax.set_yticks([])
            ax.spines["left"].set_visible(False)
        axes[0][column].set_title(title, fontsize=TEXT, color=INK, loc="left")
        axes[-1][column].set_xlabel("time (ms)", fontsize=SMALL, color=INK)
    return figure


def convergence(
    curves: Sequence[Sequence[tuple[float, float]]], reference: Sequence[float], *, x: str
) -> Figure:
    """Draw the error over FOBI's as the rule learns, one line per seed, on a logarithmic axis.

    Args:
        curves: of each seed, points (steps, error).
        reference: FOBI's error of each seed.
        x: label of the horizontal axis.
    """
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    ax = figure.subplots()
    for curve, error in zip(curves, reference, strict=True):
        steps, errors = np.asarray(curve, float).T
        ax.plot(steps, errors / error, color=BLUE, linewidth=1.2, alpha=0.6)
    ax.set_yscale("log")
    ax.axhline(1.1, color=INK, linewidth=1, linestyle=DASHED)
    ax.annotate(
        "1.1",
        (1, 1.1),
        (4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=SMALL,
        color=INK,
        va="center",
    )
    quiet(ax, tick_size=SMALL)
    ax.grid(axis="y", color=GRID, linewidth=0.8)
    ax.set_xlabel(x, fontsize=TEXT, color=INK)
    ax.set_ylabel("error / FOBI's error", fontsize=TEXT, color=INK)
    return figure
