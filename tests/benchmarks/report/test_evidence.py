"""Records are grouped by method and configuration, each seed once, other formats apart."""

from __future__ import annotations

from benchmarks.report.evidence import Evidence, busy, mean_curve, over_seeds


def test_a_newer_measurement_of_the_same_seed_replaces_an_older_one(every_record, training_run):
    old = training_run("BioGrad, sleep", 0, 0.5) | {"when": "2020-01-01T00:00:00"}
    best = Evidence([*every_record, old]).best("BioGrad, sleep")
    assert best is not None and best.text == "98.10 ± 0.10 % (3 seeds)"


def test_more_seeds_come_before_a_better_single_run(training_run):
    runs = [training_run("BPTT", seed, 0.97) for seed in range(3)]
    lucky = training_run("BPTT", 0, 0.99, lr=0.5)
    best = Evidence([*runs, lucky]).best("BPTT")
    assert best is not None and best.mean == 97.0
    assert Evidence([*runs, lucky]).best("BPTT", sgd=True) is None


def test_a_machine_with_others_at_work_is_busy(measured):
    record = measured("speed", {})
    assert not busy(record)
    assert busy(record | {"machine": {"cores": 2, "load": 3.5}})


def test_a_mean_curve_ends_with_the_shortest_seed():
    mean, spread = mean_curve([[1.0, 2.0, 9.0], [3.0, 4.0]])
    assert mean == [2.0, 3.0] and spread[0] == 2**0.5


def test_one_seed_has_no_deviation(measured):
    one = [measured("fashion", {"test_accuracy": 0.89}, seed=0)]
    assert over_seeds(one, lambda record: "net") == [["net", "89.00", "", "1"]]
