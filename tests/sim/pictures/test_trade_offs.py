"""Accuracy against joules: the line joins what no other point beats."""

from __future__ import annotations

from biograd.pictures.trade_offs import Span, scatter, span_scatter, spans_and_points


def test_the_line_joins_points_that_no_other_beats_in_both(words):
    points = [("a", 1e-6, 90.0, "#000"), ("b", 2e-6, 80.0, "#000"), ("c", 4e-6, 95.0, "#000")]
    figure = scatter(points, x="energy", y="accuracy", unit="J")
    front = figure.axes[0].lines[0]
    assert list(front.get_xdata()) == [1e-6, 4e-6] and list(front.get_ydata()) == [90, 95]
    assert "energy" in words(figure) and "accuracy" in words(figure)


def test_spans_are_numbered_ranges_and_the_mark_is_a_line():
    figure = span_scatter(
        [Span(98.0, 1e-6, 4e-6), Span(97.0, 2e-6, 3e-6)], x="x", y="y", unit="J", mark=97.7
    )
    (ax,) = figure.axes
    ranges = [line for line in ax.lines if line.get_marker() == "None"][:2]
    assert [list(line.get_xdata()) for line in ranges] == [[1e-6, 4e-6], [2e-6, 3e-6]]
    assert [text.get_text() for text in ax.texts] == ["1", "2"]
    assert ax.lines[-1].get_ydata()[0] == 97.7


def test_points_have_numbers_after_the_ranges_and_both_are_named(words):
    figure = spans_and_points(
        [Span(98.0, 1e-6, 4e-6)],
        [(None, 95.0), (6e-4, 96.3)],
        x="x",
        y="y",
        unit="J",
        names=("modelled", "measured"),
    )
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == ["1", "3"]
    (point,) = [line for line in ax.lines if line.get_marker() == "D"]
    assert list(point.get_xdata()) == [6e-4] and list(point.get_ydata()) == [96.3]
    assert ax.get_xlim()[0] < 1e-6 and ax.get_xlim()[1] > 6e-4
    assert {"modelled", "measured"} <= {text.get_text() for text in figure.legends[0].texts}
