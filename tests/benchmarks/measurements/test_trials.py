"""Trials are comparable: equal nets on equal terms, one change at a time, each done once."""

from __future__ import annotations

import dataclasses
import itertools

from benchmarks.measurements.trials import Trial, paper_trials, pareto_trials, train
from benchmarks.peers.baselines import BaselineParams
from benchmarks.task import Bench, trial_task


def test_a_trial_is_trained_to_its_end_and_its_progress_is_reported(corners, small_config):
    calls = []
    task = trial_task("pareto", Trial(method="BioGrad", config=small_config))
    bench = Bench(run=None, threads=1, progress=lambda what, *counts: calls.append(counts))
    (results,) = task.work(bench)
    assert results["test_accuracy"] == results["test_accuracy_curve"][-1]
    assert len(results["test_accuracy_curve"]) == 2
    assert results["seconds_curve"] == sorted(results["seconds_curve"])
    assert len(results["angle_curve_deg"][0]) == 1
    assert calls[-1] == (30, 30) and task.seed == 0


def test_a_peers_trial_carries_its_own_parameters_and_no_angles(corners, small_config):
    peer = BaselineParams(method="ann", loss="ce")
    trial = Trial(method="ANN", config=small_config, baseline=peer)
    results, _ = train(trial)
    assert results["test_accuracy"] > 0.9
    assert "angle_curve_deg" not in results and "spikes_per_neuron" not in results
    assert trial.described()["baseline"]["method"] == "ann" and "feedback" not in trial.described()


def test_comparisons_are_of_equal_nets_on_equal_terms():
    trials = paper_trials()
    assert len({(t.method, t.config.seed) for t in trials}) == len(trials)
    shared = (
        "dataset",
        "hidden",
        "steps",
        "epochs",
        "batch",
        "augment",
        "schedule",
        "validation",
    )
    for name in shared:
        assert len({str(getattr(t.config, name)) for t in trials}) == 1, name
    assert {t.config.seed for t in trials} == {0, 1, 2}
    assert {t.method for t in trials[:3]} == {"BioGrad, sleep", "BPTT", "ANN"}


def test_the_frugal_ladder_changes_one_thing_at_a_time():
    ladder = [dataclasses.asdict(trial.config) for trial in pareto_trials()[1:5]]
    changed = [{name for name in a if a[name] != b[name]} for a, b in itertools.pairwise(ladder)]
    assert changed == [{"input_share"}, {"repetition"}, {"repetition"}]
    assert {trial.config.epochs for trial in pareto_trials()[:7]} == {10}
    # none is done twice
    assert len({str(t.config) for t in pareto_trials()}) == len(pareto_trials())
