"""The grid code measured: each part in its tiny form."""

from __future__ import annotations

from benchmarks.measurements.studies.grid_code import (
    CircuitParams,
    GateParams,
    ThresholdParams,
    circuits,
    described,
    gates,
    threshold,
)


def test_a_gate_is_measured_by_modules_copies_and_repetitions() -> None:
    p = GateParams(noises=(0.2,), modules=(1, 3), copies=(1, 2), trials=300)
    (row,) = gates(p, 0)
    rows = row["rows"]
    assert [r["by"] for r in rows].count("modules") == 2 * 3
    grid, alike = (
        [r for r in rows if r["by"] == by and r["number"] == 2] for by in ("copies", "repetition")
    )
    assert grid[0]["neurons"] == alike[0]["neurons"] == 24
    assert all(r["low"] <= r["rate"] <= r["high"] for r in rows)


def test_circuits_report_errors_with_their_neurons() -> None:
    p = CircuitParams(noise=0.2, copies=(1, 4), depth=4, width=2, trials=60)
    (row,) = circuits(p, 0)
    few, many = row["rows"]
    assert few["per_gate"]["rate"] > many["per_gate"]["rate"]
    assert few["neurons_per_gate"] == 14 and many["neurons_per_gate"] == 44
    assert few["multiplier"]["rate"] > 0


def test_errors_of_faulty_copies_are_counted_after_the_first_layers() -> None:
    p = ThresholdParams(
        noises=(0.0,), faults=(0.0, 0.5), copies=(3, 7), depth=5, settled=2, trials=10
    )
    (row,) = threshold(p, 0)
    assert {r["gates"] for r in row["rows"]} == {3 * 2 * 10}
    assert all((r["wrong"] > 0) == (r["fault"] > 0) for r in row["rows"])
    assert described(p)["copies"] == [3, 7]
