"""The energy model beside SANA-FE's, where a Python has it."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from benchmarks.measurements.integers import energy_check
from hardware import emulator


def test_the_network_that_both_run_fires_in_every_layer():
    fixed, spikes = energy_check.network(0)
    sent = emulator.run(fixed, spikes).operations.spikes
    assert (sent > 10).all()


def test_counts_agree_and_joules_lie_close_where_there_is_sanafe():
    if energy_check.missing():
        pytest.skip(energy_check.missing())
    results = energy_check.against_sanafe(0)
    assert results["spikes"] == results["spikes_sanafe"]
    assert results["synaptic_operations"] == results["synaptic_operations_sanafe"]
    assert results["ratios"]["synapse"] == pytest.approx(1)
    assert 0.8 < results["ratios"]["total"] < 1.25


def test_a_python_without_sanafe_is_named_and_its_failure_is_one_line(monkeypatch):
    monkeypatch.delenv(energy_check.PYTHON, raising=False)
    monkeypatch.setattr(energy_check, "find_spec", lambda name: None)
    assert "no Python with sanafe" in energy_check.missing()

    def failing(*_, **__):
        return subprocess.CompletedProcess([], 1, "", "Traceback\nModuleNotFoundError: sanafe\n")

    monkeypatch.setattr(energy_check.subprocess, "run", failing)
    with pytest.raises(ValueError, match="SANA-FE failed: ModuleNotFoundError: sanafe"):
        energy_check.against_sanafe(0)
    assert np.array_equal(energy_check.network(1)[0].sizes, energy_check.SIZES)
