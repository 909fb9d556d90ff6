"""Suites hold every task once, whatever they share."""

from __future__ import annotations

import pytest

from benchmarks import runner, suites
from benchmarks.suites import SUITES
from benchmarks.task import Task


def keys(name: str) -> list[str]:
    return [runner.task_key(task, None) for task in SUITES[name].tasks()]


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_has_tasks_with_keys_of_their_own(name):
    assert keys(name) and len(set(keys(name))) == len(keys(name))


def test_the_full_suite_holds_paper_energy_and_speed_and_nothing_twice():
    assert set(keys("full")) == {*keys("paper"), *keys("energy"), *keys("speed")}
    assert len(set(keys("full"))) == len(keys("full"))


def test_a_run_that_is_measured_in_one_more_way_costs_the_full_suite_no_other_task(monkeypatch):
    before = [task.name for task in SUITES["full"].tasks()]

    def longer() -> list[Task]:
        return [*suites.trained_run(), Task(name="one more", work=lambda bench: [])]

    for name in ("energy", "full"):
        parts = [longer if part is suites.trained_run else part for part in SUITES[name].parts]
        monkeypatch.setitem(SUITES, name, suites.Suite(what="", parts=parts))
    after = [task.name for task in SUITES["full"].tasks()]
    assert after.count("one more") == 1
    assert [name for name in after if name != "one more"] == before


def test_tasks_of_a_gpu_say_why_they_are_missing(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    names = {task.name for task in SUITES["gpu"].tasks()}
    assert "gpu times" in names
    assert runner.left_out("gpu") == dict.fromkeys(names, "torch sees no CUDA device")
    assert runner.left_out("speed") == {}


def test_the_tutorial_suite_names_each_training_once():
    tasks = SUITES["snntorch"].tasks()
    assert len({(task.name, str(task.config), task.seed) for task in tasks}) == len(tasks) == 25
