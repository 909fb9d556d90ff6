from __future__ import annotations

import dataclasses

import pytest
import torch

from biograd.runs.experiment import (
    OPTIMIZERS,
    PRESETS,
    SCHEDULES,
    Experiment,
    RunConfig,
    config_toml,
    preset,
    read_config,
    resident,
)

SMALL = RunConfig(hidden=(12,), epochs=1, batch=50, limit=100, threads=1)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_its_file(name, tmp_path):
    (tmp_path / "c.toml").write_text(config_toml(preset(name)))
    assert read_config(tmp_path / "c.toml") == preset(name)


def test_a_file_may_start_from_a_preset_and_change_one_field(tmp_path):
    (tmp_path / "c.toml").write_text('preset = "mnist-online"\n[sleep]\nrate = 0.3\n')
    read = read_config(tmp_path / "c.toml")
    assert read.hidden == (100,) and read.batch == 1 and read.sleep.rate == 0.3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("epoch = 3", "did you mean epochs"),
        ("[sleep]\nrat = 0.3", "did you mean sleep.rate"),
        ("[sleep]\nrate = 2.0", "sleep.rate is 2.0"),
        ("epochs = 2.5", "need a whole number"),
        ("epochs = true", "need a whole number"),
        ('lr = "fast"', "need a number"),
        ("hidden = 3", "need a list of whole numbers"),
        ("sleep = 3", "need a table"),
        ('error = "loud"', "known: signed, running, final"),
        ('preset = "imagenet"', "there is no preset 'imagenet'"),
        ("epochs = ", "is not TOML"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(text, says, tmp_path):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(ValueError, match=says) as caught:
        read_config(tmp_path / "c.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch": 0},
        {"steps": -1},
        {"hidden": (0,)},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"momentum": 1.0, "optimizer": "sgd"},
        {"momentum": 0.9},
        {"seed": -1},
        {"error": "final", "order": "online"},
        {"dataset": "cifar"},
        {"optimizer": "lion"},
        {"device": "tpu"},
        {"patience": 2},
        {"class_weights": "rare"},
    ],
)
def test_values_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change)) if "error" not in change else "final"):
        dataclasses.replace(SMALL, **change)


def test_a_seed_gives_the_same_weights_and_another_seed_others(mnist):
    first, again, other = (
        Experiment.from_config(dataclasses.replace(SMALL, seed=s)).net.layers[0].w
        for s in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_optimizer_and_schedule_changes_weights(optimizer, schedule, mnist):
    experiment = Experiment.from_config(
        dataclasses.replace(SMALL, optimizer=optimizer, schedule=schedule)
    )
    before = experiment.net.layers[0].w.clone()
    (record,) = experiment.trainer.run()
    assert not torch.equal(before, experiment.net.layers[0].w)
    assert (record["learning_rate"] == SMALL.lr) == (schedule == "constant")


def test_validation_images_are_taken_from_the_training_images(mnist):
    experiment = Experiment.from_config(dataclasses.replace(SMALL, validation=200, limit=0))
    assert len(experiment.train_set) == 500 and len(experiment.test_set) == 200
    with pytest.raises(ValueError, match="validation is 700"):
        Experiment.from_config(dataclasses.replace(SMALL, validation=700))


def test_class_weights_reach_the_error_neurons(mnist):
    balanced = Experiment.from_config(dataclasses.replace(SMALL, class_weights="balanced"))
    named = Experiment.from_config(
        dataclasses.replace(SMALL, class_weights="1,1,1,1,1,1,1,1,1,2.5")
    )
    counts = torch.bincount(balanced.train_set.y, minlength=10)
    # 100 samples, 10 classes
    assert torch.allclose(balanced.learner.error.weights * counts, torch.tensor(10.0))
    assert named.learner.error.weights.tolist() == [1.0] * 9 + [2.5]
    with pytest.raises(ValueError, match="class_weights has 2 numbers; mnist has 10 classes"):
        Experiment.from_config(dataclasses.replace(SMALL, class_weights="1,2"))


def test_images_move_to_the_device_once_and_the_loaded_ones_stay(mnist):
    experiment = Experiment.from_config(SMALL)
    assert resident(experiment.train_set, "cpu") is experiment.train_set
    moved = resident(experiment.train_set, "meta")  # any device that is not the processor
    assert moved.x.device.type == moved.y.device.type == "meta" and len(moved) == len(
        experiment.train_set
    )
    assert experiment.train_set.x.device.type == "cpu"  # pictures are drawn from it
