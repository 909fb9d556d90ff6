"""Charts of the report: modelled ranges and measured dots stay apart, means are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from biograd.pictures import style
from biograd.pictures.charts import Line, Quantity, colour_of, curves, dots, log_ranges, tornado


def test_modelled_and_measured_figures_are_drawn_apart(words):
    figure = log_ranges(
        [Quantity("ours", 1e-6, 1e-5, False), Quantity("theirs", 1e-4, 1e-4, True)], unit="J"
    )
    (ax,) = figure.axes
    measured = [line for line in ax.lines if line.get_marker() == "o"]
    modelled = [
        line for line in ax.lines if len(set(line.get_xdata())) == 2 and line.get_marker() != "|"
    ]
    assert len(measured) == 1 and list(measured[0].get_xdata()) == [1e-4]
    assert len(modelled) == 1 and list(modelled[0].get_xdata()) == [1e-6, 1e-5]
    assert "1 µJ – 10 µJ" in words(figure) and "100 µJ" in words(figure)


def test_each_seed_is_a_dot_and_their_mean_a_stroke(words):
    figure = dots([("BPTT", [97.0, 99.0])], unit="test accuracy (%)", mark=("paper", 98.13))
    (ax,) = figure.axes
    seeds, mean, mark = ax.lines
    assert list(seeds.get_xdata()) == [97, 99] and list(mean.get_xdata()) == [98, 98]
    assert mark.get_xdata()[0] == 98.13 and "paper" in words(figure)


def test_the_band_of_a_curve_is_its_spread():
    figure = curves([Line("a", [1, 2], [3.0, 4.0], style.BLUE, [0.5, 0.0])], x="epoch", y="%")
    (band,) = figure.axes[0].collections
    y = band.get_paths()[0].vertices[:, 1]
    assert (y.min(), y.max()) == (2.5, 4.0)


def test_a_tornado_reaches_from_the_lowered_to_the_raised_total():
    bars = tornado([("message", 1.0, 5.0)], 2.0, unit="J").axes[0].patches
    ends = sorted(x for bar in bars for x in (bar.get_x(), bar.get_x() + bar.get_width()))
    assert ends == [1, 2, 2, 5]


@pytest.mark.parametrize(
    ("method", "colour"),
    [
        ("BioGrad, sleep", style.BLUE),
        ("BioGrad, random feedback", style.PURPLE),
        ("BPTT, SGD", style.ORANGE),
        ("snnTorch BPTT", style.ORANGE),
        ("ANN", style.GREEN),
        ("another", style.INK),
    ],
)
def test_a_family_of_methods_has_one_colour(method, colour):
    assert colour_of(method) == colour


def test_curves_with_logarithmic_axes_keep_their_values():
    figure = curves([Line("a", [10, 100], [1.0, 9.0])], x="T", y="MiB", log=True)
    (ax,) = figure.axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert np.array_equal(ax.lines[0].get_ydata(), [1, 9])
