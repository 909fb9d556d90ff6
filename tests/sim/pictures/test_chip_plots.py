"""Simulator against chip: rounding and clipping are counted, and differing steps are shaded."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from biograd.pictures import chip_plots, style
from biograd.pictures.saving import as_png

# the chip holds -4..4 steps of 0.1: 1.0 and -0.9 are clipped
BEFORE = np.array([[0.0, 0.04, 0.26, -0.31], [0.1, -0.1, 1.0, -0.9]])
AFTER = np.array([[0, 0, 6, -6], [2, -2, 8, -8]])
ROUNDING = chip_plots.Rounding("hidden 1", BEFORE, AFTER, scale=0.05, step=2, low=-8, high=8)


def steps_marked(ax, colour) -> list[int]:
    """Steps of the spikes drawn in a colour above the voltages."""
    (strokes,) = [
        c for c in ax.collections if np.allclose(c.get_color(), matplotlib.colors.to_rgba(colour))
    ]
    return [int(segment[0, 0]) for segment in strokes.get_segments()]


def test_clipped_and_zeroed_weights_and_the_error_are_counted(words):
    assert (ROUNDING.clipped, ROUNDING.zeroed) == (2, 1)
    gaps = [0, 0.04, 0.04, 0.01, 0, 0, 0.6, 0.5]
    assert ROUNDING.error == pytest.approx(np.sqrt(np.mean(np.square(gaps))))
    figure = chip_plots.weights([ROUNDING])
    for part in ("2 of 8 clipped", "12.5 % round to 0", "thresholds per spike", "hidden 1"):
        assert part in words(figure)


def test_every_weight_is_in_the_histograms_and_each_integer_is_a_bar():
    whole, near = chip_plots.weights([ROUNDING]).axes
    filled = [
        patch.get_height()
        for patch in whole.patches
        if isinstance(patch, matplotlib.patches.Rectangle)
    ]
    assert sum(filled) == 8
    weights_per_bar = {  # by its centre, thresholds per spike
        round(bar.get_x() + bar.get_width() / 2, 3): bar.get_height()
        for bar in near.containers[-1]
        if bar.get_height()
    }
    assert weights_per_bar == {-0.4: 1, -0.3: 1, -0.1: 1, 0.0: 2, 0.1: 1, 0.3: 1, 0.4: 1}
    limits = [line.get_xdata()[0] for line in whole.lines]
    assert limits == pytest.approx([-0.4, 0.4])


def test_weights_that_are_all_equal_are_drawn():
    zeros = np.zeros((2, 2))
    flat = ROUNDING._replace(before=zeros, after=zeros.astype(int))
    as_png(chip_plots.weights([flat]), dpi=30)


def test_voltages_show_both_spike_trains_and_shade_steps_where_only_one_fires(words):
    figure = chip_plots.voltages(
        np.array([0.5, 1.01, 0.3, 1.2]), np.array([0.5, 0.99, 1.1, 1.2]), title="Two voltages"
    )
    soma, gap = figure.axes
    assert steps_marked(soma, style.BLUE) == [2, 4] and steps_marked(soma, style.ORANGE) == [3, 4]
    shaded = [patch.get_x() for patch in soma.patches]
    assert shaded == [1.5, 2.5]  # steps 2 and 3
    assert [bar.get_height() for bar in gap.containers[0]] == pytest.approx([0, -0.02, 0.8, 0])
    parts = (
        "Two voltages",
        "threshold",
        "simulator: 2 spikes",
        "chip: 2 spikes",
        "time step",
        "thresholds",
    )
    for part in parts:
        assert part in words(figure)


def test_equal_and_silent_voltages_are_drawn_without_shade(words):
    figure = chip_plots.voltages(np.zeros(3), np.zeros(3), title="silence")
    assert not figure.axes[0].patches and "chip: 0 spikes" in words(figure)
    as_png(figure, dpi=30)
