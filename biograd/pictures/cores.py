"""The cores of a chip that a network occupies, and how full they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from . import style
from .charts import COLOURS, SMALL, TEXT, WIDTH
from .style import INK, quiet

CORES = 128  # of one Loihi chip
PER_ROW = 16  # cores drawn per row
LEVEL = 3  # layers at most whose numbers are written level; of more, upright


class CoreLoad(NamedTuple):
    """The cores that hold one layer."""

    name: str
    cores: int
    loads: Mapping[str, tuple[int, int]]  # resource: (used on the fullest core, a core's limit)


def core_map(
    layers: Sequence[tuple[str, int, Sequence[tuple[str, float]]]], *, total: int = CORES
) -> Figure:
    """Draw the chip's cores in the colours of the layers on them; below, the fullest core of each.

    Args:
        layers: (name, cores, [(resource, share used)]).
        total: cores of the chip.
    """
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    chip, loads = figure.subplots(2, 1, height_ratios=[1.1, 1])
    _chip(chip, [cores for _, cores, _ in layers], total)
    names = [resource for resource, _ in layers[0][2]]
    width = 0.8 / len(layers)
    for index, (name, cores, shares) in enumerate(layers):
        x = np.arange(len(shares)) + (index - (len(layers) - 1) / 2) * width
        label = f"{name}: {cores} core{'s' if cores > 1 else ''}"
        loads.bar(
            x,
            [100 * share for _, share in shares],
            width * 0.9,
            color=COLOURS[index % len(COLOURS)],
            label=label,
        )
    loads.set_xticks(range(len(names)), names, fontsize=SMALL)
    loads.set_ylabel("fullest core\n(% used)", fontsize=TEXT, color=INK)
    loads.set_ylim(0, 105)
    quiet(loads, tick_size=SMALL)
    figure.legend(loc="outside lower left", ncols=3, fontsize=SMALL, frameon=False)
    return figure


def core_loads(layers: Sequence[CoreLoad]) -> Figure:
    """Draw `core_map` with the numbers used on the fullest core of each layer, and their limits."""
    limits = {resource: limit for layer in layers for resource, (_, limit) in layer.loads.items()}
    figure = core_map(
        [
            (
                layer.name,
                layer.cores,
                [
                    (f"{resource}\nof {limit:,}", layer.loads[resource][0] / limit)
                    for resource, limit in limits.items()
                ],
            )
            for layer in layers
        ]
    )
    figure.set_size_inches(style.WIDTH, 4.6)
    level = len(layers) <= LEVEL
    for bars, layer in zip(figure.axes[1].containers, layers, strict=True):
        used = [f"{layer.loads[resource][0]:,}" for resource in limits]
        text = {"padding": 2, "fontsize": 6.5, "color": INK, "rotation": 0 if level else 90}
        figure.axes[1].bar_label(bars, used, **text)  # type: ignore[arg-type]
    figure.axes[1].set_ylim(0, 115 if level else 130)
    figure.axes[1].set_yticks([0, 50, 100])
    return figure


def _chip(ax: Axes, cores_per_layer: Sequence[int], total: int) -> None:
    owner = [index for index, cores in enumerate(cores_per_layer) for _ in range(cores)]
    for core in range(total):
        colour = COLOURS[owner[core] % len(COLOURS)] if core < len(owner) else "#E6E6E6"
        corner = (core % PER_ROW, core // PER_ROW)
        ax.add_patch(Rectangle(corner, 0.86, 0.86, facecolor=colour, edgecolor="none"))
    ax.set_xlim(-0.1, PER_ROW)
    ax.set_ylim(total // PER_ROW, -0.1)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_title(f"{len(owner)} of {total} cores", loc="left", fontsize=TEXT, color=INK)
