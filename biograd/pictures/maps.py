"""Feature maps of convolutional layers, as images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from .style import INK, SMALL, WIDTH

COLUMNS = 12  # maps in a row of the figure


def feature_maps(counts: Sequence[np.ndarray], steps: int, title: str, rows: int = 2) -> Figure:
    """Draw how often each neuron of convolutional layers fires for one sample.

    The maps of a layer that fire most come first.

    Args:
        counts: spikes of each layer over all steps, [C, H, W] each.
        steps: time steps of the sample, the largest count that there can be.
        title: of the figure.
        rows: rows of maps per layer.
    """
    figure = Figure(figsize=(WIDTH, 0.7 + len(counts) * rows * 0.72), layout="constrained")
    parts = figure.subfigures(len(counts), 1, squeeze=False)[:, 0]
    for number, (part, maps) in enumerate(zip(parts, counts, strict=True), start=1):
        chosen = np.argsort(-maps.sum((1, 2)), kind="stable")[: rows * COLUMNS]
        for ax in part.subplots(rows, COLUMNS, squeeze=False).flat:
            ax.set_axis_off()
        for ax, index in zip(part.axes, chosen, strict=False):
            picture = ax.imshow(maps[index], cmap="Greys", vmin=0, vmax=steps, interpolation="none")
        channels, height, width = maps.shape
        label = f"layer {number}: {len(chosen)} of {channels} maps of {height} x {width}"
        bar = part.colorbar(picture, ax=part.axes, shrink=0.8, aspect=15, pad=0.02)
        bar.set_label("spikes", fontsize=SMALL)
        bar.ax.tick_params(labelsize=SMALL)
        part.suptitle(label, x=0.01, ha="left", fontsize=SMALL, color=INK)
    figure.suptitle(f"Feature maps: {title}", x=0.01, ha="left", fontsize=10, color=INK)
    return figure
