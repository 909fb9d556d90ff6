from __future__ import annotations

import dataclasses

import pytest
import torch

from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment, learning_precision, resident
from biograd.runs.optimizers import OPTIMIZERS, SCHEDULES

SMALL = RunConfig(hidden=(12,), epochs=1, batch=50, limit=100, threads=1)


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


def test_torchs_own_threads_stay_as_they_are(mnist, monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda n: pytest.fail("changed for all"))
    assert Experiment.from_config(SMALL).learner.threads == 1


@pytest.mark.parametrize("unit", ["avx512_bf16", "amx_bf16", "bf16", "sve_bf16"])
def test_bfloat16_is_taken_where_the_processor_has_units_for_it(unit, mnist, monkeypatch):
    config = dataclasses.replace(SMALL, precision="bfloat16")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, unit: True})
    assert (
        learning_precision(config) == Experiment.from_config(config).learner.precision == "bfloat16"
    )
    assert learning_precision(SMALL) == "float32"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, unit: False})
    assert (
        learning_precision(config) == Experiment.from_config(config).learner.precision == "float32"
    )
    assert learning_precision(dataclasses.replace(config, device="cuda")) == "bfloat16"
    monkeypatch.delattr(torch.cpu, "get_capabilities")  # older versions of torch
    assert learning_precision(config) == "float32"
