"""ink.js: drawings become images like MNIST's, and are read."""

from __future__ import annotations

import math

import numpy as np
import pytest

from biograd.drawing import check, html

pytestmark = pytest.mark.skipif(
    not check.has_node(), reason="no node on this machine: the page's JavaScript is not run"
)


def test_a_drawing_is_scaled_and_centred_as_mnist_is(drawn):
    body = """
      return given.map((strokes) => {
        const greys = BioGrad.rasterise(strokes);
        return greys && Array.from(greys);
      });"""
    moved = [[[[5 * x + 30, 5 * y - 7] for x, y in stroke] for stroke in digit] for digit in drawn]
    dot, nothing = [[[0.4, 0.4]]], []
    *images, of_dot, of_nothing = check.node(body, [*drawn, *moved, dot, nothing])
    assert of_nothing is None and max(of_dot) > 200
    y, x = np.mgrid[:28, :28] + 0.5
    for digit in range(10):
        greys = np.reshape(images[digit], (28, 28)).astype(float)
        mass = greys.sum()
        # Ink is placed twice, not until its centre stays.
        assert math.hypot((greys * x).sum() / mass - 14, (greys * y).sum() / mass - 14) < 0.3
        rows = np.flatnonzero(greys.max(axis=1) > 127)
        columns = np.flatnonzero(greys.max(axis=0) > 127)
        assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
        elsewhere = np.reshape(images[10 + digit], (28, 28))
        assert np.abs(greys - elsewhere).max() <= 1, "size and place of a drawing must not matter"


@pytest.mark.slow
def test_drawn_digits_are_read(trained, drawn):
    body = """
      const net = BioGrad.decode(given.net);
      const read = (strokes) => BioGrad.run(net, BioGrad.encode(net, BioGrad.rasterise(strokes)));
      return given.drawn.map((strokes) => read(strokes).answer);"""
    net = html.network(trained.fixed, model=trained.model)
    answers = check.node(body, {"net": net, "drawn": drawn})
    # Trained on 700 images; the preset's net reads all ten.
    assert sum(answer == digit for digit, answer in enumerate(answers)) >= 7
