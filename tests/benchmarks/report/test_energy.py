"""Joules: measured where there is a meter, modelled for Loihi, guessed nowhere."""

from __future__ import annotations

from benchmarks.report.energy import energy
from benchmarks.report.evidence import Evidence


def test_a_machine_without_a_meter_has_seconds_and_no_joules(measured, undrawn, text_of):
    window = {"j_per_sample": None, "j_per_sample_above_idle": None, "moved": False}
    cpu = {
        "device": "cpu",
        "method": "ANN",
        "mode": "training",
        "batch": 1,
        "meter": "no meter",
        "windows": [window],
        "seconds_per_sample": 1e-3,
    }
    text = text_of(energy(Evidence([measured("device energy", cpu)]), {}))
    assert "no meter" in text and "joules are not guessed" in text


def test_a_gpu_is_listed_with_meter_driver_and_every_batch(every_record, undrawn, text_of):
    text = text_of(energy(Evidence(every_record), {}))
    assert "NVML, Some GPU, driver 1.2; Some CPU, 1 of 2 threads, 2026-01-02" in text
    assert "training BioGrad 1 20 mJ 10 mJ 1 ms training BioGrad 256 100 µJ – 10 µs" in text


def test_our_rate_is_compared_with_the_rate_below_which_sparse_nets_win(
    every_record, undrawn, text_of
):
    text = text_of(energy(Evidence(every_record), {}))
    assert "30.0 % of neurons fire per step (input 12.0 %)" in text and "we are above it" in text
