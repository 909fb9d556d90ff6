"""Learning in the chip's integers, shown with its modelled joules or without any."""

from __future__ import annotations

from benchmarks.report.chip import learning_on_chip, small_net_joules
from benchmarks.report.evidence import Evidence


def test_a_priced_record_shows_a_range_of_joules_per_profile(every_record):
    (table,) = learning_on_chip(Evidence(every_record), {}).items
    assert table["columns"][-2:] == ["J per sample, davies2018", "J per sample, sanafe2025"]
    (row,) = table["rows"]
    assert row[:2] == ["784-100-10", "96.21"] and row[-2:] == [
        "3.99 µJ – 58.8 µJ",
        "5.44 µJ – 65.2 µJ",
    ]


def test_operations_that_cannot_be_read_are_named_and_not_priced(measured):
    damaged = measured(
        "chip learning",
        {"method": "damaged", "test_accuracy": 0.9, "operations_per_sample": "many"},
        config={"sizes": [784, 100, 10]},
    )
    table, note = learning_on_chip(Evidence([damaged]), {}).items
    assert not any("J per sample" in column for column in table["columns"])
    assert note["text"] == "No joules: the operations of damaged cannot be read."
    assert small_net_joules(Evidence([damaged])) is None


def test_the_variant_with_most_seeds_stands_for_the_small_net(measured):
    def learned(seed: int, accuracy: float, low: float, **config):
        return measured(
            "chip learning",
            {
                "method": "x",
                "test_accuracy": accuracy,
                "modelled_j_per_sample": {"davies2018": [low, 2 * low]},
            },
            config={"sizes": [784, 100, 10]} | config,
            seed=seed,
        )

    records = [
        learned(0, 0.99, 1e-6),
        learned(0, 0.95, 3e-6, epochs=3),
        learned(1, 0.97, 3e-6, epochs=3),
    ]
    low, high, text = small_net_joules(Evidence(records))
    assert (low, high) == (3e-6, 6e-6) and "96.00 %" in text


def test_accuracy_before_and_after_learning_something_new(measured):
    results = {"lesson": "a tenth class", "old_mixed_in": True}
    results |= {"old_before": 0.96, "old_after": 0.93, "new_before": 0.0, "new_after": 0.97}
    chip = measured("chip learning", {"method": "x", "test_accuracy": 0.9})
    section = learning_on_chip(Evidence([chip, measured("chip keep learning", results)]), {})
    assert section.items[1]["rows"] == [
        ["a tenth class, old samples mixed in", "96.0", "93.0", "0.0", "97.0", "1"]
    ]


def test_modelled_runs_and_measured_chips_are_rows_of_one_table(measured, undrawn):
    prices = {
        "modelled_j_per_sample": {"davies2018": [2e-5, 1e-4]},
        "modelled_s_per_sample": {"davies2018": [4e-4, 8e-4]},
    }

    def learned(method: str, seed: int, accuracy: float, **config):
        return measured(
            "chip learning",
            {"method": method, "test_accuracy": accuracy} | prices,
            config={"sizes": [784, 400, 10], "epochs": 12} | config,
            seed=seed,
        )

    records = [
        learned("best", 0, 0.98),
        learned("best", 1, 0.99),
        learned("short", 0, 0.5, epochs=1),
        learned("clothes", 0, 0.6, dataset="fashion"),
    ]
    figures, table, *_ = learning_on_chip(Evidence(records), {}).items
    assert len(figures["figures"]) == 2
    ours, *chips = table["rows"]
    assert ours[:5] == ["1. best", "98.50", "20 µJ – 100 µJ", "400 µs – 800 µs", "modelled"]
    assert len(chips) == 5 and {chip[4] for chip in chips} == {"measured"}
    renner = next(chip for chip in chips if "Renner" in chip[0])
    assert renner[1:4] == ["96.3", "590 µJ", "1.5 ms"] and "Nature" in renner[5]
    lin = next(chip for chip in chips if "Lin 2018" in chip[0])
    assert lin[3] == "–"


def test_heads_stand_beside_the_networks_whose_features_they_learn_on(measured):
    def head(seed, front_seed, percent):
        results = {"method": "head", "test_accuracy": percent, "float_test_accuracy": 0.99}
        results |= {"front": {"seed": front_seed}}
        record = measured("chip head", results)
        return record | {"seed": seed, "config": {"dataset": "mnist"}}

    chip = measured("chip learning", {"method": "x", "test_accuracy": 0.9})
    records = [chip, head(0, 5, 0.984), head(1, 5, 0.986)]
    _, table, *_ = learning_on_chip(Evidence(records), {}).items
    (row,) = table["rows"]
    assert row[:6] == ["head", "MNIST", "99.00", "98.50", "0.14", "-0.50"]
    assert row[6] == "2 on 1 net"
