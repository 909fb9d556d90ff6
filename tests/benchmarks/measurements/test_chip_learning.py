"""A row of the chip-learning table: it learns, and its record says how."""

from __future__ import annotations

import pytest

from benchmarks.measurements.chip_learning import ROWS, Row, run_row
from hardware.learning.params import ChipLearningParams


def test_a_row_learns_and_counts_its_operations(bands):
    config, results = run_row(Row("small", 2, {"sizes": (784, 30, 10)}), 0, bands)
    assert config["sizes"] == [784, 30, 10] and config["epochs"] == 2
    assert results["samples"] == 600 and len(results["train_accuracy_curve"]) == 2
    assert results["test_accuracy"] > 0.9
    counts = results["operations_per_sample"]
    assert len(counts["spikes"]) == 3 and counts["time_steps"] > 0
    assert counts["synaptic_updates"][0] == 0 < counts["synaptic_updates"][1]
    assert counts["of_which_nights"]["spikes"] > 0


@pytest.mark.parametrize("name", ROWS)
def test_every_row_changes_known_constants_in_a_valid_way(name):
    ChipLearningParams(seed=0, samples=1, **ROWS[name].changes)


def test_shuffled_labels_teach_nothing(bands):
    row = Row("shuffled", 1, {"sizes": (784, 30, 10)}, shuffled_labels=True)
    _, results = run_row(row, 0, bands)
    assert results["test_accuracy"] < 0.5
