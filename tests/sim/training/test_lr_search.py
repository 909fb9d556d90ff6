from __future__ import annotations

import pytest
import torch

from biograd.feedback import SleepAligned
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.sleep import SleepParams
from biograd.training.lr_search import find_lr
from biograd.training.trainer import Trainer, TrainParams


@pytest.fixture
def make(digits):
    """Trainers on real digits, with a schedule and nights."""

    def make(lr=1e-3, seed=0):
        generator = torch.Generator().manual_seed(seed)
        net = Network((784, 40, 10), generator=generator)
        learner = LocalLearner(net, SleepAligned(net, generator=generator))
        optimizer = torch.optim.Adam(net.parameters(), lr=lr)
        return Trainer(
            learner,
            optimizer,
            digits("train"),
            params=TrainParams(epochs=2, batch=50, steps=6),
            test_set=digits("train"),
            scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100),
            sleep=SleepParams(every=10, phases=1, first_night=4, steps=100),
            seed=seed,
        )

    return make


@pytest.mark.slow
def test_the_suggested_rate_learns_and_a_hundredth_or_a_hundredfold_learns_less(make):
    suggested = find_lr(make(), batches=80).suggested
    accuracy = {}
    for factor in (0.01, 1, 100):
        records = list(make(suggested * factor).run())
        accuracy[factor] = records[-1]["test_accuracy"]
    assert accuracy[1] > max(accuracy[0.01], accuracy[100]) + 0.1, accuracy


def test_the_curve_runs_over_the_range_and_the_run_is_as_if_nothing_had_happened(make):
    tried, untouched = make(), make()
    curve = find_lr(tried, low=1e-5, high=1e-1, batches=40)
    assert curve.rates[0] == 1e-5 and curve.rates == sorted(curve.rates)
    assert curve.rates[-1] <= 0.1 * 1.001
    assert len(curve.errors) == len(curve.rates) and curve.suggested in curve.rates
    for after, plain in zip(tried.run(), untouched.run(), strict=True):
        assert after["test_accuracy"] == plain["test_accuracy"]
        assert after["learning_rate"] == plain["learning_rate"]
    pairs = zip(tried.learner.net.parameters(), untouched.learner.net.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_rates_that_teach_nothing_and_ranges_that_are_none_are_refused(make):
    with pytest.raises(ValueError, match="errors never fell: widen the range"):
        find_lr(make(), low=1e-13, high=1e-12, batches=10)
    with pytest.raises(ValueError, match="need 0 < low < high"):
        find_lr(make(), low=1.0, high=0.1)
    with pytest.raises(ValueError, match="batches is 3"):
        find_lr(make(), batches=3)
