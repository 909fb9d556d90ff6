"""Accuracy against fault rates is drawn where it was measured."""

from __future__ import annotations

from biograd.pictures.studies.faults import accuracies, healing


def test_each_kind_has_a_panel_and_each_network_a_line() -> None:
    points = [(0.0, 0.9), (0.5, 0.4)]
    figure = accuracies({kind: {"a": points, "b": points[:1]} for kind in "wxyz"})
    panels = [ax for ax in figure.axes if ax.lines]
    assert [ax.get_title(loc="left") for ax in panels] == list("wxyz")
    assert list(panels[3].lines[0].get_ydata()) == [90, 40] and len(panels[3].lines) == 2


def test_healing_starts_at_the_damage_and_shows_what_was_before() -> None:
    (ax,) = healing({"dead": [(0, 0.5), (500, 0.8), (1000, 0.9)]}, intact=0.95).axes
    before, curve = ax.lines
    assert set(before.get_ydata()) == {95} and list(curve.get_ydata()) == [50, 80, 90]
    assert list(curve.get_xdata()) == [0, 500, 1000]
