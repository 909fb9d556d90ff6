"""`biograd deploy --clip`: outlying weights are clipped, and the program says so."""

from __future__ import annotations

import dataclasses

import pytest

from hardware.border.files import read_model, write_model


@pytest.fixture
def spoiled(trained, biograd, tmp_path):
    """The NIR file of a trained network with one large weight on a pixel that is always black."""
    assert biograd("export", trained, "--json").code == 0
    model = read_model(trained / "model.nir")
    first = model.layers[0]
    w = first.w.copy()
    w[3, 0] = 500.0
    layers = (dataclasses.replace(first, w=w), *model.layers[1:])
    write_model(dataclasses.replace(model, layers=layers), tmp_path / "spoiled.nir")
    return tmp_path / "spoiled.nir"


@pytest.mark.slow
def test_an_outlying_weight_costs_the_accuracy_and_clipping_brings_it_back(spoiled, biograd):
    plain = biograd("deploy", spoiled, "--json")
    assert plain.result["test_accuracy"] < 0.3 and "clip" not in plain.result
    assert "--clip auto" in plain.err
    auto = biograd("deploy", spoiled, "--clip", "auto", "--json")
    assert auto.code == 0, auto.err
    accuracy, clip = auto.result["test_accuracy"], auto.result["clip"]
    assert accuracy > auto.result["float_test_accuracy"] - 0.05
    assert clip["layers"][0]["largest"] == 500 and clip["tried"][0]["accuracy"] < 0.3
    assert "layer 1: " in auto.err and "the largest was 500" in auto.err
    assert f"clip at percentile {clip['percentile']:g} of each layer's weights" in auto.err
    named = biograd("deploy", spoiled, "--clip", clip["percentile"], "--json")
    assert named.result["test_accuracy"] == accuracy


@pytest.mark.parametrize("value", ["0", "101", "some", "nan"])
def test_a_clip_that_is_no_percentile_is_refused(value, spoiled, biograd):
    outcome = biograd("deploy", spoiled, "--clip", value)
    assert outcome.is_one_line and f"--clip is '{value}'; known: none, auto" in outcome.err


def test_faults_lower_the_accuracy_and_are_recorded(biograd, trained):
    faulty = biograd("deploy", trained, "--faults.synapses", "0.6", "--json").result
    assert faulty["faults"]["synapses"] == 0.6
    assert faulty["test_accuracy"] < faulty["float_test_accuracy"]
    evaluated = biograd("evaluate", trained, "--faults.synapses", "0.6", "--json").result
    # the same synapses, in real numbers
    assert abs(evaluated["test_accuracy"] - faulty["test_accuracy"]) < 0.1
    assert evaluated["faults"] == faulty["faults"]


def test_rates_out_of_range_and_faults_in_lava_are_refused(biograd, trained):
    outside = biograd("evaluate", trained, "--faults.dead", "2")
    assert outside.is_one_line and "--faults.dead is 2.0; need 0 <= dead <= 1" in outside.err
    in_lava = biograd("deploy", trained, "--target", "lava", "--faults.dead", "0.1")
    assert in_lava.is_one_line and "leave --target lava out" in in_lava.err
