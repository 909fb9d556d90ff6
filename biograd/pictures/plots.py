"""Pictures of a training run: its curves from records, and one sample passing through the network.

    figure = learning_curve(records.read("runs/mnist/records.jsonl"))
    Path("curve.svg").write_text(saving.as_svg(figure))

Each function returns a matplotlib Figure and touches no global state. Style: see `style`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..runs.records import Record
from .style import (
    BLUE,
    DASHED,
    GREEN,
    GRID,
    INK,
    LAYER_COLOURS,
    NORMAL,
    ORANGE,
    PALE,
    SMALL,
    TITLE,
    WIDTH,
    name_beside,
    name_ends,
    quiet_labelled,
)

CLASSES = 20  # an output layer of at most so many neurons shows one row per class


def learning_curve(records: Sequence[Record]) -> Figure:
    """Draw accuracy in percent after each epoch, on training samples and on held-out ones.

    Training samples are counted as they were learned from, held-out ones where measured.
    """
    epochs = _epochs(records)
    figure, ax = _panel()
    ends = []
    for key, name, colour in (
        ("train_accuracy", "training", PALE),
        ("test_accuracy", "held out", BLUE),
    ):
        x, y = _series(epochs, key, 100)
        if np.isfinite(y).any():
            ax.plot(x, y, color=colour, linewidth=1.8, marker="o", markersize=3.5)
            ends.append((x[-1], y[-1], f"{name} {y[-1]:.2f} %", INK if colour == PALE else colour))
    name_ends(ax, ends)
    _epoch_axis(ax, epochs)
    ax.set_ylabel("right answers (%)")
    ax.set_title("Learning curve", **TITLE)
    return figure


def feedback_angles(records: Sequence[Record]) -> Figure:
    """Draw the angle between feedback weights and the true path back, after each epoch.

    One line per hidden layer, degrees; 90 is chance.
    """
    epochs = _epochs(records)
    layers = max(len(record.get("feedback_angle_deg") or []) for record in epochs)
    figure, ax = _panel()
    ax.axhline(90, color=PALE, linewidth=1, linestyle=DASHED, zorder=1)
    ax.text(
        0.01,
        91.5,
        "random feedback: 90°",
        transform=ax.get_yaxis_transform(),
        color=INK,
        fontsize=SMALL,
    )
    ends = []
    for layer in range(layers):
        of_layer = [
            {**record, "angle": (record.get("feedback_angle_deg") or [None] * layers)[layer]}
            for record in epochs
        ]
        x, y = _series(of_layer, "angle")
        colour = LAYER_COLOURS[layer % len(LAYER_COLOURS)]
        ax.plot(x, y, color=colour, linewidth=1.8, marker="o", markersize=3.5)
        ends.append((x[-1], y[-1], f"hidden {layer + 1}: {y[-1]:.1f}°", colour))
    ax.set_ylim(0, max(100, *(y for _, y, _, _ in ends if math.isfinite(y)), 100))
    ax.set_yticks(range(0, int(ax.get_ylim()[1]) + 1, 30))
    name_ends(ax, ends)
    _epoch_axis(ax, epochs)
    ax.set_ylabel("feedback angle (degrees)")
    ax.set_title("How well feedback points along the true path", **TITLE)
    return figure


def raster(spikes_per_layer: Sequence[np.ndarray], title: str) -> Figure:
    """Draw every spike of one sample, layer by layer.

    A small output layer shows its classes, and in orange the answer: the class with most spikes
    (the lowest of equals).

    Args:
        spikes_per_layer: 0 or 1, [T, N] each, the input first and the output last.
    """
    last = len(spikes_per_layer) - 1
    shows_classes = spikes_per_layer[-1].shape[1] <= CLASSES
    heights = [math.log2(s.shape[1] + 1) / 4 for s in spikes_per_layer[:-1]] + [
        1.6 if shows_classes else 2.0
    ]
    figure = Figure(figsize=(WIDTH, 0.9 + sum(heights) * 0.85), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for index, (ax, s) in enumerate(zip(axes, spikes_per_layer, strict=True)):
        name = "input" if index == 0 else "output" if index == last else f"hidden {index}"
        _raster_layer(ax, s, name, heights[index], shows_classes and index == last)
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    axes[-1].set_xlabel("time step", fontsize=NORMAL)
    axes[0].set_title(title, **TITLE)
    figure.align_ylabels(axes)
    return figure


def compartments(
    v: np.ndarray,
    v_apical: np.ndarray,
    e: np.ndarray,
    spikes: np.ndarray,
    *,
    title: str = "One neuron and one of its synapses",
) -> Figure:
    """Draw both compartments of one neuron and the eligibility of one synapse over a sample.

    As the paper's Figure C.

    Args:
        v: soma voltage before the reset, thresholds, [T].
        v_apical: apical voltage, thresholds, [T].
        e: eligibility trace of the synapse, 1, [T].
        spikes: the neuron's spikes, 0 or 1, [T].
    """
    t = np.arange(1, len(v) + 1)
    figure = Figure(figsize=(WIDTH, 5.0), layout="constrained")
    soma, apical, synapse = figure.subplots(3, 1, sharex=True, height_ratios=[1.3, 1, 1])
    fired = np.flatnonzero(spikes)
    soma.axhline(1, color=PALE, linewidth=1, linestyle=DASHED)
    name_beside(soma, 1, "threshold", INK)
    soma.plot(t, v, color=BLUE, linewidth=1.6, marker="o", markersize=3)
    top = max(1.0, float(np.max(v))) * 1.08
    soma.vlines(t[fired], top, top * 1.12, color=INK, linewidth=1.6)
    name_beside(soma, top * 1.06, "spikes", INK)
    soma.set_ylabel("soma voltage $v$\n(thresholds)")
    apical.axhline(0, color=PALE, linewidth=1)
    apical.plot(t, v_apical, color=ORANGE, linewidth=1.6, marker="o", markersize=3)
    apical.set_ylabel("apical voltage\n(thresholds)")
    synapse.fill_between(t, 0, e, color=GREEN, alpha=0.2, linewidth=0)
    synapse.plot(t, e, color=GREEN, linewidth=1.6, marker="o", markersize=3)
    synapse.set_ylabel("eligibility $e$\nof one synapse (1)")
    for ax in (soma, apical, synapse):
        quiet_labelled(ax)
        ax.set_xlim(0.5, len(v) + 0.5)
        for step in t[fired]:
            ax.axvline(step, color=PALE, linewidth=0.8, alpha=0.5, zorder=0)
    synapse.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    synapse.set_xlabel("time step", fontsize=NORMAL)
    soma.set_title(title, **TITLE)
    figure.align_ylabels()
    return figure


def _raster_layer(ax: Axes, s: np.ndarray, name: str, height: float, as_classes: bool) -> None:
    """Draw one layer's spikes: dashes as wide as most of a step and as high as a neuron's row."""
    steps, size = s.shape
    t, neuron = np.nonzero(s)
    colours = [INK if name == "input" else BLUE] * len(neuron)
    if as_classes:
        answer = np.argmax(s.sum(0))
        colours = [ORANGE if n == answer else BLUE for n in neuron]
    thick = float(np.clip(height * 0.8 * 72 / size * 0.7, 0.7, 6))  # points, still visible
    ax.hlines(
        neuron, t + 0.65, t + 1.35, colors=colours, linewidths=thick, rasterized=len(t) > 3000
    )
    quiet_labelled(ax)
    ax.set_ylim(-0.7 - size / 60, size - 0.3 + size / 60)
    ax.set_yticks(range(size) if as_classes else [0, size - 1])
    ax.tick_params(axis="y", labelsize=6 if as_classes else SMALL)
    ax.set_ylabel(f"{name}\n({'class' if as_classes else 'neuron'})", fontsize=SMALL)
    ax.set_xlim(0.5, steps + 0.5)
    ax.text(
        1.01,
        0.5,
        f"{s.mean() * steps:.2f} spikes\nper neuron",
        transform=ax.transAxes,
        va="center",
        fontsize=SMALL,
        color=INK,
    )


def _panel() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    ax = figure.subplots()
    quiet_labelled(ax)
    ax.grid(axis="y", color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    return figure, ax


def _epochs(records: Sequence[Record]) -> list[Record]:
    epochs = [record for record in records if record.get("kind") == "epoch"]
    if not epochs:
        raise ValueError(
            f"none of the {len(records)} records is of an epoch: train first, then draw"
        )
    return epochs


def _series(epochs: Sequence[Record], key: str, factor: float = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return epoch numbers and a field of the records, NaN (a gap in the line) if missing."""
    values = [record.get(key) for record in epochs]
    return np.array([record["epoch"] for record in epochs]), np.array(
        [math.nan if value is None else value * factor for value in values]
    )


def _epoch_axis(ax: Axes, epochs: Sequence[Record]) -> None:
    numbers = [record["epoch"] for record in epochs]
    ax.set_xlim(min(numbers) - 0.3, max(numbers) + 0.3)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12, min_n_ticks=1))
    ax.set_xlabel("epoch")
