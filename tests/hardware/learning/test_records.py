"""Records count spikes, operations and nights."""

from __future__ import annotations

import dataclasses

from hardware.learning.emulator import learn
from hardware.learning.inputs import spike_masks
from hardware.learning.state import start


def test_records_count_what_happened(tiny, patterns):
    images, labels = patterns(3)
    params = dataclasses.replace(
        tiny, feedback="random", sleep=dataclasses.replace(tiny.sleep, every=3)
    )
    (record,) = learn(start(params), images, labels)
    spikes = sum(int(spike_masks(params.steps)[grey]).bit_count() for grey in images.ravel())
    assert record.spikes[0] == spikes
    assert (
        record.synaptic_operations[1] == (spikes + 3 * params.steps) * 12 + record.error_spikes * 12
    )
    assert record.steps == 3 * params.period
    assert record.neuron_updates.tolist() == [0, 2 * 12 * record.steps, 3 * 4 * record.steps]
    assert record.block == record.samples == 3
    assert record.nights == 0
    assert set(record.night_operations.values()) == {0}


def test_nights_are_counted_apart(tiny, patterns):
    records = list(learn(start(tiny), *patterns(3)))
    assert records[0].nights == tiny.sleep.before + 1
    assert 0 < records[0].night_operations["synaptic_updates"] < records[0].synaptic_updates.sum()
