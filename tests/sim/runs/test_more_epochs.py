"""A run that goes on for more epochs: its weights, its learning rate, its records."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from biograd.runs import records
from biograd.runs.checkpoint import RunFolder, load_checkpoint, save_checkpoint
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment
from biograd.sleep import SleepParams

ONE = RunConfig(
    hidden=(16,),
    epochs=1,
    batch=100,
    threads=1,
    schedule="constant",
    sleep=SleepParams(every=5, steps=20, phases=1, first_night=2),
)


def longer(config, folder):
    """Train as `config` says, then go on for one more epoch; returns the experiment."""
    first = Experiment.from_config(config)
    list(first.trainer.run())
    folder.start(config, resume=False)
    save_checkpoint(folder, first)
    two = dataclasses.replace(config, epochs=config.epochs + 1)
    folder.start(two, resume=True)
    second = Experiment.from_config(two)
    load_checkpoint(folder, second)
    return second


def test_one_more_epoch_at_a_constant_rate_gives_the_weights_of_an_unbroken_run(mnist, tmp_path):
    second = longer(ONE, RunFolder(tmp_path))
    list(second.trainer.run())
    unbroken = Experiment.from_config(second.config)
    list(unbroken.trainer.run())
    for name, w in unbroken.net.state_dict().items():
        assert torch.equal(second.net.state_dict()[name], w), name


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_learning_rate_is_that_of_a_run_of_so_many_epochs(schedule, optimizer, mnist, tmp_path):
    config = dataclasses.replace(ONE, schedule=schedule, optimizer=optimizer)
    second = longer(config, RunFolder(tmp_path))
    unbroken = Experiment.from_config(second.config)
    assert [next(unbroken.trainer.run())["epoch"], second.trainer.epoch] == [1, 1]
    rates = [e.trainer.optimizer.param_groups[0]["lr"] for e in (second, unbroken)]
    assert rates[0] == rates[1] == pytest.approx(config.lr / 2)
    next(second.trainer.run())
    assert second.trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


def test_the_folder_keeps_the_longer_configuration_and_drops_the_record_of_the_shorter_run(
    tmp_path,
):
    folder = RunFolder(tmp_path)
    folder.start(ONE, resume=False)
    for record in ({"kind": "epoch", "epoch": 1}, {"kind": "run"}):
        records.append(folder.records, record)
    folder.start(dataclasses.replace(ONE, epochs=3), resume=True)
    assert folder.read_config().epochs == 3
    assert [record["kind"] for record in records.read(folder.records)] == ["epoch"]


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"epochs": 1}, "epochs is 2 there and 1 here"),
        ({"epochs": 3, "lr": 0.5}, r"epochs is 2 there and 3 here; lr is 0.001 there and 0.5 here"),
    ],
)
def test_fewer_epochs_or_another_change_are_refused_by_name(changes, differs, tmp_path):
    folder, two = RunFolder(tmp_path), dataclasses.replace(ONE, epochs=2)
    folder.start(two, resume=False)
    with pytest.raises(ValueError, match=differs):
        folder.start(dataclasses.replace(two, **changes), resume=True)
    assert folder.read_config() == two
