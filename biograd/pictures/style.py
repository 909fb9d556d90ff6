"""One style for every picture: colours, sizes of text, quiet axes, lines named where they end.

One hue per meaning, distinguishable with every kind of colour vision; units on every axis.
"""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

# Source: Okabe and Ito 2008, "Color universal design".
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"
INK, PALE, GRID = "#333333", "#B8B8B8", "#ECECEC"
LAYER_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)
WIDTH = 6.4  # inches
SMALL, NORMAL = 8, 9  # points
DASHED = (0, (4, 3))  # a line style: 4 points drawn, 3 left out
SIGNED = LinearSegmentedColormap.from_list(
    "signed", ["#8A3A00", ORANGE, "#FFFFFF", BLUE, "#00344F"]
)
# any: keywords of Axes.set_title
TITLE: dict[str, Any] = {"loc": "left", "fontsize": 10, "color": INK, "pad": 8}


def quiet(ax: Axes, *, tick_size: float = SMALL) -> None:
    """Leave only two pale axes with small ticks."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(PALE)
    ax.tick_params(colors=INK, color=PALE, labelsize=tick_size, length=3)


def quiet_labelled(ax: Axes) -> None:
    """Make an axis `quiet`, with the names of x and y in the common colour and size."""
    quiet(ax)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set_color(INK)
        axis.label.set_fontsize(NORMAL)


def name_beside(ax: Axes, y: float, text: str, colour: str) -> None:
    """Write to the right of the panel, at the height y of its data."""
    place: dict[str, Any] = {  # any: keywords of Axes.annotate
        "xycoords": ("axes fraction", "data"),
        "xytext": (5, 0),
        "textcoords": "offset points",
        "va": "center",
    }
    ax.annotate(text, (1, y), color=colour, fontsize=SMALL, annotation_clip=False, **place)


def name_ends(ax: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Write each line's name beside its last point, moved apart where names would touch.

    Args:
        ends: (x, y, name, colour) of each line's last point; not drawn where y is not finite.
    """
    low, high = ax.get_ylim()
    gap, floor = (high - low) * 0.065, -math.inf
    finite = [end for end in ends if math.isfinite(end[1])]
    for _, y, text, colour in sorted(finite, key=lambda end: end[1]):
        floor = max(y, floor + gap)
        name_beside(ax, floor, text, colour)
