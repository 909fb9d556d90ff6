"""`biograd deploy --clip`: outlying weights are clipped, and the program says so."""

from __future__ import annotations

import dataclasses

import nir
import numpy as np
import pytest
import torch

from biograd.encoders import integrate_and_fire
from biograd.interop.nir import to_nir
from biograd.network import Network
from biograd.neurons import LeakyReadout, TwoCompartmentLIF, TwoCompartmentParams
from hardware.border.files import read_model, read_result, write_model
from hardware.fixed_point import quantise
from hardware.netx.writing import write_netx


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


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """A convolutional network in a NIR file, samples of its own, and its spikes on them."""
    folder = tmp_path_factory.mktemp("maps")
    generator = torch.Generator().manual_seed(0)
    net = Network(
        (1, 6, 6),
        "4c3-avg2-6c2p0-3",
        neuron=TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.0)),
        generator=generator,
    )
    for layer in net.layers:
        layer.w.abs_()  # so that all layers fire
    to_nir(net, folder / "maps.nir", steps=8)
    x = torch.randint(0, 256, (40, 6, 6), generator=generator, dtype=torch.uint8)
    y = torch.arange(40) % 3
    arrays = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    np.savez(folder / "my.npz", **{name: array.numpy() for name, array in arrays.items()})
    spikes = integrate_and_fire(x.flatten(1).float() / 255, 8)
    np.savez(folder / "spikes.npz", spikes=spikes.numpy().astype(np.uint8))
    return folder, net(spikes).sum(0)


def test_maps_are_deployed_on_samples_of_ones_own_and_answers_are_written(maps, biograd):
    folder, counts = maps
    outcome = biograd(
        *("deploy", folder / "maps.nir", "--dataset", folder / "my.npz", "--json"),
        *("--out", folder / "answers.npz", "--record", "s"),
    )
    assert outcome.code == 0, outcome.err
    assert outcome.result["samples"] == 40 and outcome.result["loihi2_cores"] == 3
    written = read_result(folder / "answers.npz")
    assert [s.shape for s in written.s] == [(8, 40, 144), (8, 40, 24), (8, 40, 3)]
    assert np.array_equal(written.s[-1].sum(axis=0), written.counts)
    # rounding to 8 bits moves few spikes
    assert np.abs(written.counts - counts.numpy()).mean() < 0.2 and counts.sum() > 50


def test_spikes_in_a_file_need_no_data_set_and_no_labels(maps, biograd):
    folder, _ = maps
    command = ("deploy", folder / "maps.nir", "--spikes", folder / "spikes.npz", "--json")
    outcome = biograd(*command)
    assert outcome.code == 0 and outcome.result["test_accuracy"] is None
    assert outcome.result["samples"] == 40 and "40 samples without labels" in outcome.err
    both = biograd(*command, "--dataset", "mnist")
    assert both.is_one_line and "leave one of them out" in both.err
    nowhere = biograd("deploy", folder / "maps.nir", "--record", "s")
    assert nowhere.is_one_line and "--out names no file" in nowhere.err


def test_a_file_of_lava_dl_runs_as_it_is(maps, biograd, tmp_path):
    folder, _ = maps
    fixed = quantise(read_model(folder / "maps.nir"))
    write_netx(fixed, tmp_path / "theirs.net")
    outcome = biograd(
        "deploy", tmp_path / "theirs.net", "--spikes", folder / "spikes.npz", "--json"
    )
    assert outcome.code == 0, outcome.err
    assert outcome.result["operations_per_sample"]["spikes"] > 0
    assert outcome.result["quantisation"] is None


def test_a_reset_that_the_file_does_not_name_is_named_by_a_flag(biograd, tmp_path):
    ones = np.ones(2)
    nodes = {
        "input": nir.Input(input_type={"input": np.array([2])}),
        "fc": nir.Linear(np.eye(2) * 0.7),
        "if": nir.IF(r=ones, v_threshold=ones, v_reset=0 * ones),
        "output": nir.Output(output_type={"output": np.array([2])}),
    }
    edges = [("input", "fc"), ("fc", "if"), ("if", "output")]
    nir.write(tmp_path / "theirs.nir", nir.NIRGraph(nodes, edges))
    np.savez(tmp_path / "spikes.npz", spikes=np.ones((10, 1, 2), np.uint8))
    command = ("deploy", tmp_path / "theirs.nir", "--steps", "10", "--json")
    command = (*command, "--spikes", tmp_path / "spikes.npz")
    zero, subtract = (biograd(*command, *flags) for flags in ((), ("--reset", "subtract")))
    assert "the reset is read as reset to zero" in zero.err and "the reset" not in subtract.err
    # 0.7 a step: 0.7, 1.4 fires and starts again, 5 times; or keeps 0.4, 1.1, ...: 7 - 1 times
    sent = [r.result["operations_per_sample"]["spikes"] for r in (zero, subtract)]
    assert sent[0] == 20 + 2 * 5 and sent[1] in (20 + 2 * 6, 20 + 2 * 7)
    assert "resets that Loihi 1 and Lava's neurons do not have" in subtract.err


def test_a_readout_of_a_leaky_network_is_compared_without_labels(biograd, tmp_path):
    net = Network(
        (6, 5, 3),
        output=LeakyReadout(TwoCompartmentParams(alpha_u=0.0)),
        generator=torch.Generator().manual_seed(0),
    )
    to_nir(net, tmp_path / "readout.nir", steps=4)
    np.savez(tmp_path / "spikes.npz", spikes=np.ones((4, 2, 6), np.uint8))
    outcome = biograd(
        *("deploy", tmp_path / "readout.nir", "--spikes", tmp_path / "spikes.npz"),
        *("--out", tmp_path / "answers.npz", "--json"),
    )
    assert outcome.code == 0, outcome.err
    assert np.abs(read_result(tmp_path / "answers.npz").counts).min() > 64
