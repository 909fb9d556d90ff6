"""Suites are done once, resumed where they stopped, and honest about failures."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks import runner
from benchmarks.measurements.trials import paper_trials
from benchmarks.suites import SUITES, Suite
from benchmarks.task import Task, trial_task
from biograd.runs import records

ORIGIN_KEYS = {"machine", "versions", "commit", "when"}
EVERY = ["first", "second", "second", "third"]  # parts of the suite "counted"


def test_each_record_says_what_was_measured_and_where(tmp_path, counted):
    measured = list(runner.run("counted", out=tmp_path / "r.jsonl"))
    assert [record["name"] for record in measured] == EVERY
    assert records.read(tmp_path / "r.jsonl")[0]["results"] == measured[0]["results"]
    for record in measured:
        assert record["kind"] == "measurement" and record["suite"] == "counted"
        assert set(record) >= ORIGIN_KEYS
        assert record["machine"]["cores"] >= 1 and "torch" in record["versions"]
        assert not any(str(tmp_path) in str(value) for value in record.values())
    assert [record["last"] for record in measured] == [True, False, True, True]


def test_a_finished_task_is_not_done_again(tmp_path, counted):
    first = list(runner.run("counted", out=tmp_path / "r.jsonl"))
    again = list(runner.run("counted", out=tmp_path / "r.jsonl"))
    assert counted == EVERY
    assert [record["results"] for record in again] == [record["results"] for record in first]


def test_an_interrupted_suite_goes_on_at_the_task_it_was_in(tmp_path, counted):
    run = runner.run("counted", out=tmp_path / "r.jsonl")
    next(run), next(run)  # the first, and half of the second
    run.close()
    with open(tmp_path / "r.jsonl", "a") as file:
        file.write('{"kind": "measurement", "name": "thi')  # killed while writing
    measured = list(runner.run("counted", out=tmp_path / "r.jsonl"))
    assert counted.count("first") == 1 and counted.count("third") == 1
    assert [record["name"] for record in measured] == EVERY


def test_a_task_that_fails_is_recorded_as_such_and_the_others_are_done(
    tmp_path, counted, monkeypatch
):
    def fail(bench):
        raise ValueError("no such\nthing")

    parts = [lambda: [Task(name="bad", work=fail)], SUITES["counted"].tasks]
    monkeypatch.setitem(SUITES, "failing", Suite(what="", parts=parts))
    measured = list(runner.run("failing", out=tmp_path / "r.jsonl"))
    assert measured[0]["error"] == "no such thing" and "results" not in measured[0]
    assert [record["name"] for record in measured[1:]] == EVERY
    assert len(list(runner.run("failing", out=tmp_path / "r.jsonl"))) == 5
    # tried again
    assert len([line for line in records.read(tmp_path / "r.jsonl") if "error" in line]) == 2


def test_unknown_suites_and_missing_runs_are_refused_before_anything_is_done(tmp_path):
    with pytest.raises(
        ValueError,
        match=r"no suite 'fast'; known: quick, paper, energy, speed, gpu, gpu-kernels, tasks"
        ", snntorch, depth, maps, studies, speech, full",
    ):
        next(runner.run("fast", out=tmp_path / "r.jsonl"))
    with pytest.raises(ValueError, match="quick measures a trained run"):
        next(runner.run("quick", out=tmp_path / "r.jsonl"))
    with pytest.raises(ValueError, match="holds no run"):
        next(runner.run("quick", out=tmp_path / "r.jsonl", run_folder=tmp_path))
    assert not (tmp_path / "r.jsonl").exists()


def test_progress_names_every_task(tmp_path, counted):
    calls = []
    list(
        runner.run(
            "counted",
            out=tmp_path / "r.jsonl",
            progress=lambda what, done, total: calls.append((what, done, total)),
        )
    )
    assert calls == [("first", 0, 3), ("second", 1, 3), ("third", 2, 3), ("done", 3, 3)]


def test_a_record_of_an_earlier_version_still_finishes_its_task(tmp_path):
    trial = paper_trials()[1]  # a peer's
    task = trial_task("accuracy", trial)
    older = {name: value for name, value in task.config.items() if name != "patience"}
    older |= {"threads": 2, "baseline": {"method": "bptt"}}  # as if there had been no patience yet
    record = {"kind": "measurement", "name": "accuracy", "config": older, "seed": 0, "key": "old"}
    results = {"part": 0, "last": True, "results": {"test_accuracy": 0.5}}
    records.append(tmp_path / "r.jsonl", record | results)
    assert runner.task_key(task, None) in runner.finished(tmp_path / "r.jsonl")
    other = dataclasses.replace(trial, config=dataclasses.replace(trial.config, batch=50))
    key = runner.task_key(trial_task("accuracy", other), None)
    assert key not in runner.finished(tmp_path / "r.jsonl")


def test_a_task_that_the_machine_cannot_do_leaves_no_record(tmp_path, monkeypatch):
    task = Task(name="gpu", missing=lambda: "no GPU", work=lambda bench: [{"value": 1}])
    other = Task(name="cpu", work=lambda bench: [{"value": 2}])
    monkeypatch.setitem(SUITES, "both", Suite(what="", parts=[lambda: [task, other]]))
    measured = list(runner.run("both", out=tmp_path / "r.jsonl"))
    assert [record["name"] for record in measured] == ["cpu"]
    assert runner.left_out("both") == {"gpu": "no GPU"}


def test_a_suite_that_the_machine_can_do_nothing_of_is_refused(tmp_path, monkeypatch):
    task = Task(name="gpu", missing=lambda: "no GPU", work=lambda bench: [{"value": 1}])
    monkeypatch.setitem(SUITES, "gpu alone", Suite(what="", parts=[lambda: [task]]))
    with pytest.raises(ValueError, match="can do nothing of suite gpu alone: no GPU"):
        next(runner.run("gpu alone", out=tmp_path / "r.jsonl"))
    assert not (tmp_path / "r.jsonl").exists()
