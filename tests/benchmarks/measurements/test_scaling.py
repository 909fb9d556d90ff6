"""The race of workers runs to its end, is compared round by round, and says why it failed."""

from __future__ import annotations

import pytest

from benchmarks.measurements import scaling


@pytest.mark.slow
def test_two_workers_run_a_race_to_its_end():
    speeds = scaling._race(2, 50, rounds=2, seconds=0.01)
    assert list(speeds) == list(scaling.WAYS)
    assert all(len(rounds) == 2 and min(rounds) > 0 for rounds in speeds.values())


def test_workers_are_compared_round_by_round(monkeypatch):
    speeds = {
        "one": [10.0, 20.0, 10.0],
        "apart": [20.0, 36.0, 20.0],
        "early": [18.0, 34.0, 19.0],
        "late": [9.0, 34.0, 9.5],
    }
    monkeypatch.setattr(scaling, "_race", lambda *_: speeds)
    results = scaling.workers_scaling(rounds=3)["batches"]
    assert list(results) == ["100", "400"]
    raced = results["100"]
    assert raced["ratio_workers"] == 1.8 and raced["ratio_early_vs_late"] == 2.0
    medians = {"one": 10.0, "apart": 20.0, "early": 19.0, "late": 9.5}
    assert raced["samples_per_second"] == medians
    assert raced["ratio_workers_quartiles"] == [1.7, 1.9] and raced["ratio_workers_apart"] == 2.0


def test_workers_that_fail_say_why(monkeypatch):
    monkeypatch.setattr(scaling.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="2 workers ended with status 1: they printed nothing"):
        scaling._race(2, 50, rounds=2, seconds=0.01)


def test_the_reason_is_the_line_that_names_an_error():
    stderr = "=====\nroot: failed\nValueError: the net has no layers\n-----\nsee the log above\n"
    assert scaling._reason(stderr) == "ValueError: the net has no layers"
    assert scaling._reason("see the log\n") == "see the log"
