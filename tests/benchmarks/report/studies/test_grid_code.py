"""The grid code in the report: errors, neurons, and the threshold of every seed."""

from __future__ import annotations

from benchmarks.report.evidence import Evidence
from benchmarks.report.studies.grid_code import grid_code


def test_thresholds_of_seeds_are_averaged_with_their_spread(measured, undrawn) -> None:
    def record(seed: int, harmed_at: int):
        rows = [
            {
                "phase_noise": 0.0,
                "copies": copies,
                "fault": fault,
                "wrong": 10 + (copies > 10) * (1 if at >= harmed_at else -1),
                "gates": 100,
            }
            for copies in (5, 11)
            for at, fault in enumerate((0.1, 0.2, 0.3))
        ]
        return measured("grid code", {"task": "threshold", "rows": rows}, seed=seed)

    section = grid_code(Evidence([record(0, 1), record(1, 2)]), {})
    (figures,) = section.items
    assert "the threshold 0.200 ± 0.071" in figures["figures"][0]["caption"]


def test_a_gate_and_a_circuit_are_shown_with_their_neurons(measured, undrawn) -> None:
    common = {"neurons": 14, "low": 0.01, "high": 0.03}
    gate = {
        "task": "gate",
        "rows": [
            {"by": by, "number": 1, "kind": kind, "noise": 0.1, "rate": 0.02} | common
            for by, kinds in (("modules", ("phase", "unit", "synapses")), ("copies", ("phase",)))
            for kind in kinds
        ],
    }
    rate = {"rate": 0.001, "low": 0.0001, "high": 0.002}
    deep = {
        "task": "circuit",
        "rows": [
            {"copies": 4, "neurons_per_gate": 44}
            | dict.fromkeys(("per_gate", "at_the_end", "multiplier"), rate)
        ],
    }
    records = [
        measured("grid code", gate, config={"trials": 5}, seed=0),
        measured("grid code", deep, config={"depth": 9, "noise": 0.1}, seed=0),
    ]
    _, table, circuit = grid_code(Evidence(records), {}).items
    assert table["rows"] == [
        ["1 module", "14", "2.00", "2.00", "2.00"],
        ["1 × 5 modules", "14", "2.00", "", ""],
    ]
    assert circuit["rows"][0][:3] == ["4 × 5 modules", "44", "0.001 (0.0001 to 0.002)"]
