"""Suites: done once, resumed where they stopped, honest about failures, and comparable."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks import suite
from benchmarks.measurements.trials import paper_trials
from benchmarks.tasks import SUITES, Bench, Task, trial_task
from biograd.runs import records

ORIGIN_KEYS = {"machine", "versions", "commit", "when"}


@pytest.fixture
def counted(monkeypatch):
    """A suite of three tasks that count how often they are done; the second yields two parts."""
    calls: list[str] = []

    def work(name, parts):
        def do(bench):
            for part in range(parts):
                calls.append(name)
                yield {
                    "value": 10.0 * len(calls),
                    "bounds": [1.0, 2.0],
                    "part_of": name,
                    "curve": [1.0, 2.0, 3.0],
                    "index": part,
                }

        return do

    tasks = [
        Task(name="first", config={"n": 1}, seed=0, work=work("first", 1)),
        Task(name="second", work=work("second", 2)),
        Task(name="third", config={"n": 3}, work=work("third", 1)),
    ]
    monkeypatch.setitem(SUITES, "counted", lambda: tasks)
    return calls


def test_each_record_says_what_was_measured_and_where(tmp_path, counted):
    found = list(suite.run("counted", out=tmp_path / "r.jsonl"))
    assert [record["name"] for record in found] == ["first", "second", "second", "third"]
    assert records.read(tmp_path / "r.jsonl")[0]["results"] == found[0]["results"]
    for record in found:
        assert (
            record["kind"] == "measurement"
            and record["suite"] == "counted"
            and set(record) >= ORIGIN_KEYS
        )
        assert record["machine"]["cores"] >= 1 and "torch" in record["versions"]
        assert not any(str(tmp_path) in str(value) for value in record.values())
    assert [record["last"] for record in found] == [True, False, True, True]


def test_what_is_done_is_not_done_again(tmp_path, counted):
    first = list(suite.run("counted", out=tmp_path / "r.jsonl"))
    again = list(suite.run("counted", out=tmp_path / "r.jsonl"))
    assert counted == ["first", "second", "second", "third"]
    assert [record["results"] for record in again] == [record["results"] for record in first]


def test_an_interrupted_suite_goes_on_at_the_task_it_was_in(tmp_path, counted):
    run = suite.run("counted", out=tmp_path / "r.jsonl")
    next(run), next(run)  # the first, and half of the second
    run.close()
    with open(tmp_path / "r.jsonl", "a") as file:
        file.write('{"kind": "measurement", "name": "thi')  # killed while writing
    found = list(suite.run("counted", out=tmp_path / "r.jsonl"))
    assert counted.count("first") == 1 and counted.count("third") == 1
    assert [record["name"] for record in found] == ["first", "second", "second", "third"]


def test_a_task_that_fails_is_recorded_as_such_and_the_others_are_done(
    tmp_path, counted, monkeypatch
):
    def fail(bench):
        raise ValueError("no such\nthing")
        yield

    monkeypatch.setitem(
        SUITES, "failing", lambda: [Task(name="bad", work=fail), *SUITES["counted"]()]
    )
    found = list(suite.run("failing", out=tmp_path / "r.jsonl"))
    assert found[0]["error"] == "no such thing" and "results" not in found[0]
    assert [record["name"] for record in found[1:]] == ["first", "second", "second", "third"]
    assert len(list(suite.run("failing", out=tmp_path / "r.jsonl"))) == 5
    # tried again
    assert len([line for line in records.read(tmp_path / "r.jsonl") if "error" in line]) == 2


def test_unknown_suites_and_missing_runs_are_refused_before_anything_is_done(tmp_path):
    with pytest.raises(
        ValueError,
        match=r"no suite 'fast'; known: quick, paper, energy, speed, tasks, snntorch, full",
    ):
        next(suite.run("fast", out=tmp_path / "r.jsonl"))
    with pytest.raises(ValueError, match="quick measures a trained run"):
        next(suite.run("quick", out=tmp_path / "r.jsonl"))
    with pytest.raises(ValueError, match="holds no run"):
        next(suite.run("quick", out=tmp_path / "r.jsonl", run_folder=tmp_path))
    assert not (tmp_path / "r.jsonl").exists()


def test_every_suite_has_tasks_with_keys_of_their_own():
    for name, make in SUITES.items():
        keys = [suite.task_key(task, None) for task in make()]
        assert keys and len(set(keys)) == len(keys), name


def test_progress_tells_every_task(tmp_path, counted):
    told = []
    list(
        suite.run(
            "counted",
            out=tmp_path / "r.jsonl",
            progress=lambda what, done, total: told.append((what, done, total)),
        )
    )
    assert told == [("first", 0, 3), ("second", 1, 3), ("third", 2, 3), ("done", 3, 3)]


def test_two_runs_are_compared_figure_by_figure(tmp_path, counted):
    before = list(suite.run("counted", out=tmp_path / "a.jsonl"))
    after = list(suite.run("counted", out=tmp_path / "b.jsonl"))
    rows = {(row["task"], row["figure"]): row for row in suite.compare(before, after)}
    assert (
        rows["first", "value"]["before"] == 10
        and rows["first", "value"]["after"] == 50
        and rows["first", "value"]["ratio"] == 5
    )
    assert rows["first", "bounds[1]"]["ratio"] == 1
    assert not any("curve" in figure for _, figure in rows)
    assert all(row["same_machine"] for row in rows.values())
    moved = [
        record | {"machine": {"cpu": "another", "threads": 1, "gpu": None}} for record in after
    ]
    assert not any(row["same_machine"] for row in suite.compare(before, moved))


def test_records_of_other_versions_and_failures_are_no_figures():
    good = {
        "format": records.FORMAT,
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
    assert suite.usable([*bad, good]) == [good]
    assert suite.summary([*bad, good]) == {"ratio_full_vs_snntorch": 5.0}


def test_the_summary_carries_the_modelled_joules_of_training():
    costs = {
        "training": {"davies2018": {"total_j": [1e-6, 4e-6]}},
        "inference": {"davies2018": {"total_j": [1e-7, 2e-7]}},
    }
    record = {"format": records.FORMAT, "kind": "measurement", "name": "loihi", "results": costs}
    flat = suite.summary([record])
    assert flat["energy_j_per_sample"] == pytest.approx(2e-6)
    assert (flat["energy_j_per_sample_low"], flat["energy_j_per_sample_high"]) == (1e-6, 4e-6)
    assert "modelled" in flat["energy_how"]


def test_a_bench_without_a_run_says_how_to_name_one():
    with pytest.raises(ValueError, match="name its folder"):
        _ = Bench(run=None).trained


def test_a_record_of_an_earlier_version_is_its_tasks_still(tmp_path):
    trial = paper_trials()[1]  # a peer's
    task = trial_task("accuracy", trial)
    older = {name: value for name, value in task.config.items() if name != "patience"} | {
        "threads": 2
    }  # as if there had been no patience yet
    older["baseline"] = {"method": "bptt"}
    record = {
        "format": records.FORMAT,
        "kind": "measurement",
        "name": "accuracy",
        "config": older,
        "seed": 0,
        "key": "of old",
    }
    records.append(
        tmp_path / "r.jsonl", record | {"part": 0, "last": True, "results": {"test_accuracy": 0.5}}
    )
    assert suite.task_key(task, None) in suite.finished(tmp_path / "r.jsonl")
    other = dataclasses.replace(trial, config=dataclasses.replace(trial.config, batch=50))
    assert suite.task_key(trial_task("accuracy", other), None) not in suite.finished(
        tmp_path / "r.jsonl"
    )
