"""Whole training runs on the modelled chip: every presentation is counted, and no other."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.measurements import whole_run
from benchmarks.measurements.trials import Trial, train
from biograd.training.repetition import RepetitionParams


@pytest.fixture(scope="module")
def config(small_config):
    return dataclasses.replace(small_config, epochs=3)


@pytest.fixture(scope="module")
def plain(corners, config):
    """A followed run that shows every sample in every epoch."""
    return whole_run.followed(Trial(method="plain", config=config))


def low_and_high(results, placed="training"):
    return results["whole_run"][placed]["davies2018"]["total_j"]


def test_a_plain_run_shows_every_sample_in_every_epoch(plain):
    run = plain["whole_run"]
    assert run["shown"] == [300, 300, 300] and run["shown_share"] == 1.0
    assert run["decisions_equal"] is None
    low, high = low_and_high(plain)
    # The run's mean lies above its end, where most samples are right already and little is learned.
    assert 0 < plain["loihi"]["training"]["davies2018"]["total_j"][0] < low < high


def test_following_a_run_does_not_change_it(corners, config, plain):
    results, _ = train(Trial(method="plain", config=config))
    assert results["test_accuracy_curve"] == plain["test_accuracy_curve"]
    assert results["angle_curve_deg"] == plain["angle_curve_deg"]


@pytest.mark.slow
def test_samples_that_rest_cost_nothing(corners, config, plain):
    resting = dataclasses.replace(config, repetition=RepetitionParams(longest=4, lead=1))
    results = whole_run.followed(Trial(method="resting", config=resting))
    run = results["whole_run"]
    assert run["shown"][0] == 300 and sum(run["shown"]) < 900
    assert run["shown_share"] == pytest.approx(sum(run["shown"]) / 900)
    assert run["decisions_equal"] > 0.8
    # Upper bounds count every synapse for every presentation, so they fall as presentations do
    # (within what the spikes' number changes).
    ratio = low_and_high(results)[1] / low_and_high(plain)[1]
    assert ratio == pytest.approx(run["shown_share"], rel=0.1)


@pytest.mark.slow
def test_inputs_without_synapses_are_neither_placed_nor_visited(corners, config, plain):
    fewer = dataclasses.replace(config, input_share=0.05)
    results = whole_run.followed(Trial(method="fewer", config=fewer))
    assert results["loihi"]["sizes"] == [336, 20, 4] and plain["loihi"]["sizes"] == [784, 20, 4]
    visits = [
        r["loihi"]["training_operations_per_sample"]["most"]["synaptic_updates"]
        for r in (plain, results)
    ]
    assert visits[0] - visits[1] == (784 - 336) * 20
    assert low_and_high(results)[1] < 0.7 * low_and_high(plain)[1]
    assert results["loihi"]["test_accuracy"] > 0.9


def test_spreading_over_cores_saves_time_and_so_static_energy(plain):
    run = plain["whole_run"]
    packed, spread = run["training"]["davies2018"], run["training_spread"]["davies2018"]
    # the output has four neurons, and no more than four cores
    assert spread["cores"] == 8 * packed["cores"] - 4
    assert spread["seconds"][1] < packed["seconds"][1] / 3
    assert spread["total_j"][1] < packed["total_j"][1]
    assert spread["synaptic_updates_j"] == packed["synaptic_updates_j"]
    assert spread["messages_j"][0] == pytest.approx(8 * packed["messages_j"][0])
