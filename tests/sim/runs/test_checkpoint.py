from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

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


def weights(experiment):
    return {
        **experiment.net.state_dict(),
        **{f"fb.{k}": v for k, v in experiment.learner.feedback.state_dict().items()},
    }


def saved(tmp_path, epochs=1):
    experiment, folder = Experiment.from_config(CONFIG), RunFolder(tmp_path / "run")
    folder.start(CONFIG, resume=False)
    for _, record in zip(range(epochs), experiment.trainer.run(), strict=False):
        records.append(folder.records, record)
    save_checkpoint(folder, experiment)
    return experiment, folder


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("stop_after", [1, 7, 10, 13])
def test_a_run_resumed_from_its_file_ends_in_the_same_bits(optimizer, stop_after, mnist, tmp_path):
    config = dataclasses.replace(
        CONFIG, optimizer=optimizer, momentum=0.9 if optimizer == "sgd" else 0.0
    )
    unbroken = Experiment.from_config(config)
    list(unbroken.trainer.run())

    folder, broken, seen = RunFolder(tmp_path), Experiment.from_config(config), []
    for _ in broken.trainer.run(on_batch=lambda p: (seen.append(p), len(seen) == stop_after)[1]):
        pass
    save_checkpoint(folder, broken)
    resumed = Experiment.from_config(config)
    assert load_checkpoint(folder, resumed) == []
    list(resumed.trainer.run())

    for name, value in weights(unbroken).items():
        assert torch.equal(value, weights(resumed)[name]), name


def test_records_after_the_checkpoint_are_dropped_on_resume(mnist, tmp_path):
    _, folder = saved(tmp_path, epochs=1)
    late = {"kind": "epoch", "epoch": 2}
    records.append(folder.records, late)
    load_checkpoint(folder, Experiment.from_config(CONFIG))
    assert [record["epoch"] for record in records.read(folder.records)] == [1]


def test_weights_alone_come_back(mnist, tmp_path):
    experiment, folder = saved(tmp_path)
    fresh = Experiment.from_config(CONFIG)
    load_weights(folder, fresh)
    for name, value in weights(experiment).items():
        assert torch.equal(value, weights(fresh)[name]), name


def test_a_folder_with_another_run_is_refused_and_left_alone(mnist, tmp_path):
    _, folder = saved(tmp_path)
    before = {file: file.read_bytes() for file in folder.path.iterdir()}
    with pytest.raises(ValueError, match="already holds a run"):
        folder.start(CONFIG, resume=False)
    with pytest.raises(ValueError, match=r"lr is 0\.001 there and 0\.5 here"):
        folder.start(dataclasses.replace(CONFIG, lr=0.5), resume=True)
    assert before == {file: file.read_bytes() for file in folder.path.iterdir()}


def test_two_processes_cannot_write_to_one_run(tmp_path):
    folder = RunFolder(tmp_path)
    with (
        folder.locked(),
        pytest.raises(ValueError, match="another process"),
        RunFolder(tmp_path).locked(),
    ):
        pass


def test_bad_checkpoints_are_refused_in_one_line(mnist, tmp_path):
    _, folder = saved(tmp_path)
    good = folder.checkpoint.read_bytes()

    def refused(says):
        with pytest.raises(ValueError, match=says) as caught:
            load_checkpoint(folder, Experiment.from_config(CONFIG))
        assert "\n" not in str(caught.value)

    for cut in (0, 7, 100, len(good) // 2, len(good) - 1):
        folder.checkpoint.write_bytes(good[:cut])
        refused("cannot be read as a checkpoint")
    folder.checkpoint.write_bytes((1 << 60).to_bytes(8, "little") + good[8:])
    refused("cannot be read as a checkpoint")

    folder.checkpoint.write_bytes(good)
    with safe_open(folder.checkpoint, framework="pt") as file:
        header = json.loads(file.metadata()["biograd"])
    tensors = load_file(folder.checkpoint)
    save_file(tensors, folder.checkpoint, {"biograd": json.dumps(header | {"format": 99})})
    refused("format 99; this BioGrad reads 1")
    save_file(
        tensors | {"net.layers.0.w": torch.full_like(tensors["net.layers.0.w"], float("nan"))},
        folder.checkpoint,
    )
    refused("format None")
    nan = tensors | {"net.layers.0.w": torch.full_like(tensors["net.layers.0.w"], float("nan"))}
    save_file(nan, folder.checkpoint, {"biograd": json.dumps(header)})
    refused("not finite")
    save_file(
        tensors | {"net.layers.0.w": torch.zeros(3, 784)},
        folder.checkpoint,
        {"biograd": json.dumps(header)},
    )
    refused("another network")
    folder.checkpoint.unlink()
    refused("saved nothing yet")
