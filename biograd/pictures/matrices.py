"""Matrices as images: what first-layer neurons respond to, and which classes are confused."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .style import INK, NORMAL, ORANGE, SIGNED, SMALL, TITLE, WIDTH


def receptive_fields(
    w: np.ndarray, count: int = 48, *, shape: tuple[int, int, int] | None = None
) -> Figure:
    """Draw the weights of first-layer neurons as pictures, the strongest neurons first.

    All share one scale, symmetric about zero, which leaves out the largest 0.5 % of the weights.

    Args:
        w: weights, float [N, pixels], thresholds per spike.
        count: number of pictures; two planes count as two.
        shape: planes, rows and columns of the input; planes are drawn side by side (events: OFF,
            then ON). One square plane by default.
    Raises: ValueError when the pixels make no square, or not this shape.
    """
    planes, height, width = _plane_shape(w.shape[1], shape)
    chosen = np.argsort(-np.linalg.norm(w, axis=1), kind="stable")[: count // planes]
    columns = min(8 // planes, len(chosen))
    rows = -(-len(chosen) // columns)
    limit = float(np.quantile(np.abs(w[chosen]), 0.995)) or 1.0
    figure = Figure(figsize=(WIDTH, 0.75 + rows * WIDTH * 0.104), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, index in zip(axes.flat, chosen, strict=False):
        fields = w[index].reshape(planes, height, width)
        gap = np.full((height, 2), np.nan)  # between planes: left white
        parts = [part for plane in fields for part in (plane, gap)][:-1]
        picture = ax.imshow(
            np.concatenate(parts, axis=1),
            cmap=SIGNED,
            vmin=-limit,
            vmax=limit,
            interpolation="none",
        )
    bar = figure.colorbar(picture, ax=axes, shrink=0.7, aspect=30, pad=0.02, extend="both")
    _label_bar(bar, "weight (thresholds per spike)")
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
    """Draw how often each class is answered for each true class: counts, int [true, answered].

    Mistakes are coloured by their share of the true class.
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
        ax.text(
            answered,
            true,
            f"{matrix[true, answered]:d}",
            ha="center",
            va="center",
            fontsize=7,
            color=INK,
            weight="bold" if same else "normal",
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
    _label_bar(bar, "mistakes (% of the true class)")
    ax.set_title(
        f"{100 * right / max(total, 1):.2f} % right: {total - right:,} mistakes in {total:,}",
        **TITLE,
    )
    return figure


def _plane_shape(inputs: int, shape: tuple[int, int, int] | None) -> tuple[int, int, int]:
    side = math.isqrt(inputs)
    if shape is None and side * side != inputs:
        raise ValueError(f"weights from {inputs} inputs make no square picture: give their shape")
    planes, height, width = shape or (1, side, side)
    if planes * height * width != inputs:
        raise ValueError(
            f"weights from {inputs} inputs make no {planes} planes of {height} x {width}"
        )
    return planes, height, width


def _label_bar(bar: Colorbar, label: str) -> None:
    bar.set_label(label, fontsize=SMALL, color=INK)
    bar.ax.tick_params(labelsize=SMALL, colors=INK, length=2)
    bar.outline.set_visible(False)
