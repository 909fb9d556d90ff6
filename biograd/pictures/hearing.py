"""Figure of a word while it is heard: its bands, and the answer at every step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from .charts import SMALL, TEXT, WIDTH
from .style import BLUE, GRID, INK, quiet


def heard_word(
    bands: np.ndarray, answers: Sequence[str], names: Sequence[str], *, ms: float
) -> Figure:
    """Draw the bands of a sound above, and below them which class the network answers when.

    Args:
        bands: of the filter bank, [steps, bands], lowest first.
        answers: name of the class after each step.
        names: of all classes, from top to bottom.
        ms: milliseconds per step.
    """
    figure = Figure(figsize=(WIDTH, 2.4 + 0.25 * len(names)), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 0.3 * len(names)))
    span = ms * len(answers)
    above.imshow(
        np.asarray(bands, float).T,
        origin="lower",
        aspect="auto",
        cmap="Greys",
        extent=(0, span, 0, bands.shape[1]),
    )
    above.set_ylabel("band", fontsize=TEXT, color=INK)
    rows = {name: len(names) - 1 - row for row, name in enumerate(names)}
    for step, answer in enumerate(answers):
        below.barh(rows[answer], ms, left=ms * step, height=0.7, color=BLUE)
    below.set_yticks(list(rows.values()), list(rows))
    below.set_ylim(-0.6, len(names) - 0.4)
    below.grid(axis="y", color=GRID, linewidth=0.8)
    below.set_axisbelow(True)
    below.set_xlabel("milliseconds since the sound began", fontsize=TEXT, color=INK)
    below.set_ylabel("answer", fontsize=TEXT, color=INK)
    for ax in (above, below):
        quiet(ax, tick_size=SMALL)
    return figure
