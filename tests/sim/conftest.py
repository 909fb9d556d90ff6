"""Real digits without a download, and GPU kernels without a GPU."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from biograd.data import datasets
from biograd.kernels import gpu

IMAGES = Path(__file__).parents[1] / "mnist_test_images.npz"


def few_digits(root, split, progress):
    with np.load(IMAGES, allow_pickle=False) as file:
        x, y = (
            torch.from_numpy(file[f"{split}_x"]),
            torch.from_numpy(file[f"{split}_y"].astype(np.int64)),
        )
    return datasets.ImageSet("mnist", split, x, y, 10)


@pytest.fixture(scope="session")
def few_mnist():
    """The few images in tests/, as a function for `datasets.DATASETS`."""
    return few_digits


@pytest.fixture
def mnist(monkeypatch):
    """Let `datasets.load("mnist", ...)` return the few images in tests/."""
    monkeypatch.setitem(datasets.DATASETS, "mnist", few_digits)


@pytest.fixture(scope="module")
def launched() -> Iterator[list[str]]:
    """Names of the GPU kernels launched, in order; interpreted where there is no GPU."""
    with pytest.MonkeyPatch.context() as patch:
        if not torch.cuda.is_available():
            patch.setenv("TRITON_INTERPRET", "1")
            patch.setattr(gpu, "runs_on", lambda x, dtype=torch.float32: x.dtype == dtype)
        sys.modules.pop("biograd.kernels.gpu_kernels", None)
        importlib.import_module("biograd.kernels.gpu_kernels")
        names: list[str] = []
        launch = gpu._launch
        patch.setattr(
            gpu,
            "_launch",
            lambda name, *arguments, **meta: (names.append(name), launch(name, *arguments, **meta)),
        )
        yield names
    sys.modules.pop("biograd.kernels.gpu_kernels", None)
