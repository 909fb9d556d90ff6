"""The pictures of a run, from records and plain arrays: each function returns a matplotlib Figure
and touches no global state.

    figure = learning_curve(records.read("runs/mnist/records.jsonl"))
    Path("curve.svg").write_text(as_svg(figure))

One style: one hue a meaning (Okabe and Ito's colours, told apart by every kind of colour vision),
lines named where they end instead of in a legend, units on every axis.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

Record = dict[str, Any]  # any: JSON; see biograd.runs.records

# Source: Okabe and Ito 2008, "Color universal design".
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"
INK, PALE = "#333333", "#B8B8B8"
LAYER_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)
WIDTH = 6.4  # inches
SMALL, NORMAL = 8, 9  # points
SIGNED = LinearSegmentedColormap.from_list(
    "signed", ["#8A3A00", ORANGE, "#FFFFFF", BLUE, "#00344F"]
)


def learning_curve(records: Sequence[Record]) -> Figure:
    """Accuracy in percent after each epoch, on the training samples as they came and, where
    measured, on held-out ones.
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
    _name_ends(ax, ends)
    _epoch_axis(ax, epochs)
    ax.set_ylabel("right answers (%)")
    ax.set_title("Learning curve", **_TITLE)
    return figure


def feedback_angles(records: Sequence[Record]) -> Figure:
    """Angle in degrees between each hidden layer's feedback weights and the true path back, after
    each epoch; 90 is chance.
    """
    epochs = _epochs(records)
    layers = max(len(record.get("feedback_angle_deg") or []) for record in epochs)
    figure, ax = _panel()
    ax.axhline(90, color=PALE, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
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
        x, y = _series(
            [
                {**r, "angle": (r.get("feedback_angle_deg") or [None] * layers)[layer]}
                for r in epochs
            ],
            "angle",
        )
        colour = LAYER_COLOURS[layer % len(LAYER_COLOURS)]
        ax.plot(x, y, color=colour, linewidth=1.8, marker="o", markersize=3.5)
        ends.append((x[-1], y[-1], f"hidden {layer + 1}: {y[-1]:.1f}°", colour))
    ax.set_ylim(0, max(100, *(y for _, y, _, _ in ends if math.isfinite(y)), 100))
    ax.set_yticks(range(0, int(ax.get_ylim()[1]) + 1, 30))
    _name_ends(ax, ends)
    _epoch_axis(ax, epochs)
    ax.set_ylabel("feedback angle (degrees)")
    ax.set_title("How well feedback points along the true path", **_TITLE)
    return figure


def raster(spikes_per_layer: Sequence[np.ndarray], title: str) -> Figure:
    """Every spike of one sample, layer by layer: [T, N] of 0 or 1 each, the input first and the
    output last.

    A small output layer shows its classes, and in orange the one with most spikes (the lowest of
    equals): the answer.
    """
    last = len(spikes_per_layer) - 1
    shows_classes = spikes_per_layer[-1].shape[1] <= 20
    heights = [math.log2(s.shape[1] + 1) / 4 for s in spikes_per_layer[:-1]] + [
        1.6 if shows_classes else 2.0
    ]
    figure = Figure(figsize=(WIDTH, 0.9 + sum(heights) * 0.85), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for index, (ax, s) in enumerate(zip(axes, spikes_per_layer, strict=True)):
        steps, size = s.shape
        t, neuron = np.nonzero(s)
        as_classes = shows_classes and index == last
        colour = (
            np.where(neuron == np.argmax(s.sum(0)), ORANGE, BLUE)
            if as_classes
            else INK
            if index == 0
            else BLUE
        )
        # A dash as wide as most of a step, and as high as its neuron's row, within what the eye can
        # still see.
        thick = float(np.clip(heights[index] * 0.8 * 72 / size * 0.7, 0.7, 6))
        ax.hlines(
            neuron, t + 0.65, t + 1.35, colors=colour, linewidths=thick, rasterized=len(t) > 3000
        )
        _quiet(ax)
        ax.set_ylim(-0.7 - size / 60, size - 0.3 + size / 60)
        ax.set_yticks(range(size) if as_classes else [0, size - 1])
        ax.tick_params(axis="y", labelsize=6 if as_classes else SMALL)
        name = "input" if index == 0 else "output" if index == last else f"hidden {index}"
        ax.set_ylabel(f"{name}\n({'class' if as_classes else 'neuron'})", fontsize=SMALL)
        ax.set_xlim(0.5, steps + 0.5)
        ax.text(
            1.01,
            0.5,
            f"{s.mean() * steps:.2f} spikes\na neuron",
            transform=ax.transAxes,
            va="center",
            fontsize=SMALL,
            color=INK,
        )
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    axes[-1].set_xlabel("time step", fontsize=NORMAL)
    axes[0].set_title(title, **_TITLE)
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
    """Both compartments of one neuron and the eligibility of one synapse over a sample: the paper's
    Figure C.

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
    soma.axhline(1, color=PALE, linewidth=1, linestyle=(0, (4, 3)))
    _name_beside(soma, 1, "threshold", INK)
    soma.plot(t, v, color=BLUE, linewidth=1.6, marker="o", markersize=3)
    top = max(1.0, float(np.max(v))) * 1.08
    soma.vlines(t[fired], top, top * 1.12, color=INK, linewidth=1.6)
    _name_beside(soma, top * 1.06, "spikes", INK)
    soma.set_ylabel("soma voltage $v$\n(thresholds)")
    apical.axhline(0, color=PALE, linewidth=1)
    apical.plot(t, v_apical, color=ORANGE, linewidth=1.6, marker="o", markersize=3)
    apical.set_ylabel("apical voltage\n(thresholds)")
    synapse.fill_between(t, 0, e, color=GREEN, alpha=0.2, linewidth=0)
    synapse.plot(t, e, color=GREEN, linewidth=1.6, marker="o", markersize=3)
    synapse.set_ylabel("eligibility $e$\nof one synapse (1)")
    for ax in (soma, apical, synapse):
        _quiet(ax)
        ax.set_xlim(0.5, len(v) + 0.5)
        for step in t[fired]:
            ax.axvline(step, color=PALE, linewidth=0.8, alpha=0.5, zorder=0)
    synapse.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    synapse.set_xlabel("time step", fontsize=NORMAL)
    soma.set_title(title, **_TITLE)
    figure.align_ylabels()
    return figure


def receptive_fields(
    w: np.ndarray, count: int = 48, *, shape: tuple[int, int, int] | None = None
) -> Figure:
    """What the neurons of the first layer look for: the rows of w, float [N, pixels], as pictures;
    the strongest ones first.

    All share one scale, symmetric about zero, which leaves out the largest 0.5 % of the weights.

    Args:
        shape: how inputs lie: planes, which are drawn side by side (events: OFF, then ON), rows and
            columns; one square plane unless given.
    Raises: ValueError when the pixels make no square, or not this shape.
    """
    side = math.isqrt(w.shape[1])
    if shape is None and side * side != w.shape[1]:
        raise ValueError(
            f"weights from {w.shape[1]} inputs make no square picture: name their shape"
        )
    planes, height, width = shape or (1, side, side)
    if planes * height * width != w.shape[1]:
        raise ValueError(
            f"weights from {w.shape[1]} inputs make no {planes} planes of {height} x {width}"
        )
    chosen = np.argsort(-np.linalg.norm(w, axis=1), kind="stable")[: count // planes]
    columns = min(8 // planes, len(chosen))
    rows = -(-len(chosen) // columns)
    limit = float(np.quantile(np.abs(w[chosen]), 0.995)) or 1.0
    figure = Figure(figsize=(WIDTH, 0.75 + rows * WIDTH * 0.104), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax, index in zip(
        axes.flat, [*chosen, *[None] * (rows * columns - len(chosen))], strict=True
    ):
        ax.set_axis_off()
        if index is not None:
            fields = w[index].reshape(planes, height, width)
            apart = np.full((height, 2), np.nan)  # between planes: left white
            beside = [part for plane in fields for part in (plane, apart)][:-1]
            picture = ax.imshow(
                np.concatenate(beside, axis=1),
                cmap=SIGNED,
                vmin=-limit,
                vmax=limit,
                interpolation="none",
            )
    bar = figure.colorbar(picture, ax=axes, shrink=0.7, aspect=30, pad=0.02, extend="both")
    bar.set_label("weight (thresholds per spike)", fontsize=SMALL, color=INK)
    bar.ax.tick_params(labelsize=SMALL, colors=INK, length=2)
    bar.outline.set_visible(False)
    which = (
        f"the {len(chosen)} strongest of {len(w):,} neurons"
        if len(chosen) < len(w)
        else f"all {len(w):,} neurons"
    )
    which += ", OFF beside ON" if planes == 2 else ""
    figure.suptitle(
        f"Receptive fields of the first layer: {which}", x=0.01, ha="left", fontsize=10, color=INK
    )
    return figure


def confusion(matrix: np.ndarray) -> Figure:
    """Which classes are taken for which: counts, int [true, answered]. Mistakes are coloured, by
    their share of the true class.
    """
    classes, total, right = len(matrix), int(matrix.sum()), int(np.trace(matrix))
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    wrong = np.where(np.eye(classes, dtype=bool), 0, share) * 100
    figure = Figure(figsize=(5.4, 4.9), layout="constrained")
    ax = figure.subplots()
    white_to_orange = LinearSegmentedColormap.from_list("mistakes", ["#FFFFFF", "#F3B48A", ORANGE])
    picture = ax.imshow(wrong, cmap=white_to_orange, vmin=0, vmax=max(float(wrong.max()), 0.1))
    for true, answered in np.argwhere(matrix > 0):
        same = true == answered
        weight = "bold" if same else "normal"
        ax.text(
            answered,
            true,
            f"{matrix[true, answered]:d}",
            ha="center",
            va="center",
            fontsize=7,
            color=INK,
            weight=weight,
        )
        if same:
            ax.add_patch(Rectangle((answered - 0.5, true - 0.5), 1, 1, color="#EDEDED", zorder=0.5))
    ax.set_xticks(range(classes))
    ax.set_yticks(range(classes))
    ax.set_xlabel("answered class", fontsize=NORMAL, color=INK)
    ax.set_ylabel("true class", fontsize=NORMAL, color=INK)
    ax.tick_params(length=0, labelsize=SMALL, colors=INK)
    ax.spines[:].set_visible(False)
    bar = figure.colorbar(picture, ax=ax, shrink=0.7, aspect=30, pad=0.02)
    bar.set_label("mistakes (% of the true class)", fontsize=SMALL, color=INK)
    bar.ax.tick_params(labelsize=SMALL, colors=INK, length=2)
    bar.outline.set_visible(False)
    ax.set_title(
        f"{100 * right / max(total, 1):.2f} % right: {total - right:,} mistakes in {total:,}",
        **_TITLE,
    )
    return figure


def as_svg(figure: Figure) -> str:
    """The figure as one <svg> element, to stand alone or within HTML; equal figures give equal
    text.
    """
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "biograd", "svg.fonttype": "path"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def as_png(figure: Figure, dpi: int = 150) -> bytes:
    """The figure as a PNG file."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi)
    return content.getvalue()


# any: what Axes.set_title takes
_TITLE: dict[str, Any] = {"loc": "left", "fontsize": 10, "color": INK, "pad": 8}


def _panel() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    ax = figure.subplots()
    _quiet(ax)
    ax.grid(axis="y", color="#ECECEC", linewidth=0.8)
    ax.set_axisbelow(True)
    return figure, ax


def _quiet(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(PALE)
    ax.tick_params(colors=INK, color=PALE, labelsize=SMALL, length=3)
    ax.xaxis.label.set_color(INK)
    ax.yaxis.label.set_color(INK)
    ax.xaxis.label.set_fontsize(NORMAL)
    ax.yaxis.label.set_fontsize(NORMAL)


def _epochs(records: Sequence[Record]) -> list[Record]:
    epochs = [record for record in records if record.get("kind") == "epoch"]
    if not epochs:
        raise ValueError(
            f"none of the {len(records)} records tells of an epoch: train first, then draw"
        )
    return epochs


def _series(epochs: Sequence[Record], key: str, factor: float = 1) -> tuple[np.ndarray, np.ndarray]:
    """Epoch numbers and a field of the records, NaN (a gap in the line) where it is missing."""
    values = [record.get(key) for record in epochs]
    return np.array([record["epoch"] for record in epochs]), np.array(
        [math.nan if v is None else v * factor for v in values]
    )


def _epoch_axis(ax: Axes, epochs: Sequence[Record]) -> None:
    numbers = [record["epoch"] for record in epochs]
    ax.set_xlim(min(numbers) - 0.3, max(numbers) + 0.3)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12, min_n_ticks=1))
    ax.set_xlabel("epoch")


def _name_ends(ax: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Write each line's name beside its last point, moved apart where they would touch."""
    low, high = ax.get_ylim()
    gap, floor = (high - low) * 0.065, -math.inf
    for _, y, text, colour in sorted(
        (end for end in ends if math.isfinite(end[1])), key=lambda end: end[1]
    ):
        floor = max(y, floor + gap)
        _name_beside(ax, floor, text, colour)


def _name_beside(ax: Axes, y: float, text: str, colour: str) -> None:
    """Write to the right of the panel, at the height y of its data."""
    where: dict[str, Any] = {
        "xycoords": ("axes fraction", "data"),
        "xytext": (5, 0),
        "textcoords": "offset points",
        "va": "center",
    }
    ax.annotate(text, (1, y), color=colour, fontsize=SMALL, annotation_clip=False, **where)
