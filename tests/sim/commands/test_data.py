"""`biograd data`: counts and writes simulated recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from biograd.data import datasets
from biograd.data.events.simulated import NAME

IMAGES = Path(__file__).parents[2] / "mnist_test_images.npz"


def twenty_digits(root, split, progress):
    with np.load(IMAGES, allow_pickle=False) as file:
        x = torch.from_numpy(file["train_x"][:20])
    return datasets.ImageSet("mnist", split, x, torch.arange(20) % 10, 10)


def test_data_counts_simulated_recordings_beside_published_figures(tmp_path, biograd, monkeypatch):
    monkeypatch.setitem(datasets.DATASETS, "mnist", twenty_digits)
    tree = tmp_path / "tree"
    flags = ["--data-folder", tmp_path, "--statistics", "--as-files", tree, "--json"]
    outcome = biograd("data", NAME, *flags)
    assert outcome.code == 0, outcome.err
    assert outcome.result["datasets"] == {NAME: {"train": 20, "test": 20}}
    assert outcome.result["statistics"][NAME]["test"]["events"] > 2000
    for text in ("simulated recordings", "as published", "not available"):
        assert text in outcome.err
    assert len(list(tree.rglob("*.bin"))) == 40
    refused = biograd("data", "mnist", "--as-files", tree)
    assert refused.code == 2 and f"the names are mnist: name {NAME}" in refused.err
