"""The figure of a word while it is heard."""

from __future__ import annotations

import numpy as np

from biograd.pictures.hearing import heard_word


def test_each_step_has_one_bar_at_its_answer_and_time() -> None:
    figure = heard_word(np.zeros((3, 5)), ["no", "yes", "yes"], ["yes", "no"], ms=10)
    above, below = figure.axes
    bars = [(bar.get_x(), bar.get_width(), bar.get_y() > 0) for bar in below.patches]
    assert bars == [(0, 10, False), (10, 10, True), (20, 10, True)]
    assert [label.get_text() for label in below.get_yticklabels()] == ["yes", "no"]
    assert above.images[0].get_extent() == [0, 30, 0, 5]
