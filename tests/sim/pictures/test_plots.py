"""Pictures of a run show the numbers they are given, with units, whatever the run was."""

from __future__ import annotations

import copy
import math
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest

from biograd.pictures import plots, style
from biograd.pictures.saving import as_png, as_svg

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
NEURON = {
    "v": [0.5, 1.5, 0.2],
    "v_apical": [0.0, -0.2, 0.1],
    "e": [0.0, 0.4, 0.3],
    "spikes": [0, 1, 0],
}
SPIKES = [RNG.integers(0, 2, (6, n)).astype(np.uint8) for n in (49, 20, 5)]


def one_neuron():
    return plots.compartments(**{name: np.array(value) for name, value in NEURON.items()})


@pytest.mark.slow
def test_drawing_gives_svg_and_png_and_leaves_global_state_alone():
    before = copy.deepcopy(dict(matplotlib.rcParams))
    for figure in (plots.learning_curve(EPOCHS), plots.raster(SPIKES, "one sample"), one_neuron()):
        assert ElementTree.fromstring(as_svg(figure)).tag.endswith("svg")
        assert as_png(figure, dpi=40).startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before
    assert pytest.importorskip("matplotlib.pyplot").get_fignums() == []


def test_the_learning_curve_shows_percent_and_names_its_ends(words, line):
    figure = plots.learning_curve([{"kind": "run"}, *EPOCHS])
    assert np.allclose(line(figure.axes[0], style.BLUE), [92, 93, 94])
    assert np.allclose(line(figure.axes[0], style.PALE), [91, 92, 93])
    for part in ("held out 94.00 %", "training 93.00 %", "right answers (%)", "epoch"):
        assert part in words(figure)


def test_a_missing_measurement_is_a_gap_and_one_never_made_is_no_line(words, line):
    figure = plots.learning_curve([EPOCHS[0], EPOCHS[1] | {"test_accuracy": None}, EPOCHS[2]])
    assert np.isnan(line(figure.axes[0], style.BLUE)).tolist() == [False, True, False]
    never = plots.learning_curve(
        [{"kind": "epoch", "epoch": n, "train_accuracy": 0.5} for n in (1, 2, 3)]
    )
    assert "held out" not in words(never)
    as_svg(never)


def test_angles_are_shown_for_each_hidden_layer_beside_chance(words, line):
    figure = plots.feedback_angles(
        [EPOCHS[0] | {"feedback_angle_deg": [math.nan, 39.0]}, *EPOCHS[1:]]
    )
    assert np.allclose(line(figure.axes[0], style.ORANGE), [39, 38, 37])
    for part in ("hidden 1: 57.0°", "hidden 2: 37.0°", "90°", "degrees"):
        assert part in words(figure)
    as_svg(figure)


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
    with pytest.raises(ValueError, match="none of the 1 records is of an epoch"):
        draw([{"kind": "run"}])
    as_svg(draw(EPOCHS[:1]))


def test_a_raster_holds_every_spike_at_its_step_and_marks_the_answer(words):
    figure = plots.raster(SPIKES, "one sample")
    for ax, s in zip(figure.axes, SPIKES, strict=True):
        (dashes,) = ax.collections
        drawn = {(round(dash[:, 0].mean()) - 1, int(dash[0, 1])) for dash in dashes.get_segments()}
        assert drawn == {(int(t), int(n)) for t, n in zip(*np.nonzero(s), strict=True)}
    colours = dashes.get_colors()
    answer = np.argmax(SPIKES[-1].sum(0))
    orange = matplotlib.colors.to_rgba(style.ORANGE)
    assert [tuple(c) == orange for c in colours] == [n == answer for n in np.nonzero(SPIKES[-1])[1]]
    for part in ("one sample", "input", "hidden 1", "output\n(class)", "time step"):
        assert part in words(figure)
    assert f"{SPIKES[0].mean() * 6:.2f} spikes\nper neuron" in words(figure)


def test_a_silent_network_and_a_long_or_wide_one_are_drawn():
    as_svg(plots.raster([np.zeros((5, 30), np.uint8), np.zeros((5, 10), np.uint8)], "silence"))
    long = plots.raster([RNG.random((100, 784)) < 0.1, RNG.random((100, 30)) < 0.1], "long")
    assert len(as_svg(long)) < 1_000_000


def test_the_compartments_show_threshold_spikes_and_units(words, line):
    figure = one_neuron()
    soma, apical, synapse = figure.axes
    for ax, colour, name in (
        (soma, style.BLUE, "v"),
        (apical, style.ORANGE, "v_apical"),
        (synapse, style.GREEN, "e"),
    ):
        assert line(ax, colour).tolist() == NEURON[name]
    (spikes,) = soma.collections
    assert [segment[0, 0] for segment in spikes.get_segments()] == [2]  # the second step
    for part in ("threshold", "thresholds", "eligibility", "time step"):
        assert part in words(figure)
