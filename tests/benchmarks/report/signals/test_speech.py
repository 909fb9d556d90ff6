"""Spoken digits in the report: methods, persons, deployment with joules, memory and time."""

from __future__ import annotations

import pytest

from benchmarks.report.evidence import Evidence
from benchmarks.report.signals.speech import speech

ENERGY = {
    "source": "a paper",
    "dynamic_j": [1e-5, 2e-5],
    "static_j": [1e-6, 1e-4],
    "total_j": [1.1e-5, 1.2e-4],
}


@pytest.fixture
def records(measured):
    def trained(dataset, method, accuracy, seed=0, delays=(), **more):
        results = {"method": method, "test_accuracy": accuracy, **more}
        config = {"dataset": dataset, "method": method, "delays": list(delays)}
        return measured("speech", results, config=config, seed=seed)

    curve = {"anytime_accuracy": [0.1, 0.5, 0.9], "median_latency_steps": 2}
    deployed = {"dataset": "fsdd", "method": "deployed"}
    return [
        *(trained("fsdd", "sleep", 0.96 + seed / 100, seed, **curve) for seed in range(3)),
        trained("fsdd", "BPTT", 0.98, **curve),
        *(trained("fsdd-theo", "sleep", 0.8 + seed / 100, seed) for seed in range(3)),
        trained("fsdd-theo", "random feedback", 0.7),
        trained("fsdd-lucas", "random feedback", 0.6),
        trained("fsdd-lucas", "random feedback", 0.5, delays=(15, 0)),
        measured(
            "speech",
            {
                "method": "deployed",
                "net": "400-10",
                "float_test_accuracy": 0.97,
                "test_accuracy": 0.96,
                "samples": 300,
                "joules_per_series": [1.1e-5, 1.2e-4],
                "joules_in_real_time": [7e-4, 4.5e-2],
                "energy": ENERGY,
            },
            config=deployed,
            seed=0,
        ),
        measured(
            "speech",
            {"samples": 6, "numbers_compared": 1000, "numbers_that_differ": 0},
            config=deployed,
            seed=0,
        ),
    ]


@pytest.mark.usefixtures("undrawn")
def test_every_method_and_every_person_has_a_row(records) -> None:
    tables = [item for item in speech(Evidence(records), {}).items if item["kind"] == "table"]
    methods, persons, deployed = (table["rows"] for table in tables)
    assert methods[0] == ["fsdd: sleep", "97.00", "1.00", "3"] and methods[1][0] == "fsdd: BPTT"
    assert persons[0] == ["theo", "81.0", "70.0", "–"]
    assert persons[1] == ["lucas", "–", "60.0", "50.0"]
    assert persons[2] == ["mean of the persons", "81.0", "65.0", "50.0"]
    assert deployed == [
        [
            "fsdd, 400-10",
            "97.00",
            "96.00",
            "0 of 1,000",
            "10 µJ – 20 µJ",
            "11 µJ – 120 µJ",
            "700 µJ – 45 mJ",
        ]
    ]


@pytest.mark.usefixtures("undrawn")
def test_the_figure_names_the_time_to_a_stable_answer_and_notes_tell_memory_and_time(
    records, measured, text_of
) -> None:
    memory = {
        "seconds_of_sound": [1.0, 10.0],
        "online_growth": 1.01,
        "online_growth_of_tensors": 1.0,
        "layer_growth": 1.03,
        "layer_growth_of_tensors": 8.1,
    }
    time = {
        "method": "biograd train --preset speech",
        "threads": 2,
        "seconds": 57.0,
        "processor_seconds": 51.0,
        "load_before": 18.0,
        "test_accuracy": 0.9667,
    }
    others = [
        measured("memory of a sound", memory, config={}),
        measured("time of training on speech", time, config={}),
    ]
    text = text_of(speech(Evidence([*records, *others]), {}))
    assert "10 s of sound over 1 s" in text and "1.010 times" in text and "8.10" in text
    assert "took 57 s in 2 threads (51 s of processor time)" in text and "loaded" not in text
    assert "the median time after which the answer never changes" in text


def test_where_nothing_is_recorded_the_command_is_named() -> None:
    (item,) = speech(Evidence([]), {}).items
    assert item["tone"] == "missing" and "--suite speech" in str(item)
