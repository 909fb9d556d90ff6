"""The pictures of a deployment, from plain arrays: the cores and their load, weights before and
after rounding, two voltages that part.

    figure = voltages(v_simulator, v_chip, title="Hidden 1, neuron 7")
    Path("voltages.svg").write_text(plots.as_svg(figure))

The style is that of `plots`. The simulator is blue and the chip orange in every picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from . import charts
from .plots import _TITLE, BLUE, INK, NORMAL, ORANGE, PALE, SMALL, WIDTH, _name_beside, _quiet

BINS = 90  # of a histogram over all weights of a layer, at most
NEAR = 6  # weight steps to either side of 0 that the close view shows, at most
FINE = 8  # bins per weight step in the close view, before rounding, at most
SMALL_GAP = 0.01  # thresholds; up to here the axis of gaps is linear, beyond it logarithmic


class CoreLoad(NamedTuple):
    """The cores that hold one layer."""

    name: str
    cores: int
    loads: Mapping[str, tuple[int, int]]  # resource: (used on the fullest core, most a core has)


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
        """Weights that lay more than half a step outside the chip's range."""
        units = self.before / self.scale
        return int(((units < self.low - self.step / 2) | (units > self.high + self.step / 2)).sum())

    @property
    def zeroed(self) -> int:
        """Weights that rounding made 0."""
        return int(((self.after == 0) & (self.before != 0)).sum())

    @property
    def error(self) -> float:
        """Root mean square of what rounding and clipping changed, thresholds per spike."""
        return float(np.sqrt(np.mean((self.after * self.scale - self.before) ** 2)))


def core_loads(layers: Sequence[CoreLoad]) -> Figure:
    """Which cores of the chip hold which layer, and what is used of the fullest core of each: the
    report's core map, with numbers.
    """
    most = {resource: limit for layer in layers for resource, (_, limit) in layer.loads.items()}
    figure = charts.core_map(
        [
            (
                layer.name,
                layer.cores,
                [
                    (f"{resource}\nof {limit:,}", layer.loads[resource][0] / limit)
                    for resource, limit in most.items()
                ],
            )
            for layer in layers
        ]
    )
    figure.set_size_inches(WIDTH, 4.6)
    upright = len(layers) <= 3  # more bars leave no room for level numbers
    for bars, layer in zip(figure.axes[1].containers, layers, strict=True):
        used = [f"{layer.loads[resource][0]:,}" for resource in most]
        style = {"padding": 2, "fontsize": 6.5, "color": INK, "rotation": 0 if upright else 90}
        figure.axes[1].bar_label(bars, used, **style)  # type: ignore[arg-type]
    figure.axes[1].set_ylim(0, 115 if upright else 130)
    figure.axes[1].set_yticks([0, 50, 100])
    return figure


def weights(layers: Sequence[Rounding]) -> Figure:
    """Weights before and after rounding, a row per layer: all of them, on a log scale, and those
    near 0 as single steps.
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
    """One neuron's soma voltage in the simulator and in the chip's integers, and how far apart they
    are.

    Args:
        v_simulator: before the reset, thresholds, [T].
        v_chip: the same on the chip, thresholds, [T].
    A voltage above 1 is a spike: a filled dot, and a stroke above the panel. Where only one of the
    two spikes, the step is shaded. The axis of the gap is linear up to `SMALL_GAP` and logarithmic
    beyond.
    """
    t = np.arange(1, len(v_simulator) + 1)
    figure = Figure(figsize=(WIDTH, 4.3), layout="constrained")
    soma, gap = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    soma.axhline(1, color=PALE, linewidth=1, linestyle=(0, (4, 3)))
    _name_beside(soma, 1, "threshold", INK)
    low, high = min(0.0, *v_simulator, *v_chip), max(1.0, *v_simulator, *v_chip)
    rows = (
        ("simulator", v_simulator, BLUE, "o", "-"),
        ("chip", v_chip, ORANGE, "s", (0, (3, 1.5))),
    )
    for row, (name, v, colour, marker, dashes) in enumerate(rows):
        soma.plot(t, v, color=colour, linewidth=1.6, linestyle=dashes, zorder=2 + row)
        spikes = v > 1
        # the smaller one on top leaves both to be seen where they agree
        size = 8 if row == 0 else 4
        soma.plot(
            t[~spikes],
            v[~spikes],
            marker,
            color="white",
            markeredgecolor=colour,
            markersize=size,
            zorder=4 + row,
        )
        soma.plot(t[spikes], v[spikes], marker, color=colour, markersize=size, zorder=4 + row)
        at = high + (high - low) * (0.2 - 0.1 * row)
        soma.vlines(
            t[spikes],
            at - (high - low) * 0.035,
            at + (high - low) * 0.035,
            color=colour,
            linewidth=2.5,
        )
        _name_beside(
            soma, at, f"{name}: {int(spikes.sum())} spike{'' if spikes.sum() == 1 else 's'}", colour
        )
    soma.set_ylim(low - (high - low) * 0.06, high + (high - low) * 0.28)
    gap.axhline(0, color=PALE, linewidth=1)
    gap.bar(t, v_chip - v_simulator, width=0.5, color=INK)
    # Rounding builds up over small gaps before the first spike that differs; after it they are a
    # hundred times as wide.
    gap.set_yscale("symlog", linthresh=SMALL_GAP)
    widest = max(1.2 * SMALL_GAP, 1.5 * float(np.abs(v_chip - v_simulator).max()))
    gap.set_ylim(-widest, widest)
    gap.set_yticks(
        [sign * tick for sign in (-1, 1) for tick in (0.01, 0.1, 1) if tick < widest] + [0]
    )
    gap.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    gap.minorticks_off()
    for ax in (soma, gap):
        _quiet(ax)
        ax.set_xlim(0.5, len(t) + 0.5)
        for step in t[(v_simulator > 1) != (v_chip > 1)]:
            ax.axvspan(step - 0.5, step + 0.5, color="#F3F3F3", linewidth=0, zorder=0)
    soma.set_ylabel("soma voltage $v$\n(thresholds)")
    gap.set_ylabel("chip − simulator\n(thresholds)")
    gap.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    gap.set_xlabel("time step", fontsize=NORMAL)
    soma.set_title(title, **_TITLE)
    figure.align_ylabels()
    return figure


def _all_weights(ax: Axes, layer: Rounding) -> None:
    """Histograms of all weights; a bin holds a whole number of steps, so that both sides fall into
    the same bins.

    Where there are few steps, the real numbers have finer bins, of the same area per step.
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
    _quiet(ax)


def _near_zero(ax: Axes, layer: Rounding) -> None:
    """Weights within some steps of 0: a narrow bar an integer on the chip, and finer bins, of the
    same area per step, before.
    """
    units = layer.before.ravel() / layer.scale / layer.step
    near = min(NEAR, max(layer.high, -layer.low) // layer.step)
    levels = np.arange(-near, near + 1)
    step = layer.step * layer.scale
    inside = units[np.abs(units) <= near + 0.5]
    fine = min(FINE, 1 + inside.size // len(levels) // 20)  # at least some 20 weights a bin
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
    ax.yaxis.set_major_formatter(FuncFormatter(lambda count, _: charts.engineering(count, "")))
    ax.set_ylabel("weights per step")
    _quiet(ax)
