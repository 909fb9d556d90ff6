"""Receptive fields and confusion matrices: on one scale, in order, counted exactly."""

from __future__ import annotations

import numpy as np
import pytest

from biograd.pictures.matrices import confusion, receptive_fields
from biograd.pictures.saving import as_png, as_svg

RNG = np.random.default_rng(1)


def test_receptive_fields_show_the_strongest_neurons_on_one_symmetric_scale(words):
    w = np.arange(1, 6)[:, None] * RNG.choice([-1.0, 1.0], (5, 49))
    figure = receptive_fields(w, count=3)
    pictures = [ax.images[0] for ax in figure.axes if ax.images]
    assert [abs(picture.get_array()).max() for picture in pictures] == [5, 4, 3]
    assert {picture.get_clim() for picture in pictures} == {(-5.0, 5.0)}
    assert np.array_equal(pictures[0].get_array(), w[4].reshape(7, 7))
    assert "3 strongest of 5" in words(figure)


def test_weights_that_are_all_zero_are_drawn():
    as_png(receptive_fields(np.zeros((1, 49))), dpi=30)


def test_receptive_fields_that_make_no_square_are_refused():
    with pytest.raises(ValueError, match="50 inputs make no square picture"):
        receptive_fields(np.zeros((3, 50)))


def test_receptive_fields_of_recordings_show_one_plane_per_polarity_side_by_side(words):
    w = RNG.normal(size=(5, 2 * 3 * 4))
    figure = receptive_fields(w, count=4, shape=(2, 3, 4))
    first = next(ax.images[0] for ax in figure.axes if ax.images).get_array()
    strongest = w[np.argmax(np.linalg.norm(w, axis=1))].reshape(2, 3, 4)
    assert np.array_equal(first[:, :4], strongest[0])
    assert np.array_equal(first[:, 6:], strongest[1])
    assert first.mask[:, 4:6].all()
    assert "2 strongest of 5 neurons, OFF beside ON" in words(figure)
    with pytest.raises(ValueError, match="24 inputs make no 2 planes of 3 x 5"):
        receptive_fields(w, shape=(2, 3, 5))


def test_a_confusion_matrix_counts_all_and_colours_mistakes_only(words):
    figure = confusion(np.array([[8, 2], [0, 10]]))
    (picture,) = figure.axes[0].images
    assert np.allclose(picture.get_array(), [[0, 20], [0, 0]])
    assert "90.00 % right: 2 mistakes in 20" in words(figure)
    assert words(figure).startswith("8 | 2 | 10 | ")
    as_svg(confusion(np.zeros((3, 3), int)))


def test_equal_figures_give_equal_text():
    w = RNG.normal(size=(3, 49))
    assert len({as_svg(receptive_fields(w)) for _ in range(2)}) == 1
