"""Broken networks and the energy split in the report."""

from __future__ import annotations

import pytest

from benchmarks.report.evidence import Evidence
from benchmarks.report.studies.trained_nets import broken_nets, energy_split


@pytest.fixture
def records(measured):
    def record(net: str, rule: str, seed: int, accuracy: float):
        split = {
            "ratio": 0.01,
            "fixed_j": 3e-10,
            "synapse_j": 2e-11,
            "best_inputs": 3.5,
            "j_per_bit": 2e-10,
            "best_j_per_bit": 1e-10,
        }
        results = {
            "task": "trained nets",
            "net": net,
            "rule": rule,
            "accuracy": accuracy,
            "faults": {
                kind: [[0.1, accuracy - 0.1], [0.3, 0.5]]
                for kind in ("dead", "stuck", "lost", "synapses", "noise", "weight_bits")
            },
            "split": {"inputs_per_spike": 150.0, "davies2018": split, "sanafe2025": split},
        }
        if rule == "local" and net == "dense":
            results["healed"] = {
                "dead": 0.5,
                "epochs": 2,
                "damaged_before": 0.6,
                "damaged_after": 0.9,
                "intact_before": 0.95,
                "intact_after": 0.96,
            }
        return measured("trained nets", results, seed=seed, config={"net": net, "rule": rule})

    return [
        record("dense", "local", 0, 0.94),
        record("dense", "local", 1, 0.96),
        record("conv", "bptt", 0, 0.97),
    ]


def test_networks_are_compared_at_the_same_rates(records, undrawn, text_of) -> None:
    text = text_of(broken_nets(Evidence(records), {}))
    assert "dense, local rule (2) conv, BPTT (1)" in text
    assert "no faults 95 ± 1.4 97" in text and "dead hidden neurons: 0.3 50 ± 0 50" in text
    assert "has 60 ± 0 % right; after 2 more epochs 90 ± 0 %" in text


def test_the_split_stands_beside_the_cortex(records, text_of) -> None:
    text = text_of(energy_split(Evidence(records), {}))
    assert "davies2018 0.01 ± 0 150 ± 0 15 ± 0 3.5 ± 0 0.2 ± 0 0.1 ± 0" in text
    assert "35 : 1" in text


@pytest.mark.parametrize("section", [broken_nets, energy_split])
def test_without_records_the_command_is_named(section, text_of) -> None:
    assert "--suite studies" in text_of(section(Evidence([]), {}))
