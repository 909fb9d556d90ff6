"""Data sets that are learned in seconds, and a run folder with a net that has learned one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.measurements.learning_after_deployment import Images
from biograd.data.datasets import ImageSet
from biograd.runs.checkpoint import RunFolder, save_checkpoint
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment


@pytest.fixture(scope="module")
def corners():
    """Replaces MNIST by 300 images of four bright corners, one class per corner.

    Half of each image is always black.
    """
    generator = torch.Generator().manual_seed(1)
    y = torch.arange(300) % 4
    x = torch.zeros(300, 28, 28, dtype=torch.uint8)
    for index, label in enumerate(y.tolist()):
        row, column = 14 * (label // 2), 7 * (label % 2)
        x[index, row : row + 12, column : column + 7] = (
            120 + 120 * torch.rand(12, 7, generator=generator)
        ).to(torch.uint8)
    sets = {split: ImageSet("mnist", split, x, y, 4) for split in ("train", "test")}
    patch = pytest.MonkeyPatch()
    patch.setattr("biograd.runs.experiment.load", lambda name, split, **_: sets[split])
    yield sets
    patch.undo()


@pytest.fixture(scope="session")
def small_config() -> RunConfig:
    """The configuration of a net that learns the corners."""
    return RunConfig(hidden=(20,), epochs=2, batch=20, steps=6, lr=5e-3, threads=1)


@pytest.fixture(scope="module")
def run_folder(corners, small_config, tmp_path_factory):
    """A run folder with a net that has learned the corners."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    folder.start(small_config, resume=False)
    experiment = Experiment.from_config(small_config)
    assert list(experiment.trainer.run())[-1]["test_accuracy"] > 0.9
    save_checkpoint(folder, experiment)
    return folder


@pytest.fixture(scope="module")
def bands() -> Images:
    """300 images of 28 x 28 with one bright band per class."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 10
    x = (rng.random((300, 784)) * 60).astype(np.uint8)
    for image, label in zip(x, y, strict=True):
        image[70 * label : 70 * label + 60] += 180
    return Images(x, y, x[:100], y[:100])
