"""A small net on the modelled chip: operations of learning counted by hand, and costs that follow
the work.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.measurements import loihi_costs
from benchmarks.measurements.answers import answers, operations
from benchmarks.measurements.trials import Trial, paper_trials, pareto_trials, train
from benchmarks.peers.baselines import BaselineParams
from benchmarks.tasks import Bench, of_run, trial_task
from biograd.data.datasets import ImageSet
from biograd.runs.checkpoint import RunFolder, save_checkpoint
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment
from hardware import emulator
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.fixed_point import quantise


@pytest.fixture(scope="module")
def small_mnist():
    """Replaces MNIST by 300 images of four bright corners, one class a corner."""
    generator = torch.Generator().manual_seed(1)
    y = torch.arange(300) % 4
    x = (40 * torch.rand(300, 28, 28, generator=generator)).to(torch.uint8)
    for index, label in enumerate(y.tolist()):
        row, column = 14 * (label // 2), 14 * (label % 2)
        x[index, row : row + 12, column : column + 12] += 180
    sets = {split: ImageSet("mnist", split, x, y, 4) for split in ("train", "test")}
    patch = pytest.MonkeyPatch()
    patch.setattr("biograd.runs.experiment.load", lambda name, split, **_: sets[split])
    yield sets
    patch.undo()


CONFIG = RunConfig(hidden=(20,), epochs=2, batch=20, steps=6, lr=5e-3, threads=1)


@pytest.fixture(scope="module")
def run_folder(small_mnist, tmp_path_factory):
    """A run folder with a net that has learned the corners."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    folder.start(CONFIG, resume=False)
    experiment = Experiment.from_config(CONFIG)
    assert list(experiment.trainer.run())[-1]["test_accuracy"] > 0.9
    save_checkpoint(folder, experiment)
    return folder


def test_the_tasks_of_a_run_measure_its_weights(run_folder):
    bench = Bench(run=run_folder, threads=1)
    found = {task.name: next(iter(task.work(bench))) for task in of_run()}
    confusion = np.array(found["answers"]["confusion"])
    assert confusion.sum() == 300 and np.trace(confusion) / 300 == pytest.approx(
        found["answers"]["test_accuracy"]
    )
    assert found["answers"]["misread_in_all"] == 300 - np.trace(confusion)
    assert (
        found["operations"]["dense"] == 6 * (784 * 20 + 20 * 4)
        and found["operations"]["effective_macs"] == 0
    )
    costs = found["loihi"]
    assert costs["sizes"] == [784, 20, 4] and costs["test_accuracy"] > 0.9
    for mode in ("inference", "training"):
        low, high = costs[mode]["davies2018"]["total_j"]
        assert 0 < low < high
    assert (
        costs["training"]["davies2018"]["dynamic_j"][0]
        > costs["inference"]["davies2018"]["dynamic_j"][0]
    )
    by_steps = {
        row["value"]: row["dynamic_j"][0] for row in costs["pareto"] if row["changed"] == "steps"
    }
    assert by_steps[2] < by_steps[6]
    leads = [row["mean_steps"] for row in costs["early_answers"]]
    assert leads == sorted(leads) and leads[-1] <= 6
    assert all(row["low_j"] <= row["total_j"] <= row["high_j"] for row in costs["sensitivity"])


def hand_made() -> tuple[Model, SpikeInput]:
    """Two inputs, one hidden neuron that repeats input 0, two outputs of which the first follows
    it; one step delay is taken out.
    """
    hidden = LayerModel(
        w=np.array([[4.0, 0.0]]), bias=np.zeros(1), alpha_u=0.0, alpha_v=0.0, w_fb=np.ones((1, 2))
    )
    output = LayerModel(w=np.array([[4.0], [0.0]]), bias=np.zeros(2), alpha_u=0.0, alpha_v=0.0)
    spikes = np.zeros((4, 2, 2), dtype=np.uint8)
    # sample 0: always on, so output 0 fires at every step: right, nothing to learn
    spikes[:, 0, 0] = [1, 1, 1, 1]
    spikes[:, 1, 0] = [1, 0, 0, 0]  # sample 1, class 1: output 0 fires once, output 1 never
    return Model(layers=(hidden, output), steps=4), SpikeInput(
        spikes=spikes, labels=np.array([0, 1])
    )


def test_learning_operations_are_those_counted_by_hand():
    model, shown = hand_made()
    fixed = quantise(model)
    result = emulator.run(fixed, shown, record=("s",))
    assert result.counts.tolist() == [[4, 0], [1, 0]]
    fewest, most, updated = loihi_costs.training_operations(fixed, shown, result, cores=[1, 1])
    # Errors: none in sample 0; in sample 1 the missing class at 4 steps, and one spike of the wrong
    # class.
    errors = 5
    assert updated == 0.5
    assert fewest.spikes[-1] - result.operations.spikes[-1] == errors + 2 * 4
    assert fewest.synaptic_operations[1] - result.operations.synaptic_operations[1] == errors * 1
    # steps of sample 1 with an error, one hidden neuron
    assert fewest.active_updates[1] - result.operations.active_updates[1] == 4
    biases = [layer.w_bias.shape[1] for layer in fixed.layers]
    # Sample 1 alone: input 0 fired and input 1 did not; the hidden neuron fired.
    assert fewest.synaptic_updates.tolist() == [0, (1 + biases[0]) * 1, (1 + biases[1]) * 2]
    assert most.synaptic_updates.tolist() == [0, 2 * (2 + biases[0]) * 1, 2 * (1 + biases[1]) * 2]


def test_where_only_unsure_samples_are_learned_from_only_they_are_counted():
    model, shown = hand_made()
    fixed = quantise(model)
    result = emulator.run(fixed, shown, record=("s",))
    # Sample 0 leads by four spikes, sample 1 lags by one.
    by_lead = {
        lead: loihi_costs.training_operations(fixed, shown, result, cores=[1, 1], lead=lead)
        for lead in (-1, 4, 5)
    }
    assert [by_lead[lead][2] for lead in (-1, 4, 5)] == [0.0, 0.5, 1.0]
    assert by_lead[-1][0].synaptic_updates.sum() == 0
    assert (
        by_lead[4][0].synaptic_updates.tolist()
        == loihi_costs.training_operations(fixed, shown, result, cores=[1, 1])[
            0
        ].synaptic_updates.tolist()
    )
    # the most: every synapse in any case
    assert len({tuple(most.synaptic_updates) for _, most, _ in by_lead.values()}) == 1


def test_early_answers_stop_at_the_lead_they_wait_for():
    model, shown = hand_made()
    result = emulator.run(quantise(model), shown, record=("s",))
    rows = loihi_costs.early_answers(result, shown.labels)
    # Sample 0 leads by n after n steps; sample 1 leads by 1 after the first and never by more.
    assert [row["mean_steps"] for row in rows] == [1.0, (2 + 4) / 2, (3 + 4) / 2, 4.0]
    assert all(row["test_accuracy"] == 0.5 for row in rows)


def test_a_trial_is_trained_to_its_end_and_priced(small_mnist):
    told = []
    task = trial_task("pareto", Trial(method="BioGrad", config=CONFIG))
    (results,) = task.work(
        Bench(run=None, threads=1, tell=lambda what, done, total: told.append((done, total)))
    )
    assert (
        results["test_accuracy"] == results["test_accuracy_curve"][-1]
        and len(results["test_accuracy_curve"]) == 2
    )
    assert (
        results["seconds_curve"] == sorted(results["seconds_curve"])
        and len(results["angle_curve_deg"][0]) == 1
    )
    assert told[-1] == (30, 30) and task.seed == 0


def test_a_peers_trial_carries_its_own_parameters_and_no_angles(small_mnist):
    trial = Trial(method="ANN", config=CONFIG, baseline=BaselineParams(method="ann", loss="ce"))
    results, _ = train(trial)
    assert (
        results["test_accuracy"] > 0.9
        and "angle_curve_deg" not in results
        and "spikes_per_neuron" not in results
    )
    assert trial.described()["baseline"]["method"] == "ann" and "feedback" not in trial.described()


def test_comparisons_are_of_equal_nets_on_equal_terms():
    trials = paper_trials()
    assert len({(t.method, t.config.seed) for t in trials}) == len(trials)
    for name in (
        "dataset",
        "hidden",
        "steps",
        "epochs",
        "batch",
        "augment",
        "schedule",
        "validation",
    ):
        assert len({str(getattr(t.config, name)) for t in trials}) == 1, name
    assert {t.config.seed for t in trials} == {0, 1, 2}
    assert {t.method for t in trials[:3]} == {"BioGrad, sleep", "BPTT", "ANN"}
    # none is done twice
    assert len({str(t.config) for t in pareto_trials()}) == len(pareto_trials())


def test_answers_and_operations_agree_on_the_rates(run_folder):
    bench = Bench(run=run_folder, threads=1)
    fired = answers(bench.trained)["spikes_per_neuron"]
    sparse = operations(bench.trained)["activation_sparsity"]
    assert 1 - sparse == pytest.approx((20 * fired[0] + 4 * fired[1]) / 24 / 6, rel=1e-6)
