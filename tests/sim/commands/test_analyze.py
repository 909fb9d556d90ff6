"""Population codes of a run folder, from the command line."""

from __future__ import annotations


def test_a_run_is_analysed_layer_by_layer(biograd, trained):
    outcome = biograd("analyze", trained, "--json")
    (layer,) = outcome.result["layers"]
    assert layer["neurons"] == 32 and layer["active"] >= layer["analysed"] > 5
    assert layer["d2"] > 0 and 0 < layer["angle_deg"] < 90 and len(layer["pairs"]) == 45
    every, *_, fewest = layer["reader"]
    assert every["neurons"] == layer["analysed"] and every["accuracy"] > fewest["accuracy"]
    assert biograd("analyze", trained, "--json").result == outcome.result


def test_too_few_samples_and_neurons_are_refused_in_one_line(biograd, trained):
    few = biograd("analyze", trained, "--samples", "12")
    assert few.is_one_line and "has 1 sample; need at least 2 of each class" in few.err
    none = biograd("analyze", trained, "--neurons", "1")
    assert none.is_one_line and "--neurons is 1; need 2 or more" in none.err
    missing = biograd("analyze", trained / "nothing")
    assert missing.is_one_line


def test_the_energy_split_stands_beside_the_cortex(biograd, trained):
    outcome = biograd("analyze", trained, "--json")
    split = outcome.result["energy_split"]
    assert (
        split["samples"] == outcome.result["samples"]
        and split["cores"] >= 1
        and split["cortex_ratio"] == 35
    )
    for constants in ("davies2018", "sanafe2025"):
        part = split[constants]
        assert part["ratio"] == part["communication_j"] / part["computation_j"]
        assert 0 < part["ratio"] < 35 and part["best_j_per_bit"] <= part["j_per_bit"]
    text = biograd("analyze", trained).out
    assert "35 : 1" in text and "davies2018" in text
