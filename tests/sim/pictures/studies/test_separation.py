"""Figures of separated sources show the numbers they are given."""

from __future__ import annotations

import numpy as np

from biograd.pictures.studies import separation


def test_each_signal_is_drawn_over_its_time() -> None:
    shown = {
        name: [[0.0, 1.0, k], [1.0, 0.0, k]]
        for k, name in enumerate(("sources", "mixtures", "separated"))
    }
    axes = separation.waves(shown, ms=0.5).axes
    assert len(axes) == 6
    lines = [ax.lines[0] for ax in axes]
    assert [line.get_ydata()[2] for line in lines] == [0, 1, 2] * 2
    np.testing.assert_allclose(lines[0].get_xdata(), [0, 0.5, 1])


def test_errors_are_drawn_relative_to_fobis_of_the_same_seed() -> None:
    figure = separation.convergence([[(1, 4.0), (2, 1.0)], [(1, 9.0)]], [2.0, 3.0], x="steps")
    (ax,) = figure.axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [2, 0.5])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [3])
