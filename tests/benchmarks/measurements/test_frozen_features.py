"""Heads and prototypes on frozen features: what is learned, counted and said of the front."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.measurements import frozen_features
from benchmarks.measurements.chip_learning import run_row
from biograd.data.datasets import ImageSet
from hardware.border.files import write_model
from hardware.border.layers import LayerModel
from hardware.border.model import Model
from hardware.border.shapes import Convolution


@pytest.fixture
def features(bands, monkeypatch, tmp_path):
    """Images of bands as the spikes of random kernels."""
    rng = np.random.default_rng(0)
    conv = Convolution(in_shape=(1, 28, 28), channels=4, kernel=(5, 5), stride=(4, 4))
    maps = LayerModel(w=rng.normal(0, 0.4, conv.weight_shape), bias=np.zeros(4), conv=conv)
    readout = LayerModel(w=np.zeros((10, conv.outputs)), bias=np.zeros(10), fires=False)
    info = {"dataset": "mnist", "seed": 3, "test_accuracy": 0.5}
    write_model(Model(layers=(maps, readout), steps=6, info=info), tmp_path / "model.nir")

    def loaded(name, split, **options):
        x, y = (bands.x, bands.y) if split == "train" else (bands.x_test, bands.y_test)
        images = torch.from_numpy(x.reshape(-1, 28, 28))
        return ImageSet(name, split, images, torch.from_numpy(y), classes=10)

    monkeypatch.setattr(frozen_features, "load_images", loaded)
    monkeypatch.setattr("biograd.commands.helpers.front_features.load_images", loaded)
    return frozen_features.load(tmp_path, "mnist")


def test_a_head_learns_on_frozen_features_and_its_front_is_counted(features):
    row, extra = frozen_features.head_row(features)
    config, results = run_row(row, 0, features.images)
    assert config["sizes"][0] == 144 and config["steps"] == 6
    assert results["test_accuracy"] > 0.9 and results["nights"] == 0
    assert extra["float_test_accuracy"] == 0.5
    counts = extra["front"]["operations_per_sample"]
    assert extra["front"]["seed"] == 3 and len(extra["front"]["cores"]) == 1
    assert counts["synaptic_updates"] == [0, 0] and counts["synaptic_operations"][1] > 0


def test_classes_are_met_on_frozen_features(features, monkeypatch):
    classes = int(features.images.y.max()) + 1
    monkeypatch.setattr(frozen_features.class_streams, "CLASSES", classes)
    config, results = frozen_features.stream(features, 0)
    assert results["test_accuracy"] > 0.8
    assert results["method"] == "prototypes on frozen features of MNIST"
    assert config["front"] == {"sizes": [784, 144], "dataset": "mnist"}
