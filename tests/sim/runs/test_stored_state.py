"""Checkpoint files that are damaged or of another format or network: refused in one line."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from biograd.runs.checkpoint import RunFolder, load_checkpoint, save_checkpoint
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment
from biograd.sleep import SleepParams

CONFIG = RunConfig(
    hidden=(12, 8),
    epochs=3,
    batch=350,
    threads=1,
    sleep=SleepParams(every=4, first_night=3, phases=1, steps=50),
)
W = "net.layers.0.w"


@pytest.fixture
def folder(mnist, tmp_path):
    """A run folder with the checkpoint of one epoch."""
    experiment, folder = Experiment.from_config(CONFIG), RunFolder(tmp_path)
    next(experiment.trainer.run())
    save_checkpoint(folder, experiment)
    return folder


def refuse(folder, message):
    with pytest.raises(ValueError, match=message) as error:
        load_checkpoint(folder, Experiment.from_config(CONFIG))
    assert "\n" not in str(error.value)


def test_a_truncated_or_forged_file_cannot_be_read(folder):
    good = folder.checkpoint.read_bytes()
    forged = (1 << 60).to_bytes(8, "little") + good[8:]
    for content in (*(good[:cut] for cut in (0, 7, 100, len(good) // 2, len(good) - 1)), forged):
        folder.checkpoint.write_bytes(content)
        refuse(folder, "cannot be read as a checkpoint")


def test_other_formats_and_other_networks_are_refused(folder):
    with safe_open(folder.checkpoint, framework="pt") as file:
        header = json.loads(file.metadata()["biograd"])
    tensors = load_file(folder.checkpoint)

    def write(tensors, header):
        save_file(tensors, folder.checkpoint, {"biograd": json.dumps(header)})

    write(tensors, header | {"format": 99})
    refuse(folder, "format 99; this BioGrad reads 1")
    not_finite = tensors | {W: torch.full_like(tensors[W], float("nan"))}
    save_file(not_finite, folder.checkpoint)
    refuse(folder, "format None")
    write(not_finite, header)
    refuse(folder, "not finite")
    write(tensors | {W: torch.zeros(3, 784)}, header)
    refuse(folder, "another network")
    without = {name: value for name, value in tensors.items() if name != W}
    write(without, header)
    refuse(folder, f"{W} is only in the network: it belongs to another one")
    write(tensors, header | {"position": header["position"] | {"epoch": "1"}})
    refuse(folder, "epoch is 1: restore a copy")
    write(tensors, header | {"position": header["position"] | {"epoch": 7}})
    refuse(folder, "outside the run")
    folder.checkpoint.unlink()
    refuse(folder, "saved nothing yet")
