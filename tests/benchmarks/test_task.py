"""A task knows what it needs."""

from __future__ import annotations

import pytest

from benchmarks.measurements.trials import paper_trials
from benchmarks.task import Bench, trial_task


def test_a_bench_without_a_run_says_how_to_name_one():
    with pytest.raises(ValueError, match="name its folder"):
        _ = Bench(run=None).trained


def test_a_training_run_as_a_task_carries_its_configuration_and_seed():
    trial = paper_trials()[4]
    task = trial_task("accuracy", trial)
    assert task.config == trial.described() and task.seed == trial.config.seed
    results = {"test_accuracy": 0.5}
    other = trial_task("pareto", trial, run=lambda trial, on_batch: results | {"of": trial.method})
    assert list(other.work(Bench(run=None))) == [results | {"of": trial.method}]
