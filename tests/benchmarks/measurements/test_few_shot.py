"""A few samples of new classes: what is drawn, and that they are learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.measurements.few_shot import FewShotParams, _shots, few_shot
from biograd.data.datasets import ImageSet


def digits(split: str) -> ImageSet:
    with np.load(Path(__file__).parents[2] / "mnist_test_images.npz", allow_pickle=False) as held:
        x, y = (
            torch.from_numpy(held[f"{split}_x"]),
            torch.from_numpy(held[f"{split}_y"].astype(np.int64)),
        )
    return ImageSet("mnist", split, x, y, 10)


def test_shots_are_so_many_of_each_class_and_of_the_right_images() -> None:
    train = digits("train")
    x, y = _shots(train, 3, torch.Generator().manual_seed(0))
    assert torch.bincount(y).tolist() == [3] * 10
    for image, label in zip(x, y, strict=True):
        (same,) = torch.nonzero((train.x == image).all(-1).all(-1), as_tuple=True)
        assert (train.y[same] == label).all() and len(same) > 0


@pytest.mark.slow
def test_a_few_samples_teach_new_digits_and_old_ones_mixed_in_keep_the_old() -> None:
    p = FewShotParams(known=560, epochs=4, hidden=60, steps=6, shots=(15,), lr=1e-3)
    alone, mixed = few_shot(p, 0, digits("train"), digits("test"))
    assert (alone["old_mixed_in"], mixed["old_mixed_in"], alone["new_before"]) == (False, True, 0.0)
    assert alone["old_before"] == mixed["old_before"] > 0.6
    assert alone["new_after"] > 0.6 and mixed["new_after"] > 0.25
    assert mixed["old_after"] > alone["old_after"] + 0.2
