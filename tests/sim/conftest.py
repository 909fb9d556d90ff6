"""A data folder's worth of real digits without a network: the 700 + 300 images of
tests/mnist_test_images.npz as data set `mnist`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from biograd.data import datasets

IMAGES = Path(__file__).parents[1] / "mnist_test_images.npz"


def few_digits(root, split, progress):
    with np.load(IMAGES, allow_pickle=False) as file:
        x, y = (
            torch.from_numpy(file[f"{split}_x"]),
            torch.from_numpy(file[f"{split}_y"].astype(np.int64)),
        )
    return datasets.ImageSet("mnist", split, x, y, 10)


@pytest.fixture
def mnist(monkeypatch):
    """`datasets.load("mnist", ...)` gives the few images in tests/."""
    monkeypatch.setitem(datasets.DATASETS, "mnist", few_digits)
