"""An example model, and its file with something changed in the HDF5."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hardware.border.files import write_model
from hardware.border.model import LayerModel, Model


@pytest.fixture
def model() -> Model:
    """5-6-3 with feedback weights, random weights, and decays and windows of its own per layer."""
    rng = np.random.default_rng(0)
    hidden = LayerModel(
        w=rng.normal(size=(6, 5)),
        bias=rng.normal(size=6),
        w_fb=rng.normal(size=(6, 3)),
        alpha_u=0.9,
        alpha_a=0.3,
        window=0.25,
    )
    output = LayerModel(w=rng.normal(size=(3, 6)), bias=np.zeros(3), alpha_v=0.123)
    return Model(layers=(hidden, output), steps=10, info={"seed": 3, "angles": [12.5, None]})


@pytest.fixture
def rewritten(tmp_path, model) -> Callable[[Callable[[h5py.File], object]], Path]:
    """A function that writes the model's file, calls `change(file)` on it, returns the path."""

    def write(change: Callable[[h5py.File], object]) -> Path:
        path = tmp_path / "model.nir"
        write_model(model, path)
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    return write
