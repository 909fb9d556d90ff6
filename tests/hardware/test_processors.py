"""Processors are counted as far as this process may use them."""

from __future__ import annotations

import os

import numpy as np
import pytest

from hardware import emulator, lava_target
from hardware.border.model import SpikeInput
from hardware.fixed_point import FixedPointLayer, FixedPointModel
from hardware.processors import usable_processors


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_a_process_bound_to_one_processor_uses_one():
    mask = os.sched_getaffinity(0)
    assert usable_processors() == len(mask)
    try:
        os.sched_setaffinity(0, {min(mask)})
        assert usable_processors() == 1
        assert lava_target._default_workers(10_000) == 1
    finally:
        os.sched_setaffinity(0, mask)


def test_without_affinity_all_processors_count_and_an_unknown_number_is_one(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for counted, usable in ((6, 6), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda counted=counted: counted)
        assert usable_processors() == usable
    layer = FixedPointLayer(w=np.array([[4]]), w_bias=np.zeros((1, 0), int), vth=1)
    fixed = FixedPointModel(layers=(layer,), steps=2)
    spikes = SpikeInput(spikes=np.ones((2, 1, 1)))
    assert emulator.run(fixed, spikes).counts.tolist() == [[2]]
