"""Working memory in the report: both rules beside each other, with their spread."""

from __future__ import annotations

from benchmarks.report.evidence import Evidence
from benchmarks.report.studies.working_memory import working_memory


def test_errors_of_both_rules_stand_side_by_side(measured, undrawn, text_of) -> None:
    def record(rule: str, seed: int, first: float, taught: str = "cue"):
        results = {
            "task": "two angles",
            "rule": rule,
            "taught": taught,
            "first_deg": first,
            "second_deg": 5.0,
            "cpu_seconds": 9.0,
            "curve": [[1, 50.0, 40.0], [2, first, 5.0]],
            "torus": {
                "four_components": 0.9,
                "principal_deg": [80.0, 85.0],
                "radii": [1.0, 2.0],
                "roundness": [0.9, 0.8],
                "shares": [0.3, 0.5],
            },
            "tuning": {"changed": 0.25, "correlation": 0.6},
            "projected": [[[0.0, 1.0, 2.0]] * 3] * 3,
        }
        return measured("working memory", results, seed=seed, config={"rule": rule})

    taught = [record("local", seed, 9.0 + 2 * seed, "delays") for seed in (0, 1)]
    records = [*taught, record("bptt", 0, 4.0)]
    text = text_of(working_memory(Evidence(records), {}))
    assert "taught over delays, 2 seeds BPTT, taught in the cue, 1 seeds" in text
    assert "error, first angle (degrees) 10 ± 1.4 4" in text
    assert "radius, first / second 0.5" in text and "units with changed tuning (%) 25" in text


def test_without_records_the_command_is_named(text_of) -> None:
    assert "--suite studies" in text_of(working_memory(Evidence([]), {}))
