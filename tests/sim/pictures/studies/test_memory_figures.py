"""Figures of a memory of two angles show the points they are given."""

from __future__ import annotations

import numpy as np

from biograd.pictures.studies import working_memory as pictures


def test_rings_of_both_angles_are_closed() -> None:
    points = np.random.default_rng(0).normal(size=(4, 4, 3))
    figure = pictures.manifolds({"one": points.tolist(), "other": points.tolist()})
    assert len(figure.axes) == 2
    grey, coloured = figure.axes[0].lines[:4], figure.axes[0].lines[4:]
    assert len(coloured) == 4
    for k in range(4):
        first, second = (np.array(lines[k].get_data_3d()).T for lines in (grey, coloured))
        np.testing.assert_allclose(first, points[[0, 1, 2, 3, 0], k])
        np.testing.assert_allclose(second, points[k, [0, 1, 2, 3, 0]])


def test_each_seed_has_a_line_for_each_angle() -> None:
    figure = pictures.learning({"rule": [[[1, 50, 40], [2, 30, 20]]]}, aim=12)
    first, second = figure.axes
    assert list(first.lines[0].get_ydata()) == [50, 30]
    assert list(second.lines[0].get_ydata()) == [40, 20]
    assert second.lines[-1].get_ydata()[0] == 12
