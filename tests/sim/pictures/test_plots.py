"""Pictures: they show the numbers they are given, say units, keep their hands off global state, and
survive odd runs.
"""

import copy
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from biograd.pictures import plots  # noqa: E402 (the environment for Lava has no matplotlib)

WEIGHTS = np.random.default_rng(0).normal(size=(3, 49))
RNG = np.random.default_rng(1)
EPOCHS = [
    {
        "kind": "epoch",
        "epoch": n,
        "train_accuracy": 0.9 + n / 100,
        "test_accuracy": 0.91 + n / 100,
        "feedback_angle_deg": [60.0 - n, 40.0 - n],
    }
    for n in (1, 2, 3)
]
FEW = {
    "v": [0.5, 1.5, 0.2],
    "v_apical": [0.0, -0.2, 0.1],
    "e": [0.0, 0.4, 0.3],
    "spikes": [0, 1, 0],
}
TRAINS = [RNG.integers(0, 2, (6, n)).astype(np.uint8) for n in (49, 20, 5)]


def every_figure():
    return [
        plots.learning_curve(EPOCHS),
        plots.feedback_angles(EPOCHS),
        plots.raster(TRAINS, "one sample"),
        plots.compartments(**{name: np.array(value) for name, value in FEW.items()}),
        plots.receptive_fields(WEIGHTS),
        plots.confusion(np.array([[8, 2], [0, 10]])),
    ]


def words(figure) -> str:
    """All that is written on a figure."""
    return " | ".join(
        text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()
    )


def line(ax, colour) -> np.ndarray:
    (found,) = [
        line for line in ax.lines if line.get_color() == colour and len(line.get_xdata()) > 2
    ]
    return np.asarray(found.get_ydata())


@pytest.mark.slow
def test_every_figure_is_drawn_as_svg_and_png_and_leaves_global_state_alone():
    before = copy.deepcopy(dict(matplotlib.rcParams))
    for figure in every_figure():
        assert ElementTree.fromstring(plots.as_svg(figure)).tag.endswith("svg")
        assert plots.as_png(figure, dpi=40).startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before
    assert pytest.importorskip("matplotlib.pyplot").get_fignums() == []


@pytest.mark.slow
def test_equal_figures_give_equal_text():
    assert len({plots.as_svg(plots.receptive_fields(WEIGHTS)) for _ in range(2)}) == 1


def test_the_learning_curve_shows_percent_and_names_its_ends():
    figure = plots.learning_curve([{"kind": "run"}, *EPOCHS])
    assert np.allclose(line(figure.axes[0], plots.BLUE), [92, 93, 94]) and np.allclose(
        line(figure.axes[0], plots.PALE), [91, 92, 93]
    )
    assert all(
        part in words(figure)
        for part in ("held out 94.00 %", "training 93.00 %", "right answers (%)", "epoch")
    )


def test_a_missing_measurement_is_a_gap_and_one_never_made_is_no_line():
    figure = plots.learning_curve([EPOCHS[0], EPOCHS[1] | {"test_accuracy": None}, EPOCHS[2]])
    assert np.isnan(line(figure.axes[0], plots.BLUE)).tolist() == [False, True, False]
    never = plots.learning_curve(
        [{"kind": "epoch", "epoch": n, "train_accuracy": 0.5} for n in (1, 2, 3)]
    )
    assert "held out" not in words(never)
    plots.as_svg(never)


def test_angles_are_shown_for_each_hidden_layer_beside_chance():
    figure = plots.feedback_angles(
        [EPOCHS[0] | {"feedback_angle_deg": [math.nan, 39.0]}, *EPOCHS[1:]]
    )
    assert np.allclose(line(figure.axes[0], plots.ORANGE), [39, 38, 37])
    assert all(
        part in words(figure) for part in ("hidden 1: 57.0°", "hidden 2: 37.0°", "90°", "degrees")
    )


def test_names_at_the_ends_of_equal_lines_do_not_touch():
    figure = plots.feedback_angles(
        [record | {"feedback_angle_deg": [30.0, 30.0, 30.0]} for record in EPOCHS]
    )
    heights = sorted(
        text.xy[1] for text in figure.axes[0].texts if text.get_text().startswith("hidden")
    )
    assert len(heights) == 3 and min(np.diff(heights)) > 5  # degrees of about 100: a line of text


@pytest.mark.parametrize("draw", [plots.learning_curve, plots.feedback_angles])
def test_records_without_an_epoch_are_refused_and_a_single_one_is_drawn(draw):
    with pytest.raises(ValueError, match="none of the 1 records tells of an epoch"):
        draw([{"kind": "run"}])
    plots.as_svg(draw(EPOCHS[:1]))


def test_a_raster_holds_every_spike_at_its_step_and_marks_the_answer():
    figure = plots.raster(TRAINS, "one sample")
    for ax, s in zip(figure.axes, TRAINS, strict=True):
        (dashes,) = ax.collections
        drawn = {(round(dash[:, 0].mean()) - 1, int(dash[0, 1])) for dash in dashes.get_segments()}
        assert drawn == {(int(t), int(n)) for t, n in zip(*np.nonzero(s), strict=True)}
    colours = dashes.get_colors()
    answer = np.argmax(TRAINS[-1].sum(0))
    orange = matplotlib.colors.to_rgba(plots.ORANGE)
    assert [tuple(c) == orange for c in colours] == [n == answer for n in np.nonzero(TRAINS[-1])[1]]
    assert all(
        part in words(figure)
        for part in ("one sample", "input", "hidden 1", "output\n(class)", "time step")
    )


@pytest.mark.slow
def test_a_silent_network_and_a_long_or_wide_one_are_drawn():
    plots.as_svg(
        plots.raster([np.zeros((5, 30), np.uint8), np.zeros((5, 10), np.uint8)], "silence")
    )
    long = plots.raster([RNG.random((100, 784)) < 0.1, RNG.random((100, 30)) < 0.1], "long")
    assert len(plots.as_svg(long)) < 1_000_000


def test_the_compartments_show_threshold_spikes_and_units():
    figure = plots.compartments(**{name: np.array(value) for name, value in FEW.items()})
    soma, apical, synapse = figure.axes
    for ax, colour, name in (
        (soma, plots.BLUE, "v"),
        (apical, plots.ORANGE, "v_apical"),
        (synapse, plots.GREEN, "e"),
    ):
        assert line(ax, colour).tolist() == FEW[name]
    (spikes,) = soma.collections
    assert [segment[0, 0] for segment in spikes.get_segments()] == [2]  # the second step
    assert all(
        part in words(figure) for part in ("threshold", "thresholds", "eligibility", "time step")
    )


def test_receptive_fields_show_the_strongest_neurons_on_one_symmetric_scale():
    w = np.arange(1, 6)[:, None] * RNG.choice([-1.0, 1.0], (5, 49))
    figure = plots.receptive_fields(w, count=3)
    pictures = [ax.images[0] for ax in figure.axes if ax.images]
    assert [abs(picture.get_array()).max() for picture in pictures] == [5, 4, 3]
    assert {picture.get_clim() for picture in pictures} == {(-5.0, 5.0)}
    assert np.array_equal(
        pictures[0].get_array(), w[4].reshape(7, 7)
    ) and "3 strongest of 5" in words(figure)
    plots.as_svg(plots.receptive_fields(np.zeros((1, 49))))


def test_receptive_fields_of_what_is_no_square_are_refused():
    with pytest.raises(ValueError, match="50 inputs make no square picture"):
        plots.receptive_fields(np.zeros((3, 50)))


def test_receptive_fields_of_recordings_lie_beside_each_other_a_plane_a_polarity():
    w = RNG.normal(size=(5, 2 * 3 * 4))
    figure = plots.receptive_fields(w, count=4, shape=(2, 3, 4))
    first = next(ax.images[0] for ax in figure.axes if ax.images).get_array()
    strongest = w[np.argmax(np.linalg.norm(w, axis=1))].reshape(2, 3, 4)
    assert (
        np.array_equal(first[:, :4], strongest[0])
        and np.array_equal(first[:, 6:], strongest[1])
        and first.mask[:, 4:6].all()
    )
    assert "2 strongest of 5 neurons, OFF beside ON" in words(figure)
    with pytest.raises(ValueError, match="24 inputs make no 2 planes of 3 x 5"):
        plots.receptive_fields(w, shape=(2, 3, 5))


def test_a_confusion_matrix_counts_and_colours_mistakes_only():
    figure = plots.confusion(np.array([[8, 2], [0, 10]]))
    (picture,) = figure.axes[0].images
    assert np.allclose(picture.get_array(), [[0, 20], [0, 0]])
    assert "90.00 % right: 2 mistakes in 20" in words(figure) and words(figure).startswith(
        "8 | 2 | 10 | "
    )
    plots.as_svg(plots.confusion(np.zeros((3, 3), int)))
