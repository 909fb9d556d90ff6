"""Deep and convolutional nets in the report: seeds, spread, and the angle of every layer."""

from __future__ import annotations

from benchmarks.report.depth import depth
from benchmarks.report.evidence import Evidence


def test_each_feedback_has_its_accuracy_and_the_mean_angle_of_every_layer(measured) -> None:
    records = [
        measured(
            "depth",
            {
                "method": "BioGrad, layered, sleep",
                "test_accuracy": 0.95 + seed / 100,
                "angle_curve_deg": [[80, 80], [10 + seed, 20]],
            },
            config={"hidden": [8, 8], "dataset": "mnist"},
            seed=seed,
        )
        for seed in range(3)
    ]
    (table,) = depth(Evidence(records), {}).items
    assert table["rows"] == [["BioGrad, layered, sleep", "96.00", "1.00", "3", "11 / 20"]]


def test_backpropagation_stands_beside_the_local_rule_of_its_own_data_set(measured) -> None:
    records = [
        measured(
            "convolution",
            {"method": method, "test_accuracy": accuracy},
            config={"net": "4c3-10", "dataset": name},
            seed=0,
        )
        for name, method, accuracy in (
            ("mnist", "BPTT", 0.98),
            ("mnist", "BioGrad, layered sleep", 0.97),
            ("fashion", "BPTT", 0.9),
        )
    ]
    (table,) = depth(Evidence(records), {}).items
    rows = {row[0]: row[1:] for row in table["rows"]}
    assert rows["mnist: BPTT"] == ["98.00", "", "1", "–"] and "fashion: BPTT" in rows


def test_presets_of_other_lengths_are_not_averaged(measured) -> None:
    records = [
        measured(
            "conv presets",
            {"method": "BioGrad, events-conv", "test_accuracy": accuracy},
            config={"net": "4c3-10", "dataset": "events", "epochs": epochs},
            seed=seed,
        )
        for epochs, seed, accuracy in ((12, 0, 0.96), (12, 1, 0.98), (15, 0, 0.99))
    ]
    (table,) = depth(Evidence(records), {}).items
    rows = {row[0]: row[1:4] for row in table["rows"]}
    assert rows == {
        "events-conv, 12 epochs": ["97.00", "1.41", "2"],
        "events-conv, 15 epochs": ["99.00", "", "1"],
    }


def test_where_nothing_is_recorded_the_command_is_named() -> None:
    (item,) = depth(Evidence([]), {}).items
    assert item["tone"] == "missing" and "--suite depth" in str(item)
