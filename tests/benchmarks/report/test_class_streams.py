"""Streams of classes in the report: what is kept, at what modelled price, and Lava's verdict."""

from __future__ import annotations

from benchmarks.measurements.chip_prices import priced
from benchmarks.report.class_streams import class_streams
from benchmarks.report.evidence import Evidence
from benchmarks.report.page import Section

LAYER = {"inputs": 784, "prototypes": 1000, "steps": 20}
OPERATIONS = {
    "spikes": 2000.0,
    "synaptic_operations": 1.2e6,
    "synaptic_updates": 784.0,
    "neuron_updates": 13_000.0,
    "steps": 22.0,
}


def test_streams_are_rows_with_their_seeds_forgetting_and_modelled_joules(measured):
    def stream(method: str, seed: int, accuracy: float, shots: int | None = None, **more):
        results = {"method": method, "test_accuracy": accuracy, "forgetting": 0.025} | more
        config = {"dataset": "fashion", "shots": shots} | LAYER
        return priced(measured("class stream", results, config=config, seed=seed))

    section = Section("chip", "Chip")
    records = [
        stream("prototypes", 0, 0.94, operations_per_sample=OPERATIONS),
        stream("prototypes", 1, 0.96, operations_per_sample=OPERATIONS),
        stream("naive", 0, 0.2),
        stream("prototypes", 0, 0.6, shots=5, operations_per_sample=OPERATIONS),
    ]
    class_streams(section, Evidence(records))
    (table,) = section.items
    ours, naive, few = table["rows"]
    assert ours[:7] == ["prototypes", "Fashion-MNIST", "all", "95.00", "1.41", "2", "2.50"]
    # at least 1.2 million operations of 23.6 pJ, 28.3 microjoules, beside 16 cores' static power
    low, high = records[0]["results"]["modelled_j_per_sample"]["davies2018"]
    assert 28.3e-6 < low < 40e-6 and high > 784_000 * 120e-12
    assert "µJ" in ours[7] and "s" in ours[8]
    assert naive[3:] == ["20.00", "–", "1", "2.50", "–", "–"]
    assert few[2:4] == ["5", "60.00"]
    assert "0.05 mJ and 0.33 ms" in table["caption"] and "Measured" in table["caption"]


def test_a_difference_from_lava_is_shown_as_one(measured):
    section = Section("chip", "Chip")
    stream = measured("class stream", {"method": "prototypes", "test_accuracy": 0.9}, config=LAYER)
    lavas = {"equal": False, "samples": 500, "recruited": 200}
    class_streams(section, Evidence([stream, measured("class stream in lava", lavas)]))
    assert section.items[-1]["text"] == (
        "Prototypes against Lava's learning engine: NOT equal (500 samples, 200 prototypes)."
    )


def test_no_stream_adds_nothing(measured):
    section = Section("chip", "Chip")
    class_streams(section, Evidence([measured("chip learning", {"test_accuracy": 0.9})]))
    assert section.items == []
