"""Seconds are measured on any device, joules where there is a meter."""

from __future__ import annotations

import torch

from benchmarks.measurements import device_energy
from benchmarks.measurements.meters import EnergyMeter


def test_a_device_is_measured_at_every_batch_in_seconds_even_without_a_meter(monkeypatch):
    monkeypatch.setattr(device_energy, "SIZES", (30, 12, 5))
    monkeypatch.setattr(device_energy, "BATCHES", (1, 8))
    monkeypatch.setattr(device_energy, "PORTION", 8)
    monkeypatch.setattr(device_energy, "energy_meters", dict)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    results = list(device_energy.device_energy(seconds=0.01, idle_seconds=0, windows=1))
    assert {(r["method"], r["mode"], r["batch"]) for r in results} == {
        (method, mode, batch)
        for method in ("BioGrad", "BPTT", "ANN")
        for mode in ("training", "inference")
        for batch in (1, 8)
    }
    for r in results:
        assert r["meter"] == "no meter" and r["seconds_per_sample"] > 0
        for window in r["windows"]:
            assert window["joules"] is None and window["j_per_sample"] is None


def test_a_meters_joules_are_kept_with_its_name_and_driver():
    class Meter(EnergyMeter):
        name, driver, spent = "a meter", "9.9", 0.0

        def joules(self) -> float:
            self.spent += 3.0
            return self.spent

    result = device_energy.measured(lambda: 4, Meter(), seconds=0.0001, idle_seconds=0, windows=2)
    assert result["meter"] == "a meter" and result["driver"] == "9.9"
    assert len(result["windows"]) == 2
    for window in result["windows"]:
        assert window["joules"] == 3.0 and window["how"] == "measured"
