"""Tasks beyond MNIST: simulated events are called simulated, seeds and spreads are shown."""

from __future__ import annotations

import pytest

from benchmarks.report.evidence import Evidence
from benchmarks.report.signals.events import events, simulated_accuracy
from biograd.runs.records import Record


@pytest.fixture
def on_events(measured):
    """A record of a task with this accuracy."""

    def record(name: str, seed: int, accuracy: float, **results: object) -> Record:
        config = {"hidden": [256, 256], "steps": 20, "dataset": "events-mnist-simulated"}
        return measured(name, {"test_accuracy": accuracy, **results}, config=config, seed=seed)

    return record


def test_the_report_calls_simulated_events_simulated_and_never_n_mnist(on_events) -> None:
    records = [on_events("simulated events", seed, 0.98 + seed / 1000) for seed in range(3)]
    evidence = Evidence(records)
    (table,) = events(evidence, {}).items
    (row,) = table["rows"]
    assert row[:4] == ["2312-256-256-10, T = 20", "98.10", "0.10", "3"] and "real N-MNIST" in row[4]
    assert "They are not N-MNIST" in table["caption"]
    assert simulated_accuracy(evidence) == "98.10 ± 0.10 % on events simulated from MNIST (3 seeds)"


def test_one_seed_has_no_spread_and_no_record_no_figure(on_events) -> None:
    alone, nothing = Evidence([on_events("simulated events", 0, 0.98)]), Evidence([])
    assert simulated_accuracy(alone) == "98.00 % on events simulated from MNIST (1 seed)"
    assert events(alone, {}).items[0]["rows"][0][1:4] == ["98.00", "", "1"]
    assert events(nothing, {}).items[0]["tone"] == "missing" and simulated_accuracy(nothing) == ""


def test_rules_are_compared_on_tasks_of_order(on_events) -> None:
    records = [
        on_events("timing", seed, 0.9, method="eligibility traces", task="order")
        for seed in range(2)
    ]
    (table,) = events(Evidence(records), {}).items
    assert table["rows"] == [["order: eligibility traces", "90.00", "0.00", "2"]]


def test_few_samples_are_shown_with_their_spread(on_events) -> None:
    accuracies = {"old_before": 0.96, "new_after": 0.6, "shots": 5}
    records = [
        on_events(
            "few-shot", seed, 0.8, old_mixed_in=mixed, old_after=0.9 + seed / 100, **accuracies
        )
        for seed in range(2)
        for mixed in (False, True)
    ]
    (table,) = events(Evidence(records), {}).items
    assert table["rows"] == [["5", "96.0 ± 0.0", "90.5 ± 0.7", "60.0 ± 0.0", "2"]]


def test_regression_shows_error_and_explained_variance(measured) -> None:
    config = {"task": "friedman", "hidden": [20]}
    results = {"task": "friedman", "method": "BPTT", "rmse": 1.5, "r2": 0.9}
    records = [measured("regression", results, config=config, seed=seed) for seed in (0, 1)]
    (table,) = events(Evidence(records), {}).items
    assert table["rows"] == [["friedman: BPTT", "1.50", "0.00", "0.900", "2"]]
