"""Pictures of a deployment: they show used and most, rounding and clipping, and the step where
simulator and chip part.
"""

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from biograd.pictures import chip_plots, plots  # noqa: E402

LAYERS = [
    chip_plots.CoreLoad(
        "hidden 1", 2, {"compartments": (512, 1024), "synapse words": (4096, 16_384)}
    ),
    chip_plots.CoreLoad("output", 1, {"compartments": (10, 1024), "synapse words": (1234, 16_384)}),
]
# the chip holds -4..4 steps of 0.1: 1.0 and -0.9 are clipped
BEFORE = np.array([[0.0, 0.04, 0.26, -0.31], [0.1, -0.1, 1.0, -0.9]])
AFTER = np.array([[0, 0, 6, -6], [2, -2, 8, -8]])
ROUNDING = chip_plots.Rounding("hidden 1", BEFORE, AFTER, scale=0.05, step=2, low=-8, high=8)


def words(figure) -> str:
    """All that is written on a figure."""
    return " | ".join(
        text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()
    )


def marked(ax, colour) -> list[int]:
    """Steps of the spikes drawn in a colour above the voltages."""
    (strokes,) = [
        c for c in ax.collections if np.allclose(c.get_color(), matplotlib.colors.to_rgba(colour))
    ]
    return [int(segment[0, 0]) for segment in strokes.get_segments()]


def test_the_core_map_shows_what_is_used_and_the_most_there_is():
    figure = chip_plots.core_loads(LAYERS)
    chip, loads = figure.axes
    assert len(chip.patches) == 128 and "3 of 128 cores" in words(figure)
    assert [[bar.get_height() for bar in bars] for bars in loads.containers] == [
        [50, 25],
        [100 * 10 / 1024, 100 * 1234 / 16_384],
    ]
    assert all(
        part in words(figure)
        for part in (
            "4,096",
            "1,234",
            "synapse words\nof 16,384",
            "hidden 1: 2 cores",
            "output: 1 core",
        )
    )


def test_more_layers_than_fit_level_numbers_write_them_upright():
    labels = [
        text
        for text in chip_plots.core_loads(LAYERS * 3).axes[1].texts
        if text.get_text() == "4,096"
    ]
    assert len(labels) == 3 and {label.get_rotation() for label in labels} == {90}


def test_clipped_and_zeroed_weights_and_the_error_are_counted():
    assert (ROUNDING.clipped, ROUNDING.zeroed) == (2, 1)
    gaps = [0, 0.04, 0.04, 0.01, 0, 0, 0.6, 0.5]
    assert ROUNDING.error == pytest.approx(np.sqrt(np.mean(np.square(gaps))))
    figure = chip_plots.weights([ROUNDING])
    assert all(
        part in words(figure)
        for part in ("2 of 8 clipped", "12.5 % round to 0", "thresholds per spike", "hidden 1")
    )


def test_every_weight_is_in_the_histograms_and_each_integer_is_a_bar():
    whole, near = chip_plots.weights([ROUNDING]).axes
    filled = [
        patch.get_height()
        for patch in whole.patches
        if isinstance(patch, matplotlib.patches.Rectangle)
    ]
    assert sum(filled) == 8
    bars = {
        round(bar.get_x() + bar.get_width() / 2, 3): bar.get_height()
        for bar in near.containers[-1]
        if bar.get_height()
    }  # centre in thresholds: weights
    assert bars == {-0.4: 1, -0.3: 1, -0.1: 1, 0.0: 2, 0.1: 1, 0.3: 1, 0.4: 1}
    limits = [line.get_xdata()[0] for line in whole.lines]
    assert limits == pytest.approx([-0.4, 0.4])


def test_weights_that_are_all_equal_are_drawn():
    zeros = np.zeros((2, 2))
    flat = ROUNDING._replace(before=zeros, after=zeros.astype(int))
    plots.as_png(chip_plots.weights([flat]), dpi=30)


def test_voltages_show_both_spike_trains_and_shade_the_step_where_one_is_alone():
    figure = chip_plots.voltages(
        np.array([0.5, 1.01, 0.3, 1.2]), np.array([0.5, 0.99, 1.1, 1.2]), title="Where they part"
    )
    soma, gap = figure.axes
    assert marked(soma, plots.BLUE) == [2, 4] and marked(soma, plots.ORANGE) == [3, 4]
    shaded = [patch.get_x() for patch in soma.patches]
    assert shaded == [1.5, 2.5]  # steps 2 and 3
    assert [bar.get_height() for bar in gap.containers[0]] == pytest.approx([0, -0.02, 0.8, 0])
    told = (
        "Where they part",
        "threshold",
        "simulator: 2 spikes",
        "chip: 2 spikes",
        "time step",
        "thresholds",
    )
    assert all(part in words(figure) for part in told)


def test_equal_and_silent_voltages_are_drawn_without_shade():
    figure = chip_plots.voltages(np.zeros(3), np.zeros(3), title="silence")
    assert not figure.axes[0].patches and "chip: 0 spikes" in words(figure)
    plots.as_png(figure, dpi=30)
