"""A damaged chip, the price of faults and the time of studies in the report."""

from __future__ import annotations

import pytest

from benchmarks.report.evidence import Evidence
from benchmarks.report.studies.chip_healing import healed_chips
from benchmarks.report.studies.times import study_times


@pytest.fixture
def records(measured):
    config = {"hidden": 100, "samples": 20_000, "epochs": 2, "tested": 10_000}

    def record(seed: int, at_once: float):
        curves = {"intact": [[0, 0.95], [500, 0.96]], "dead": [[0, at_once], [500, 0.9]]}
        results = {
            "task": "healing",
            "test_accuracy": 0.95,
            "damages": {"intact": {}, "dead": {"dead": 0.5}},
            "curves": curves,
        }
        return measured("chip healing", results, seed=seed, config=config)

    ratios = {"simulator": 1.0, "emulator": 0.99, "learning": 1.01}
    race = {"task": "fault speed", "none_ratio": ratios, "some_ratio": dict.fromkeys(ratios, 0.5)}
    return [record(0, 0.6), record(1, 0.8), measured("fault speed", race, config={})]


def test_each_damage_has_its_accuracy_at_once_and_after_learning(records, undrawn, text_of) -> None:
    text = text_of(healed_chips(Evidence(records), {}))
    assert "784-100-10 learns 20,000 digits 2 times" in text
    assert "at once after 500 intact 95 ± 0 96 ± 0" in text
    assert "50 % of the hidden neurons dead 70 ± 14 90 ± 0" in text
    assert "2 seeds" in text and "Before the damage: 95 ± 0 %" in text


def test_studies_have_their_seconds_and_faults_their_price(records, text_of) -> None:
    for number, record in enumerate(records):
        record["key"], record["wall_seconds"] = str(number), 10.0 + number
    loaded = {**records[1]["machine"], "cores": 2, "load": 9.0}
    again = {**records[1], "wall_seconds": 99.0, "when": "2099", "machine": loaded}
    text = text_of(study_times(Evidence([*records, again]), {}))
    assert "a damaged chip learns on 2 109 99 1" in text
    assert "price of fault injection 1 12 12 0" in text
    assert "emulator, inference 0.99 0.50" in text


@pytest.mark.parametrize("section", [healed_chips, study_times])
def test_without_records_the_command_is_named(section, text_of) -> None:
    assert "--suite studies" in text_of(section(Evidence([]), {}))
