"""A few samples of new classes are drawn class by class, and learned."""

from __future__ import annotations

import pytest
import torch

from benchmarks.measurements.few_shot import FewShotParams, _shots, few_shot


def test_shots_hold_so_many_samples_per_class_with_their_labels(digits) -> None:
    train = digits("train")
    x, y = _shots(train, 3, torch.Generator().manual_seed(0))
    assert torch.bincount(y).tolist() == [3] * 10
    for image, label in zip(x, y, strict=True):
        (same,) = torch.nonzero((train.x == image).all(-1).all(-1), as_tuple=True)
        assert (train.y[same] == label).all() and len(same) > 0


@pytest.mark.slow
def test_a_few_samples_teach_new_digits_and_old_ones_mixed_in_keep_the_old(digits) -> None:
    p = FewShotParams(known=560, epochs=4, hidden=60, steps=6, shots=(8,), passes=2, lr=2e-3)
    alone, mixed = few_shot(p, 0, digits("train"), digits("test"))
    assert (alone["old_mixed_in"], mixed["old_mixed_in"], alone["new_before"]) == (False, True, 0.0)
    assert alone["old_before"] == mixed["old_before"] > 0.6
    assert alone["new_after"] > 0.6 and mixed["new_after"] > 0.25
    assert mixed["old_after"] > alone["old_after"] + 0.2
