"""Run folders: a run goes on to the same bits, and a folder belongs to one run and one process."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from biograd.runs import records
from biograd.runs.checkpoint import RunFolder, load_checkpoint, load_weights, save_checkpoint
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment
from biograd.sleep import SleepParams

CONFIG = RunConfig(
    hidden=(12, 8),
    epochs=3,
    batch=70,
    threads=1,
    sleep=SleepParams(every=4, first_night=3, phases=1, steps=50),
)
CONFIGS = {"adam": CONFIG, "sgd": dataclasses.replace(CONFIG, optimizer="sgd", momentum=0.9)}


def weights(experiment):
    feedback = experiment.learner.feedback.state_dict()
    named = {f"feedback.{name}": value for name, value in feedback.items()}
    return {**experiment.net.state_dict(), **named}


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


@pytest.fixture(scope="module")
def unbroken_weights():
    """Weights of unbroken runs by optimizer, filled by the first test that needs them."""
    return {}


@pytest.fixture
def unbroken(unbroken_weights, mnist):
    """A function of the optimizer that returns the weights of its unbroken run."""

    def trained(optimizer):
        if optimizer not in unbroken_weights:
            experiment = Experiment.from_config(CONFIGS[optimizer])
            list(experiment.trainer.run())
            unbroken_weights[optimizer] = weights(experiment)
        return unbroken_weights[optimizer]

    return trained


@pytest.mark.parametrize("optimizer", CONFIGS)
@pytest.mark.parametrize("stop_after", [1, 7, 10, 13])
def test_a_run_resumed_from_its_file_ends_in_the_same_bits(
    optimizer, stop_after, unbroken, mnist, tmp_path
):
    config, folder, batches = CONFIGS[optimizer], RunFolder(tmp_path), []
    broken = Experiment.from_config(config)

    def stop(progress):
        batches.append(progress)
        return len(batches) == stop_after

    for _ in broken.trainer.run(on_batch=stop):
        pass
    save_checkpoint(folder, broken)
    resumed = Experiment.from_config(config)
    assert load_checkpoint(folder, resumed) == []
    list(resumed.trainer.run())
    assert_equal(weights(resumed), unbroken(optimizer))


@pytest.fixture
def saved(mnist, tmp_path):
    """A run of one epoch, and the folder that holds it."""
    experiment, folder = Experiment.from_config(CONFIG), RunFolder(tmp_path / "run")
    folder.start(CONFIG, resume=False)
    records.append(folder.records, next(experiment.trainer.run()))
    save_checkpoint(folder, experiment)
    return experiment, folder


def test_records_after_the_checkpoint_are_dropped_on_resume(saved):
    _, folder = saved
    records.append(folder.records, {"kind": "epoch", "epoch": 2})
    load_checkpoint(folder, Experiment.from_config(CONFIG))
    assert [record["epoch"] for record in records.read(folder.records)] == [1]


def test_weights_alone_come_back(saved):
    experiment, folder = saved
    fresh = Experiment.from_config(CONFIG)
    load_weights(folder, fresh)
    assert_equal(weights(fresh), weights(experiment))


def test_a_folder_with_another_run_is_refused_and_left_alone(saved):
    _, folder = saved
    before = {file: file.read_bytes() for file in folder.path.iterdir()}
    with pytest.raises(ValueError, match="already holds a run"):
        folder.start(CONFIG, resume=False)
    with pytest.raises(ValueError, match=r"lr is 0\.001 there and 0\.5 here"):
        folder.start(dataclasses.replace(CONFIG, lr=0.5), resume=True)
    assert before == {file: file.read_bytes() for file in folder.path.iterdir()}


def test_two_processes_cannot_write_to_one_run(tmp_path):
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    with first.locked(), pytest.raises(ValueError, match="another process"), second.locked():
        pass
