"""The energy model against the one published measurement of learning on Loihi."""

from __future__ import annotations

import pytest

from hardware.energy import PROFILES
from hardware.renner2024 import compare, inference, training


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_the_model_is_within_a_factor_of_three_of_every_measured_figure(profile):
    rows = compare(profile)
    assert [row.what for row in rows] == [
        "inference, energy",
        "inference, time",
        "training, energy",
        "training, time",
    ]
    for row in rows:
        assert 1 / 3 <= row.ratio <= 3, row
        assert row.explanation


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_the_measured_training_figures_lie_within_the_modelled_interval(profile):
    assert all(row.inside for row in compare(profile) if row.what.startswith("training"))


def test_inference_is_mostly_synapses_and_counts_their_net():
    energy = inference(PROFILES["davies2018"])
    # 100 input spikes through 400 synapses each, 100 hidden through 10, one spike generator per
    # input spike, 810 gate synapses.
    assert energy.synaptic_operations.low == pytest.approx((40_000 + 1_000 + 100 + 810) * 23.6e-12)
    assert energy.synaptic_operations.low > 0.7 * energy.dynamic.low
    assert energy.synaptic_updates == (0, 0)


def test_the_learning_engine_visits_between_the_active_and_all_synapses():
    low, high = training(PROFILES["davies2018"])
    assert low.synaptic_updates.low == pytest.approx(
        (3 * 2 * 100 * 400 + 3 * 2 * 100 * 10 + 2 * 2 * 400) * 120e-12
    )
    assert high.synaptic_updates.low == pytest.approx(12 * (3 * 160_000 + 5 * 4_000) * 120e-12)
    assert low.synaptic_operations == high.synaptic_operations
