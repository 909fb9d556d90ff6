"""Whole training runs on the modelled chip: what is counted, and that what is not shown costs
nothing.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from benchmarks.measurements import loihi_costs, whole_run
from benchmarks.measurements.trials import Trial, pareto_trials, train
from biograd.data.datasets import ImageSet
from biograd.runs.config import RunConfig
from biograd.training.repetition import RepetitionParams
from hardware.border.model import LayerModel, Model, SpikeInput

CONFIG = RunConfig(hidden=(20,), epochs=3, batch=20, steps=6, lr=5e-3, threads=1)


@pytest.fixture(scope="module")
def corners():
    """Replaces MNIST by 300 images of four bright corners, one class a corner; half of each image
    is always black.
    """
    generator = torch.Generator().manual_seed(1)
    y = torch.arange(300) % 4
    x = torch.zeros(300, 28, 28, dtype=torch.uint8)
    for index, label in enumerate(y.tolist()):
        row, column = 14 * (label // 2), 7 * (label % 2)
        x[index, row : row + 12, column : column + 7] = (
            120 + 120 * torch.rand(12, 7, generator=generator)
        ).to(torch.uint8)
    sets = {split: ImageSet("mnist", split, x, y, 4) for split in ("train", "test")}
    patch = pytest.MonkeyPatch()
    patch.setattr("biograd.runs.experiment.load", lambda name, split, **_: sets[split])
    yield sets
    patch.undo()


@pytest.fixture(scope="module")
def plain(corners):
    return whole_run.followed(Trial(method="plain", config=CONFIG))


def low_and_high(results, placed="training"):
    return results["whole_run"][placed]["davies2018"]["total_j"]


def test_a_plain_run_shows_every_sample_in_every_epoch(plain):
    run = plain["whole_run"]
    assert (
        run["shown"] == [300, 300, 300]
        and run["shown_share"] == 1.0
        and run["decisions_equal"] is None
    )
    low, high = low_and_high(plain)
    # The run's mean lies above its end, where most samples are right already and little is learned.
    assert 0 < plain["loihi"]["training"]["davies2018"]["total_j"][0] < low < high


def test_following_a_run_does_not_change_it(corners, plain):
    results, _ = train(Trial(method="plain", config=CONFIG))
    assert results["test_accuracy_curve"] == plain["test_accuracy_curve"]
    assert results["angle_curve_deg"] == plain["angle_curve_deg"]


@pytest.mark.slow
def test_samples_that_rest_cost_nothing(corners, plain):
    resting = dataclasses.replace(CONFIG, repetition=RepetitionParams(longest=4, lead=1))
    found = whole_run.followed(Trial(method="resting", config=resting))
    run = found["whole_run"]
    assert (
        run["shown"][0] == 300
        and sum(run["shown"]) < 900
        and run["shown_share"] == pytest.approx(sum(run["shown"]) / 900)
    )
    assert run["decisions_equal"] > 0.8
    # Upper bounds count every synapse for every presentation, so they fall as presentations do
    # (within what the spikes' number changes).
    assert low_and_high(found)[1] / low_and_high(plain)[1] == pytest.approx(
        run["shown_share"], rel=0.1
    )


@pytest.mark.slow
def test_inputs_without_synapses_are_neither_placed_nor_visited(corners, plain):
    found = whole_run.followed(
        Trial(method="fewer", config=dataclasses.replace(CONFIG, input_share=0.05))
    )
    assert found["loihi"]["sizes"] == [336, 20, 4] and plain["loihi"]["sizes"] == [784, 20, 4]
    visits = [
        r["loihi"]["training_operations_per_sample"]["most"]["synaptic_updates"]
        for r in (plain, found)
    ]
    assert visits[0] - visits[1] == (784 - 336) * 20
    assert (
        low_and_high(found)[1] < 0.7 * low_and_high(plain)[1]
        and found["loihi"]["test_accuracy"] > 0.9
    )


def test_spreading_over_cores_saves_time_and_so_static_energy(plain):
    run = plain["whole_run"]
    packed, spread = run["training"]["davies2018"], run["training_spread"]["davies2018"]
    # the output has four neurons, and no more than four cores
    assert spread["cores"] == 8 * packed["cores"] - 4
    assert (
        spread["seconds"][1] < packed["seconds"][1] / 3
        and spread["total_j"][1] < packed["total_j"][1]
    )
    assert spread["synaptic_updates_j"] == packed["synaptic_updates_j"]
    assert spread["messages_j"][0] == pytest.approx(8 * packed["messages_j"][0])


def test_columns_of_zeros_are_cut_off_with_their_spikes():
    layer = LayerModel(
        w=np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 1.0]]), bias=np.zeros(2), alpha_u=0.0, alpha_v=0.0
    )
    spikes = np.arange(6, dtype=np.uint8).reshape(2, 1, 3) % 2
    model, shown = loihi_costs.connected(
        Model(layers=(layer,), steps=2), SpikeInput(spikes=spikes, labels=np.array([0]))
    )
    assert (
        model.layers[0].w.tolist() == [[1.0, 2.0], [0.0, 1.0]]
        and shown.spikes.tolist() == spikes[:, :, [0, 2]].tolist()
    )
    silent = Model(layers=(dataclasses.replace(layer, w=np.zeros((2, 3))),), steps=2)
    assert loihi_costs.connected(silent)[0] is silent  # a network needs an input


def test_the_frugal_ladder_changes_one_thing_at_a_time():
    ladder = [dataclasses.asdict(trial.config) for trial in pareto_trials()[1:5]]
    changed = [{name for name in a if a[name] != b[name]} for a, b in itertools.pairwise(ladder)]
    assert changed == [{"input_share"}, {"repetition"}, {"repetition"}]
    assert {trial.config.epochs for trial in pareto_trials()[:7]} == {10}
