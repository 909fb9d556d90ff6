"""Modelled joules of learning in integers: computed by hand, and absent where they cannot be."""

from __future__ import annotations

import pytest

from benchmarks.measurements.chip_prices import priced

OPERATIONS = {
    "synaptic_operations": [0, 9e4, 900],
    "synaptic_updates": [0, 9e3, 300],
    "neuron_updates": [0, 4e3, 600],
    "spikes": [900, 99, 9],
    "error_spikes": 20,
    "time_steps": 24,
}
RECORD = {
    "name": "chip learning",
    "config": {"sizes": [784, 100, 10]},
    "results": {"test_accuracy": 0.96, "operations_per_sample": OPERATIONS},
}


def test_learning_on_the_chip_is_priced_by_hand_computed_joules():
    low, high = priced(RECORD)["results"]["modelled_j_per_sample"]["davies2018"]
    # 784 x 100 learning synapses take 2 cores, 100 x 10 one. At least: 23.6 pJ per operation, 52 pJ
    # per neuron update, 120 pJ per synaptic update, 1.7 pJ per message (900 input spikes to 2
    # cores, 99 to 1, and 9 + 20 error spikes), and 0.82 mW for each of the 3 cores.
    dynamic = (90_900 * 23.6 + 4_600 * 52 + 9_300 * 120 + (1_800 + 99 + 29) * 1.7) * 1e-12
    busiest = (90_000 * 3.5 + 9_000 * 6.1 + 4_000 * 5.3) * 1e-9 / 2
    assert low == pytest.approx(dynamic + 3 * 0.82e-3 * (busiest + 24 * 113e-9), rel=1e-3)
    seconds = priced(RECORD)["results"]["modelled_s_per_sample"]["davies2018"]
    assert seconds[0] == pytest.approx(busiest + 24 * 113e-9, rel=1e-3) and seconds[1] > seconds[0]
    most = (90_900 * 35.5 + 4_600 * 81 + 79_400 * 120) * 1e-12
    assert high > most + 104e-3 * busiest


def test_pricing_leaves_the_recorded_results_as_they_are():
    results = priced(RECORD)["results"]
    assert {name: results[name] for name in RECORD["results"]} == RECORD["results"]
    assert "modelled_j_per_sample" not in RECORD["results"]


def test_frozen_layers_before_a_head_add_what_inference_costs():
    config = {"sizes": [100, 10]}
    operations = {name: [0, 100.0] for name in OPERATIONS} | {"error_spikes": 0, "time_steps": 8}
    names = ("synaptic_operations", "active_updates", "inactive_updates", "spikes", "messages")
    front = {
        "cores": [1],
        "operations_per_sample": {name: [0, 1000.0] for name in names}
        | {"synaptic_updates": [0, 0]},
    }
    results = {"test_accuracy": 0.9, "operations_per_sample": operations}
    head = {"name": "chip head", "config": config, "results": results}
    alone = priced(head)["results"]["modelled_j_per_sample"]["davies2018"][0]
    behind = priced(head | {"results": results | {"front": front}})
    more = behind["results"]["modelled_j_per_sample"]["davies2018"][0] - alone
    # 23.6 pJ per operation, 81 and 52 pJ per neuron update, 1.7 pJ per message, no updates, and the
    # core's power meanwhile
    dynamic = 1000 * (23.6 + 81 + 52 + 1.7) * 1e-12
    assert dynamic < more < 1.5 * dynamic


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "epoch"},
        RECORD | {"name": "speed"},
        RECORD | {"config": None},
        RECORD | {"results": {"operations_per_sample": {"spikes": None}}},
        RECORD | {"results": {"operations_per_sample": 7}},
        RECORD | {"results": None},
    ],
)
def test_a_record_without_readable_operations_is_returned_as_it_is(record):
    assert priced(record) is record
