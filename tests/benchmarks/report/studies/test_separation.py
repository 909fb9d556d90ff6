"""Separated sources in the report: seeds are counted as they are, and never averaged away."""

from __future__ import annotations

from benchmarks.report.evidence import Evidence
from benchmarks.report.studies.separation import separation


def record(measured, seed: int, error: float, correlation: float):
    def score(value: float, least: float = 0.99) -> dict:
        return {"error": value, "lowest_correlation": least, "amari": 0.1}

    methods = {"FOBI": score(0.01), "rule": score(error, correlation)}
    shown = {name: [[0.0, 1.0], [1.0, 0.0]] for name in ("sources", "mixtures", "separated")}
    results = {
        "task": "periodic",
        "methods": methods,
        "curves": {"rule": [[100, 0.5], [200, error]]},
        "shown": shown,
    }
    return measured("independent components", results, config={"task": "periodic"}, seed=seed)


def test_seeds_within_fobis_error_and_seeds_recovered_are_counted(measured, undrawn) -> None:
    records = [
        record(measured, 0, 0.0109, 0.96),
        record(measured, 1, 0.012, 0.94),
        record(measured, 2, 0.5, 0.3),
        record(measured, 2, 0.0101, 0.99),  # measured again: the newest counts
    ]
    section = separation(Evidence(records), {})
    figures, table = section.items
    assert len(figures["figures"]) == 2
    assert [row[0] for row in table["rows"]] == ["FOBI", "rule"]
    assert table["rows"][1][1:5] == ["0.011", "0.001", "2", "2"]


def test_without_records_the_command_is_named(text_of) -> None:
    assert "--suite studies" in text_of(separation(Evidence([]), {}))
