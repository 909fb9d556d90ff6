"""Tasks of time alone: rates say nothing, and traces make the difference."""

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
from benchmarks.report.events import events, simulated_accuracy
from benchmarks.report.evidence import Evidence
from benchmarks.report.sections import cards, headline

SMALL = TimingParams(train=600, test=300, hidden=(60,), epochs=8, batch=20, lr=4e-3)


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
    assert described(tiny, "x")["hidden"] == [60]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"task": "chaos"}, "known: order, order-xor"), ({"group": 0}, "at least 1")],
)
def test_parameters_out_of_range_are_refused(changes: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TimingParams(**changes)
    with pytest.raises(ValueError, match="need delay > gap"):
        TimingParams(task="order-xor", delay=4, gap=3)


def record(name: str, seed: int, accuracy: float, **results: object) -> dict:
    config = {"hidden": [256, 256], "steps": 20, "dataset": "events-mnist-simulated"}
    return {
        "kind": "measurement",
        "name": name,
        "seed": seed,
        "config": config,
        "results": {"test_accuracy": accuracy, **results},
    }


def test_the_report_calls_simulated_events_simulated_and_never_n_mnist() -> None:
    found = [
        record("simulated events", seed, 0.98 + seed / 1000, method="BioGrad on simulated events")
        for seed in range(3)
    ]
    found += [
        record("timing", seed, 0.9, method="eligibility traces", task="order") for seed in range(2)
    ]
    evidence = Evidence(found)
    section = events(evidence, {})
    (net, mean, spread, seeds, paper), timing = (
        section.items[0]["rows"][0],
        section.items[1]["rows"],
    )
    assert (net, mean, spread, seeds) == (
        "2312-256-256-10, T = 20",
        "98.10",
        "0.10",
        "3",
    ) and "real N-MNIST" in paper
    assert "They are not N-MNIST" in section.items[0]["caption"] and timing == [
        ["order: eligibility traces", "90.00", "0.00", "2"]
    ]
    assert simulated_accuracy(evidence) == "98.10 ± 0.10 % on events simulated from MNIST (3 seeds)"
    alone = Evidence(found[:1])
    assert simulated_accuracy(alone) == "98.00 % on events simulated from MNIST (1 seed)"
    # one seed has no spread
    assert events(alone, {}).items[0]["rows"][0][1:4] == ["98.00", "", "1"]
    assert (
        events(Evidence([]), {}).items[0]["tone"] == "missing"
        and simulated_accuracy(Evidence([])) == ""
    )


def test_a_run_on_recordings_is_no_figure_of_mnist() -> None:
    run = {"kind": "run", "test_accuracy": 0.5, "dataset": "events-mnist-simulated"}
    answers = record("answers", 0, 0.5, dataset="events-mnist-simulated")
    evidence = Evidence(
        [run, answers, record("simulated events", 0, 0.98, method="BioGrad on simulated events")]
    )
    assert [(card["name"], card["value"]) for card in cards(evidence)] == [
        ("Test accuracy on events-mnist-simulated", "50.00 %")
    ]
    mnist, _, nmnist, *_ = headline(evidence, {}).items[0]["rows"]
    assert (
        "50.00" not in str(mnist)
        and "on the real one; 98.00 %" in str(nmnist[2])
        and "simulated from MNIST" in str(nmnist[2])
    )


def test_few_samples_are_told_with_their_spread() -> None:
    found = [
        record(
            "few-shot",
            seed,
            0.8,
            shots=5,
            old_mixed_in=mixed,
            old_before=0.96,
            old_after=0.9 + seed / 100,
            new_after=0.6,
        )
        for seed in range(2)
        for mixed in (False, True)
    ]
    (table,) = events(Evidence(found), {}).items
    assert table["rows"] == [["5", "96.0 ± 0.0", "90.5 ± 0.7", "60.0 ± 0.0", "2"]]
