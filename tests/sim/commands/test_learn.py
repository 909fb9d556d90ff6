"""`biograd learn`: learning on the chip goes on from its file, and leaves a model to deploy."""

from __future__ import annotations

import numpy as np
import pytest

from hardware.border.files import read_model, write_model
from hardware.border.layers import LayerModel
from hardware.border.model import Model
from hardware.border.shapes import Convolution
from hardware.learning.state import read_state, write_state


@pytest.mark.slow
def test_learning_on_the_chip_goes_on_from_its_file_and_leaves_a_model(mnist, biograd, tmp_path):
    folder = tmp_path / "learned"
    flags = [
        *("learn", "--hidden", "20", "--epochs", "2", "--samples", "600", "--json"),
        *("--out", folder),
    ]
    first = biograd(*flags)
    assert first.code == 0, first.err
    accuracy = first.result["test_accuracy"]
    assert first.result["samples"] == 1200 and accuracy > 0.5
    assert len(first.result["feedback_angle_deg"]) == 1

    assert biograd(*flags).code == 2, "a second run must not overwrite the first"
    changed = biograd("learn", "--out", folder, "--resume", "--seed", "7", "--steps", "12")
    assert changed.is_one_line and "steps is 20 there and 12 here; seed is 0" in changed.err
    resumed = biograd("learn", "--out", folder, "--resume", "--json")
    assert resumed.code == 0 and resumed.result["test_accuracy"] == accuracy

    deployed = biograd("deploy", folder / "model.nir", "--json")
    assert deployed.code == 0, deployed.err
    assert deployed.result["test_accuracy"] == accuracy, "the integers must come back from the file"

    more = ["--model", folder / "model.nir", "--epochs", "1", "--out", tmp_path / "more", "--json"]
    continued = biograd("learn", *more)
    assert continued.code == 0 and continued.result["samples"] == 700, continued.err
    alone = biograd("learn", "--out", tmp_path / "more", "--resume", "--json")
    assert alone.result["test_accuracy"] == continued.result["test_accuracy"], alone.err


@pytest.fixture
def convolutional(tmp_path):
    """A file of a network of random kernels that ends with a readout."""
    rng = np.random.default_rng(0)
    conv = Convolution(in_shape=(1, 28, 28), channels=4, kernel=(5, 5), stride=(4, 4))
    maps = LayerModel(w=rng.normal(0, 0.4, conv.weight_shape), bias=np.zeros(4), conv=conv)
    readout = LayerModel(w=np.zeros((10, conv.outputs)), bias=np.zeros(10), fires=False)
    file = tmp_path / "conv.nir"
    write_model(Model(layers=(maps, readout), steps=6, info={"dataset": "mnist"}), file)
    return file


def test_a_head_is_taught_on_a_frozen_convolution(mnist, biograd, tmp_path, convolutional):
    flags = ["learn", "--model", convolutional, "--plastic", "head", "--samples", "600", "--json"]
    flags += ["--out", tmp_path / "head"]
    learned = biograd(*flags, "--epochs", "2")
    assert learned.code == 0, learned.err
    accuracy = learned.result["test_accuracy"]
    assert accuracy > 0.5 and learned.result["feedback_angle_deg"] == []
    deployed = biograd("deploy", tmp_path / "head" / "model.nir", "--json")
    assert deployed.result["test_accuracy"] == accuracy, "the integers must come back"
    before, after = read_model(convolutional), read_model(tmp_path / "head" / "model.nir")
    change = np.abs(after.layers[0].w - before.layers[0].w)
    assert change.max() < np.abs(before.layers[0].w).max() / 127, "frozen kernels are rounded"

    resumed = biograd("learn", "--out", tmp_path / "head", "--resume", "--json")
    assert resumed.result["test_accuracy"] == accuracy, resumed.err
    doubled = LayerModel(w=2 * before.layers[0].w, bias=np.ones(4), conv=before.layers[0].conv)
    write_model(Model(layers=(doubled, before.layers[1]), steps=6, info=before.info), convolutional)
    state = read_state(tmp_path / "head" / "learning.npz")
    state.samples = 600
    write_state(state, tmp_path / "head" / "learning.npz")
    other = biograd("learn", "--out", tmp_path / "head", "--resume")
    assert other.code == 2 and other.err.count("\n") == 1
    assert "holds other weights than when" in other.err


def test_layers_that_cannot_learn_on_the_chip_are_named(mnist, biograd, tmp_path, convolutional):
    everything = biograd("learn", "--model", convolutional, "--out", tmp_path / "run")
    assert everything.code == 2 and everything.is_one_line
    assert "layer 1 is convolutional" in everything.err and "--plastic head" in everything.err
    shifted = ["--plastic", "head", "--shift", "1", "--out", tmp_path / "run"]
    refused = biograd("learn", "--model", convolutional, *shifted)
    assert refused.code == 2 and refused.is_one_line and "leave --shift out" in refused.err


def test_a_stream_of_new_classes_is_kept_and_set_beside_nets(mnist, biograd, tmp_path):
    flags = ["learn", "--stream", "new-classes", "--prototypes", "50", "--hidden", "10", "--json"]
    run = biograd(*flags, "--shots", "5", "--replay", "2", "--out", tmp_path / "stream")
    assert run.code == 0, run.err
    learners = run.result["learners"]
    assert list(learners) == ["prototypes", "naive", "replay of 2 per class", "joint"]
    assert run.result["recruited"] == 50
    assert learners["prototypes"]["final"] == run.result["test_accuracy"] > 0.4
    assert (tmp_path / "stream" / "prototypes.npz").is_file()
    again = biograd(*flags, "--out", tmp_path / "stream")
    assert again.code == 2 and again.is_one_line and "holds another run" in again.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--stream", "new-classes", "--resume"], "a stream takes a minute: run it again"),
        (["--stream", "new-classes", "--plastic", "head"], "no --model is named: name one"),
        (["--stream", "new-classes", "--shift", "1"], "leave --shift out"),
        (["--stream", "new-classes", "--prototypes", "0"], "prototypes is 0; need 1 or more"),
        (["--plastic", "head"], "no --model is named: name one"),
        (
            ["--faults.lost", "0.1"],
            "--faults.lost is 0.1; a chip that learns takes faults that last",
        ),
        (["--stream", "new-classes", "--faults.dead", "0.1"], "leave --faults out"),
        (["--plastic", "head", "--model", "x", "--faults.dead", "0.1"], "leave --faults out"),
        (["--preset", "better"], "preset is 'better'"),
    ],
)
def test_flags_of_learn_that_do_not_go_together_are_refused(biograd, tmp_path, flags, message):
    run = biograd("learn", *flags, "--out", tmp_path / "run")
    assert run.code == 2 and run.is_one_line and message in run.err


def test_learning_goes_on_with_a_damaged_chip(mnist, biograd, tmp_path):
    short = ["--epochs", "1", "--samples", "500", "--json"]
    first = biograd("learn", "--hidden", "30", *short, "--out", tmp_path / "intact")
    faults = ["--faults.dead", "0.6", "--faults.no-output", "--faults.seed", "1"]
    again = ["learn", "--model", tmp_path / "intact", *short, *faults]
    healed = biograd(*again, "--out", tmp_path / "healed")
    assert healed.code == 0, healed.err
    before, after = healed.result["test_accuracy_before"], healed.result["test_accuracy"]
    assert before < first.result["test_accuracy"] and before < after
    assert healed.result["faults"]["dead"] == 0.6
    same = biograd(*again, "--out", tmp_path / "same")
    assert same.result["test_accuracy"] == after, "one seed must give the same faults"
    deployed = biograd("deploy", tmp_path / "healed", *faults, "--json")
    assert deployed.result["test_accuracy"] == after
    resumed = biograd("learn", "--resume", "--out", tmp_path / "healed", "--json")
    assert resumed.code == 0 and resumed.result["test_accuracy"] == after
