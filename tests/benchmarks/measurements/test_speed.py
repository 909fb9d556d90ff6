"""A race is fair in its counting and complete; the speeds themselves are not tested."""

from __future__ import annotations

import pytest
import torch

from benchmarks.measurements import speed
from biograd.data.datasets import ImageSet
from biograd.learning.learner import LocalLearner


@pytest.fixture
def small_nets(monkeypatch):
    """Nets of 30-12-12-5 and four steps instead of the standard ones."""
    monkeypatch.setattr(speed, "SIZES", (30, 12, 12, 5))
    monkeypatch.setattr(speed, "STEPS", 4)


def test_every_method_trains_in_every_round_and_the_order_rotates():
    ticks = iter(range(10_000))
    order: list[str] = []
    work = {name: lambda name=name: order.append(name) for name in "abc"}
    speeds = speed.interleaved(
        work, rounds=3, samples=10, seconds=1.5, clock=lambda: float(next(ticks))
    )
    assert order[6:] == list("abc") + list("bca") + list("cab")  # after two warm-ups each
    # The clock ticks once per reading: one call in 2 s.
    assert speeds == {name: [5.0, 5.0, 5.0] for name in "abc"}


def test_ratios_are_medians_against_snntorchs_faster_setting_of_each_round():
    ratios = speed.ratios(
        {
            "BioGrad, full": [40.0, 60.0, 80.0],
            "BioGrad, factorised": [100.0, 100.0, 100.0],
            "snnTorch BPTT, stepped": [10.0, 5.0, 20.0],
            "snnTorch BPTT, layered": [5.0, 10.0, 10.0],
            "BPTT, torch": [20.0, 20.0, 20.0],
            "BPTT, our fused scans": [25.0, 25.0, 25.0],
        }
    )
    assert ratios["ratio_full_vs_snntorch"] == 4.0  # 4, 6, 4
    assert ratios["ratio_factorised_vs_snntorch"] == 10.0  # 10, 10, 5
    assert ratios["ratio_full_vs_torch_bptt"] == 3.0
    assert ratios["ratio_factorised_vs_fused_bptt"] == 4.0


def test_all_racers_hold_the_same_net_with_the_same_start(small_nets):
    learners = speed._learners(threads=1)
    assert len(learners) == 6
    assert sum(isinstance(learner, LocalLearner) for learner in learners.values()) == 2
    first = next(iter(learners.values())).net
    for learner in learners.values():
        for a, b in zip(learner.net.layers, first.layers, strict=True):
            assert torch.equal(a.w, b.w)


@pytest.mark.parametrize("inputs", speed.INPUTS)
def test_a_short_race_yields_every_ratio(inputs, small_nets, monkeypatch):
    x = torch.arange(20 * 30).remainder(256).view(20, 5, 6).to(torch.uint8)
    few = ImageSet("mnist", "train", x, torch.arange(20) % 5, 5)
    monkeypatch.setattr(speed, "load", lambda name, split: few)
    results = speed.training_speed(1, inputs=inputs, rounds=2, seconds=0.001)
    assert results["ratio_full_vs_snntorch"] > 0 and results["ratio_factorised_vs_snntorch"] > 0
    assert results["floor_share_full"] > 0
    assert set(results["quartiles"]) == set(results["samples_per_second"])
    inference = speed.inference_speed(1, inputs=inputs, rounds=2, seconds=0.001)
    assert inference["ratio_inference_vs_snntorch"] > 0
