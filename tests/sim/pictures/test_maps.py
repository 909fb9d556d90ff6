from __future__ import annotations

import numpy as np

from biograd.pictures.maps import COLUMNS, feature_maps


def test_the_maps_that_fire_most_are_drawn_at_their_own_counts() -> None:
    counts = np.zeros((30, 4, 4))
    counts[7], counts[3, 0, 0] = 5, 2
    small = np.ones((3, 2, 2))
    figure = feature_maps([counts, small], 6, "one sample")
    first, second = figure.subfigs
    pictures = [ax.images[0] for ax in first.axes if ax.images]
    assert len(pictures) == 2 * COLUMNS
    assert np.array_equal(pictures[0].get_array(), counts[7])
    assert np.array_equal(pictures[1].get_array(), counts[3])
    assert all(picture.get_clim() == (0, 6) for picture in pictures)
    assert second._suptitle.get_text() == "layer 2: 3 of 3 maps of 2 x 2"
