"""Simulator against chip: weights before and after rounding, and two voltages that differ.

    figure = voltages(v_simulator, v_chip, title="Hidden 1, neuron 7")
    Path("voltages.svg").write_text(saving.as_svg(figure))

From plain arrays. The simulator is blue and the chip orange in every picture. Style: see `style`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .style import (
    BLUE,
    DASHED,
    INK,
    NORMAL,
    ORANGE,
    PALE,
    SMALL,
    TITLE,
    WIDTH,
    name_beside,
    quiet_labelled,
)
from .units import engineering

BINS = 90  # of a histogram over all weights of a layer, at most
NEAR = 6  # weight steps to either side of 0 that the close view shows, at most
FINE = 8  # bins per weight step in the close view, before rounding, at most
PER_BIN = 20  # weights per bin of the close view, on average at least
SMALL_GAP = 0.01  # thresholds; up to here the axis of gaps is linear, beyond it logarithmic


class Rounding(NamedTuple):
    """The weights of one layer before and after they became integers."""

    name: str
    before: np.ndarray  # float [out, in], thresholds per spike
    after: np.ndarray  # int [out, in], chip units
    scale: float  # thresholds per spike of one chip unit
    step: int  # chip units between neighbouring weights
    low: int  # smallest weight the chip holds, chip units
    high: int  # largest

    @property
    def clipped(self) -> int:
        """Number of weights more than half a step outside the chip's range."""
        units = self.before / self.scale
        return int(((units < self.low - self.step / 2) | (units > self.high + self.step / 2)).sum())

    @property
    def zeroed(self) -> int:
        """Number of weights that rounding made 0."""
        return int(((self.after == 0) & (self.before != 0)).sum())

    @property
    def error(self) -> float:
        """Root mean square error of rounding and clipping, thresholds per spike."""
        return float(np.sqrt(np.mean((self.after * self.scale - self.before) ** 2)))


def weights(layers: Sequence[Rounding]) -> Figure:
    """Draw weights before and after rounding, one row per layer.

    Left: all weights, on a log scale. Right: those near 0, as single steps.
    """
    figure = Figure(figsize=(WIDTH, 0.7 + 1.75 * len(layers)), layout="constrained")
    rows = figure.subplots(len(layers), 2, squeeze=False, width_ratios=[1.5, 1])
    for (whole, near), layer in zip(rows, layers, strict=True):
        _all_weights(whole, layer)
        _near_zero(near, layer)
        whole.set_ylabel(f"{layer.name}\nweights (log)")
        share = f"{layer.clipped:,} of {layer.before.size:,} clipped"
        whole.set_title(
            f"{share}, error {layer.error:.2g} rms", loc="left", fontsize=SMALL, color=INK
        )
        zeroed = 100 * layer.zeroed / layer.before.size
        near.set_title(f"near 0: {zeroed:.1f} % round to 0", loc="left", fontsize=SMALL, color=INK)
    for ax in rows[-1]:
        ax.set_xlabel("weight (thresholds per spike)")
    figure.legend(
        *rows[0, 0].get_legend_handles_labels(),
        loc="outside upper left",
        ncols=3,
        fontsize=SMALL,
        frameon=False,
    )
    figure.align_ylabels(rows[:, 0])
    return figure


def voltages(v_simulator: np.ndarray, v_chip: np.ndarray, *, title: str) -> Figure:
    """Draw one neuron's soma voltage in the simulator and in the chip's integers, and their gap.

    A voltage above 1 is a spike: a filled dot, and a stroke above the panel. Steps where only one
    of the two spikes are shaded. The axis of the gap is linear up to `SMALL_GAP`, logarithmic
    beyond it.

    Args:
        v_simulator: before the reset, thresholds, [T].
        v_chip: the same on the chip, thresholds, [T].
    """
    t = np.arange(1, len(v_simulator) + 1)
    figure = Figure(figsize=(WIDTH, 4.3), layout="constrained")
    soma, gap = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    _both_voltages(soma, t, v_simulator, v_chip)
    _voltage_gap(gap, t, v_chip - v_simulator)
    for ax in (soma, gap):
        quiet_labelled(ax)
        ax.set_xlim(0.5, len(t) + 0.5)
        for step in t[(v_simulator > 1) != (v_chip > 1)]:
            ax.axvspan(step - 0.5, step + 0.5, color="#F3F3F3", linewidth=0, zorder=0)
    soma.set_ylabel("soma voltage $v$\n(thresholds)")
    gap.set_ylabel("chip − simulator\n(thresholds)")
    gap.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    gap.set_xlabel("time step", fontsize=NORMAL)
    soma.set_title(title, **TITLE)
    figure.align_ylabels()
    return figure


def _both_voltages(ax: Axes, t: np.ndarray, v_simulator: np.ndarray, v_chip: np.ndarray) -> None:
    ax.axhline(1, color=PALE, linewidth=1, linestyle=DASHED)
    name_beside(ax, 1, "threshold", INK)
    low, high = min(0.0, *v_simulator, *v_chip), max(1.0, *v_simulator, *v_chip)
    rows = (
        ("simulator", v_simulator, BLUE, "o", "-"),
        ("chip", v_chip, ORANGE, "s", (0, (3, 1.5))),
    )
    for row, (name, v, colour, marker, dashes) in enumerate(rows):
        ax.plot(t, v, color=colour, linewidth=1.6, linestyle=dashes, zorder=2 + row)
        spikes = v > 1
        size = 8 if row == 0 else 4  # the smaller mark on top: both are visible where they agree
        ax.plot(
            t[~spikes],
            v[~spikes],
            marker,
            color="white",
            markeredgecolor=colour,
            markersize=size,
            zorder=4 + row,
        )
        ax.plot(t[spikes], v[spikes], marker, color=colour, markersize=size, zorder=4 + row)
        y = high + (high - low) * (0.2 - 0.1 * row)
        half = (high - low) * 0.035
        ax.vlines(t[spikes], y - half, y + half, color=colour, linewidth=2.5)
        count = int(spikes.sum())
        name_beside(ax, y, f"{name}: {count} spike{'' if count == 1 else 's'}", colour)
    ax.set_ylim(low - (high - low) * 0.06, high + (high - low) * 0.28)


def _voltage_gap(ax: Axes, t: np.ndarray, gap: np.ndarray) -> None:
    ax.axhline(0, color=PALE, linewidth=1)
    ax.bar(t, gap, width=0.5, color=INK)
    # Rounding builds up over small gaps before the first spike that differs; after it the gaps are
    # a hundred times as wide.
    ax.set_yscale("symlog", linthresh=SMALL_GAP)
    widest = max(1.2 * SMALL_GAP, 1.5 * float(np.abs(gap).max()))
    ax.set_ylim(-widest, widest)
    ax.set_yticks(
        [sign * tick for sign in (-1, 1) for tick in (0.01, 0.1, 1) if tick < widest] + [0]
    )
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    ax.minorticks_off()


def _all_weights(ax: Axes, layer: Rounding) -> None:
    """Draw histograms of all weights, before and after rounding.

    A bin holds a whole number of steps, so that both sides fall into the same bins. Where there
    are few steps, the real numbers have finer bins, of the same area per step.
    """
    before, after = layer.before.ravel(), layer.after.ravel() * layer.scale
    step = layer.step * layer.scale
    bins = min(BINS, np.sqrt(before.size))  # fewer weights, wider bins
    width = step * max(1, round(np.ptp(np.append(before, after)) / step / bins))
    first, last = (
        np.floor(v / width + 0.5)
        for v in (min(before.min(), after.min()), max(before.max(), after.max()))
    )
    edges = (np.arange(first, last + 2) - 0.5) * width
    fine = max(1, int(bins) // (len(edges) - 1))
    finer = np.linspace(edges[0], edges[-1], (len(edges) - 1) * fine + 1)
    ax.hist(
        before,
        finer.tolist(),
        weights=np.full(before.shape, fine),
        color=BLUE,
        alpha=0.35,
        label="simulator: real numbers",
    )
    ax.hist(
        after,
        edges,
        histtype="step",
        color=ORANGE,
        linewidth=1.2,
        label="chip: integers times scale",
    )
    for index, limit in enumerate((layer.low, layer.high)):
        label = "the chip's range" if index == 0 else None
        ax.axvline(
            limit * layer.scale, color=INK, linewidth=1, linestyle=(0, (1, 1.5)), label=label
        )
    ax.set_yscale("log")
    ax.set_ylim(bottom=0.6)
    quiet_labelled(ax)


def _near_zero(ax: Axes, layer: Rounding) -> None:
    """Draw weights within some steps of 0: before rounding in fine bins, after it one bar each.

    Bins and bars have the same area per step.
    """
    units = layer.before.ravel() / layer.scale / layer.step
    near = min(NEAR, max(layer.high, -layer.low) // layer.step)
    levels = np.arange(-near, near + 1)
    step = layer.step * layer.scale
    inside = units[np.abs(units) <= near + 0.5]
    fine = min(FINE, 1 + inside.size // len(levels) // PER_BIN)
    edges = np.linspace(-near - 0.5, near + 0.5, len(levels) * fine + 1)
    ax.hist(
        inside * step,
        (edges * step).tolist(),
        weights=np.full(inside.shape, fine),
        color=BLUE,
        alpha=0.35,
    )
    ax.bar(
        levels * step,
        [int((layer.after == level * layer.step).sum()) for level in levels],
        width=0.28 * step,
        color=ORANGE,
    )
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=4))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda count, _: engineering(count, "")))
    ax.set_ylabel("weights per step")
    quiet_labelled(ax)
