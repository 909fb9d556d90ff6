"""A small net on the modelled chip: operations counted by hand, and costs that follow the work."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.measurements import loihi_costs
from benchmarks.suites import trained_run
from benchmarks.task import Bench
from biograd.deployment import connected
from hardware import emulator
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.fixed_point import quantise


@pytest.fixture(scope="module")
def results(run_folder):
    """The results of every task that measures a run, by name."""
    bench = Bench(run=run_folder, threads=1)
    return {task.name: next(iter(task.work(bench))) for task in trained_run()}


@pytest.fixture
def hand_made() -> tuple[Model, SpikeInput]:
    """Two inputs, one hidden neuron that repeats input 0, two outputs: the first follows it.

    Sample 0 has input 0 always on, so output 0 fires at every step: right, nothing to learn.
    Sample 1, of class 1: output 0 fires once, output 1 never.
    """
    hidden = LayerModel(
        w=np.array([[4.0, 0.0]]), bias=np.zeros(1), alpha_u=0.0, alpha_v=0.0, w_fb=np.ones((1, 2))
    )
    output = LayerModel(w=np.array([[4.0], [0.0]]), bias=np.zeros(2), alpha_u=0.0, alpha_v=0.0)
    spikes = np.zeros((4, 2, 2), dtype=np.uint8)
    spikes[:, 0, 0] = [1, 1, 1, 1]
    spikes[:, 1, 0] = [1, 0, 0, 0]
    return Model(layers=(hidden, output), steps=4), SpikeInput(
        spikes=spikes, labels=np.array([0, 1])
    )


def test_the_answers_of_a_run_are_those_of_its_weights(results):
    answers = results["answers"]
    confusion = np.array(answers["confusion"])
    assert confusion.sum() == 300
    assert np.trace(confusion) / 300 == pytest.approx(answers["test_accuracy"])
    assert answers["misread_in_all"] == 300 - np.trace(confusion)


def test_answers_and_operations_agree_on_the_rates(results):
    operations, fired = results["operations"], results["answers"]["spikes_per_neuron"]
    assert operations["dense"] == 6 * (784 * 20 + 20 * 4) and operations["effective_macs"] == 0
    rate = (20 * fired[0] + 4 * fired[1]) / 24 / 6
    assert 1 - operations["activation_sparsity"] == pytest.approx(rate, rel=1e-6)


def test_learning_costs_more_than_inference_and_fewer_steps_cost_less(results):
    costs = results["loihi"]
    assert costs["sizes"] == [784, 20, 4] and costs["test_accuracy"] > 0.9
    for mode in ("inference", "training"):
        low, high = costs[mode]["davies2018"]["total_j"]
        assert 0 < low < high
    training, inference = (costs[mode]["davies2018"] for mode in ("training", "inference"))
    assert training["dynamic_j"][0] > inference["dynamic_j"][0]
    by_steps = {
        row["value"]: row["dynamic_j"][0] for row in costs["pareto"] if row["changed"] == "steps"
    }
    assert by_steps[2] < by_steps[6]
    steps_taken = [row["mean_steps"] for row in costs["early_answers"]]
    assert steps_taken == sorted(steps_taken) and steps_taken[-1] <= 6
    assert all(row["low_j"] <= row["total_j"] <= row["high_j"] for row in costs["sensitivity"])


def test_learning_operations_are_those_counted_by_hand(hand_made):
    model, shown = hand_made
    fixed = quantise(model)
    result = emulator.run(fixed, shown, record=("s",))
    assert result.counts.tolist() == [[4, 0], [1, 0]]
    fewest, most, updated = loihi_costs.training_operations(fixed, shown, result, cores=[1, 1])
    forward = result.operations
    # None in sample 0; in sample 1 the missing class at 4 steps, and one spike of the wrong class.
    errors = 5
    assert updated == 0.5
    assert fewest.spikes[-1] - forward.spikes[-1] == errors + 2 * 4
    assert fewest.synaptic_operations[1] - forward.synaptic_operations[1] == errors * 1
    # steps of sample 1 with an error, one hidden neuron
    assert fewest.active_updates[1] - forward.active_updates[1] == 4
    biases = [layer.w_bias.shape[1] for layer in fixed.layers]
    # Sample 1 alone: input 0 fired and input 1 did not; the hidden neuron fired.
    assert fewest.synaptic_updates.tolist() == [0, (1 + biases[0]) * 1, (1 + biases[1]) * 2]
    assert most.synaptic_updates.tolist() == [0, 2 * (2 + biases[0]) * 1, 2 * (1 + biases[1]) * 2]


def test_where_only_unsure_samples_are_learned_from_only_they_are_counted(hand_made):
    model, shown = hand_made
    fixed = quantise(model)
    result = emulator.run(fixed, shown, record=("s",))

    def operations(lead: int | None):
        return loihi_costs.training_operations(fixed, shown, result, cores=[1, 1], lead=lead)

    # Sample 0 leads by four spikes, sample 1 lags by one.
    by_lead = {lead: operations(lead) for lead in (-1, 4, 5)}
    assert [updated for _, _, updated in by_lead.values()] == [0.0, 0.5, 1.0]
    assert by_lead[-1][0].synaptic_updates.sum() == 0
    wrong_alone, _, _ = operations(None)
    assert np.array_equal(by_lead[4][0].synaptic_updates, wrong_alone.synaptic_updates)
    # the most: every synapse in any case
    assert len({tuple(most.synaptic_updates) for _, most, _ in by_lead.values()}) == 1


def test_columns_of_zeros_are_cut_off_with_their_spikes():
    layer = LayerModel(
        w=np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 1.0]]), bias=np.zeros(2), alpha_u=0.0, alpha_v=0.0
    )
    spikes = np.arange(6, dtype=np.uint8).reshape(2, 1, 3) % 2
    model, shown = connected(
        Model(layers=(layer,), steps=2), SpikeInput(spikes=spikes, labels=np.array([0]))
    )
    assert model.layers[0].w.tolist() == [[1.0, 2.0], [0.0, 1.0]]
    assert shown.spikes.tolist() == spikes[:, :, [0, 2]].tolist()
    silent = Model(layers=(dataclasses.replace(layer, w=np.zeros((2, 3))),), steps=2)
    assert connected(silent)[0] is silent  # a network needs an input
