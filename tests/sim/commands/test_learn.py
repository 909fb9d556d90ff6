"""`biograd learn`: learning on the chip goes on from its file, and leaves a model to deploy."""

from __future__ import annotations

import pytest


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
        (["--preset", "better"], "preset is 'better'"),
    ],
)
def test_flags_of_learn_that_do_not_go_together_are_refused(biograd, tmp_path, flags, message):
    run = biograd("learn", *flags, "--out", tmp_path / "run")
    assert run.code == 2 and run.is_one_line and message in run.err
