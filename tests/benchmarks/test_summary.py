"""Figures of records: flat for a machine, side by side for a reader."""

from __future__ import annotations

import pytest

from benchmarks import runner
from benchmarks.summary import compare, summary, usable
from biograd.runs.records import FORMAT


def test_two_runs_are_compared_figure_by_figure(tmp_path, counted):
    before = list(runner.run("counted", out=tmp_path / "a.jsonl"))
    after = list(runner.run("counted", out=tmp_path / "b.jsonl"))
    rows = {(row["task"], row["figure"]): row for row in compare(before, after)}
    value = rows["first", "value"]
    assert (value["before"], value["after"], value["ratio"]) == (10, 50, 5)
    assert rows["first", "bounds[1]"]["ratio"] == 1
    assert not any("curve" in figure for _, figure in rows)
    assert all(row["same_machine"] for row in rows.values())
    moved = [
        record | {"machine": {"cpu": "another", "threads": 1, "gpu": None}} for record in after
    ]
    assert not any(row["same_machine"] for row in compare(before, moved))


def test_records_of_other_versions_and_failures_are_no_figures():
    good = {
        "format": FORMAT,
        "kind": "measurement",
        "name": "speed",
        "results": {"inputs": "digits", "ratio_full_vs_snntorch": 5.0},
    }
    bad = [
        good | {"format": 99},
        {"kind": "epoch"},
        {"kind": "measurement", "name": "speed", "error": "x"},
        good | {"results": 3},
    ]
    assert usable([*bad, good]) == [good]
    assert summary([*bad, good]) == {"ratio_full_vs_snntorch": 5.0}


def test_the_summary_carries_the_modelled_joules_of_training():
    costs = {
        "training": {"davies2018": {"total_j": [1e-6, 4e-6]}},
        "inference": {"davies2018": {"total_j": [1e-7, 2e-7]}},
    }
    record = {"format": FORMAT, "kind": "measurement", "name": "loihi", "results": costs}
    flat = summary([record])
    assert flat["energy_j_per_sample"] == pytest.approx(2e-6)
    assert (flat["energy_j_per_sample_low"], flat["energy_j_per_sample_high"]) == (1e-6, 4e-6)
    assert "modelled" in flat["energy_how"]
