"""Errors are drawn where they are, and those of 0 at the floor of the logarithmic axis."""

from __future__ import annotations

from biograd.pictures.studies.grid_code import Rates, errors


def test_an_error_of_zero_is_drawn_at_the_floor() -> None:
    curve = Rates([0.1, 0.2], [0.0, 0.5], [0.0, 0.4], [0.01, 0.6])
    figure = errors({"a": curve}, x="noise", y="errors", floor=1e-3, mark=0.15)
    (ax,) = figure.axes
    assert list(ax.lines[0].get_ydata()) == [1e-3, 0.5]
    assert list(ax.lines[1].get_xdata()) == [0.15, 0.15] and ax.get_yscale() == "log"
