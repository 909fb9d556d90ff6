from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from biograd.data.samples import Batch
from biograd.feedback import SleepAligned
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.sleep import SleepParams
from biograd.training.lr_search import find_lr
from biograd.training.trainer import Trainer, TrainParams

SOME = np.load(Path(__file__).parents[2] / "mnist_test_images.npz")
IMAGES = Batch(
    torch.from_numpy(SOME["train_x"]), torch.from_numpy(SOME["train_y"].astype(np.int64))
)


def trainer(lr=1e-3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    net = Network((784, 40, 10), generator=generator)
    learner = LocalLearner(net, SleepAligned(net, generator=generator))
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)
    params, sleep = (
        TrainParams(epochs=2, batch=50, steps=6),
        SleepParams(every=10, phases=1, first_night=4, steps=100),
    )
    return Trainer(
        learner,
        optimizer,
        IMAGES,
        params=params,
        test_set=IMAGES,
        scheduler=scheduler,
        sleep=sleep,
        seed=seed,
    )


@pytest.mark.slow
def test_the_suggested_rate_learns_and_a_hundredth_or_a_hundredfold_learns_less():
    found = find_lr(trainer(), batches=80)
    accuracy = {}
    for factor in (0.01, 1, 100):
        accuracy[factor] = [
            record["test_accuracy"] for record in trainer(found.suggested * factor).run()
        ][-1]
    assert accuracy[1] > max(accuracy[0.01], accuracy[100]) + 0.1, accuracy


def test_the_curve_runs_over_the_range_and_the_run_is_as_if_nothing_had_happened():
    tried, untouched = trainer(), trainer()
    found = find_lr(tried, low=1e-5, high=1e-1, batches=40)
    assert (
        found.rates[0] == 1e-5
        and found.rates == sorted(found.rates)
        and found.rates[-1] <= 0.1 * 1.001
    )
    assert len(found.errors) == len(found.rates) and found.suggested in found.rates
    for one, other in zip(tried.run(), untouched.run(), strict=True):
        assert (one["test_accuracy"], one["learning_rate"]) == (
            other["test_accuracy"],
            other["learning_rate"],
        )
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            tried.learner.net.parameters(), untouched.learner.net.parameters(), strict=True
        )
    )


def test_rates_that_teach_nothing_and_ranges_that_are_none_are_said():
    with pytest.raises(ValueError, match="errors never fell: widen the range"):
        find_lr(trainer(), low=1e-13, high=1e-12, batches=10)
    with pytest.raises(ValueError, match="need 0 < low < high"):
        find_lr(trainer(), low=1.0, high=0.1)
    with pytest.raises(ValueError, match="batches is 3"):
        find_lr(trainer(), batches=3)
