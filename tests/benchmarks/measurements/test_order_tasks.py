"""Tasks of timing alone: rates carry no information, and traces make the difference."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from benchmarks.measurements.order_tasks import (
    RULES,
    TASKS,
    TimingParams,
    described,
    learn,
    measure,
    samples,
)

SMALL = TimingParams(train=400, test=300, hidden=(60,), epochs=8, batch=20, lr=6e-3)


@pytest.mark.parametrize("p", TASKS, ids=lambda p: p.task)
def test_every_input_fires_equally_often_in_every_sample(p: TimingParams) -> None:
    shown = samples(p, 200, generator=torch.Generator().manual_seed(0))
    assert shown.s.sum(1).unique().tolist() == [1 if p.task == "order" else 2]
    assert 60 < int(shown.y.sum()) < 140


def test_the_class_is_which_group_came_first_and_whether_it_did_so_twice() -> None:
    order, pairs = TASKS
    for p in (order, pairs):
        shown = samples(p, 50, generator=torch.Generator().manual_seed(1))
        for s, y in zip(shown.s, shown.y, strict=True):
            times = [
                torch.nonzero(s[:, group * p.group : (group + 1) * p.group])[:, 0].sort().values
                for group in range(2)
            ]
            per_pair = [
                [float(t.view(-1, p.group)[pair].float().mean()) for t in times]
                for pair in range(1 if p is order else 2)
            ]
            leads = [int(b < a) for a, b in per_pair]
            assert sum(leads) % 2 == int(y)


@pytest.mark.slow
def test_traces_learn_what_no_net_without_them_does() -> None:
    reached = {name: learn(SMALL, rule, seed=0)[-1] for name, rule in RULES.items()}
    with_traces, cut, rates = reached.values()
    assert with_traces > 0.95 and cut < 0.7 and rates < with_traces - 0.05, reached


def test_a_row_says_what_it_is() -> None:
    tiny = dataclasses.replace(SMALL, train=40, test=20, epochs=1)
    (row,) = measure(tiny, "factorised (rates only)", 3)
    assert row["task"] == "order" and row["samples"] == 40 and 0 <= row["test_accuracy"] <= 1
    assert described(tiny, "x")["hidden"] == [60] and "longest_delay" not in described(tiny, "x")
    (late,) = measure(dataclasses.replace(tiny, longest_delay=9), "factorised (rates only)", 3)
    assert late["method"] == "factorised (rates only), delays of 0 to 9 steps"


@pytest.mark.slow
def test_delays_bring_spikes_of_different_steps_together() -> None:
    cut = RULES["traces cut off (alpha_x = alpha_z = 0)"]
    late = dataclasses.replace(SMALL, longest_delay=12)
    assert learn(late, cut, seed=0)[-1] > 0.85  # without delays below 0.7, see above


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"task": "chaos"}, "known: order, order-xor"), ({"group": 0}, "at least 1")],
)
def test_parameters_out_of_range_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TimingParams(**changes)
    with pytest.raises(ValueError, match="need delay > gap"):
        TimingParams(task="order-xor", delay=4, gap=3)
