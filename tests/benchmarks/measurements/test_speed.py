"""The race is fair in its counting, and complete; how fast anything is, is no matter for a test."""

from __future__ import annotations

import pytest
import torch

from benchmarks import machine
from benchmarks.measurements import device_energy, speed
from benchmarks.measurements.meters import EnergyMeter
from biograd.data.datasets import ImageSet
from biograd.learning.learner import LocalLearner


def test_every_method_trains_in_every_round_and_the_order_rotates(monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(speed.time, "perf_counter", lambda: float(next(clock)))
    order: list[str] = []
    work = {name: lambda name=name: order.append(name) for name in "abc"}
    found = speed.interleaved(work, rounds=3, samples=10, seconds=1.5)
    assert order[6:] == list("abc") + list("bca") + list("cab")  # after two warm-ups each
    # The clock ticks once a reading: one call in 2 s.
    assert found == {name: [5.0, 5.0, 5.0] for name in "abc"}


def test_ratios_are_medians_against_snntorchs_faster_way_of_each_round():
    found = {
        "BioGrad, full": [40.0, 60.0, 80.0],
        "BioGrad, factorised": [100.0, 100.0, 100.0],
        "snnTorch BPTT, stepped": [10.0, 5.0, 20.0],
        "snnTorch BPTT, layered": [5.0, 10.0, 10.0],
        "BPTT, torch": [20.0, 20.0, 20.0],
        "BPTT, our fused scans": [25.0, 25.0, 25.0],
    }
    ratios = speed.ratios(found)
    assert ratios["ratio_full_vs_snntorch"] == 4.0  # 4, 6, 4
    assert ratios["ratio_factorised_vs_snntorch"] == 10.0  # 10, 10, 5
    assert (
        ratios["ratio_full_vs_torch_bptt"] == 3.0
        and ratios["ratio_factorised_vs_fused_bptt"] == 4.0
    )


def test_all_racers_hold_the_same_net_with_the_same_start(monkeypatch):
    monkeypatch.setattr(speed, "SIZES", (30, 12, 12, 5))
    learners = speed._learners(threads=1)
    assert (
        len(learners) == 6
        and sum(isinstance(learner, LocalLearner) for learner in learners.values()) == 2
    )
    first = next(iter(learners.values())).net
    for learner in learners.values():
        assert all(
            torch.equal(a.w, b.w) for a, b in zip(learner.net.layers, first.layers, strict=True)
        )


@pytest.mark.parametrize("inputs", speed.INPUTS)
def test_a_short_race_yields_every_ratio(inputs, monkeypatch):
    few = ImageSet(
        "mnist",
        "train",
        torch.arange(20 * 30).remainder(256).view(20, 5, 6).to(torch.uint8),
        torch.arange(20) % 5,
        5,
    )
    monkeypatch.setattr(speed, "load", lambda name, split: few)
    monkeypatch.setattr(speed, "SIZES", (30, 12, 12, 5))
    monkeypatch.setattr(speed, "STEPS", 4)
    found = speed.training_speed(1, inputs=inputs, rounds=2, seconds=0.001)
    assert found["ratio_full_vs_snntorch"] > 0 and found["ratio_factorised_vs_snntorch"] > 0
    assert found["floor_share_full"] > 0 and set(found["quartiles"]) == set(
        found["samples_per_second"]
    )
    assert (
        speed.inference_speed(1, inputs=inputs, rounds=2, seconds=0.001)[
            "ratio_inference_vs_snntorch"
        ]
        > 0
    )


def test_memory_of_bptt_grows_with_time_and_online_does_not(monkeypatch):
    monkeypatch.setattr(speed, "SIZES", (30, 12, 12, 5))
    found = speed.memory((5, 20), batch=4)
    assert found["online_growth"] <= 1.05
    assert found["peak_bytes"]["BPTT, torch"][1] > 2.5 * found["peak_bytes"]["BPTT, torch"][0]
    assert found["peak_bytes"]["snnTorch BPTT"][1] > 2.5 * found["peak_bytes"]["snnTorch BPTT"][0]


def test_a_device_is_measured_at_every_batch_in_seconds_even_without_a_meter(monkeypatch):
    monkeypatch.setattr(device_energy, "SIZES", (30, 12, 5))
    monkeypatch.setattr(device_energy, "BATCHES", (1, 8))
    monkeypatch.setattr(device_energy, "PORTION", 8)
    monkeypatch.setattr(device_energy, "energy_meters", dict)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = list(device_energy.device_energy(seconds=0.01, idle_seconds=0, windows=1))
    assert {(r["method"], r["mode"], r["batch"]) for r in found} == {
        (method, mode, batch)
        for method in ("BioGrad", "BPTT", "ANN")
        for mode in ("training", "inference")
        for batch in (1, 8)
    }
    for r in found:
        assert r["meter"] == "no meter" and r["seconds_per_sample"] > 0
        assert all(
            window["joules"] is None and window["j_per_sample"] is None for window in r["windows"]
        )


def test_a_meters_joules_are_kept_with_its_name_and_driver():
    class Meter(EnergyMeter):
        name, driver, spent = "a meter", "9.9", 0.0

        def joules(self) -> float:
            self.spent += 3.0
            return self.spent

    found = device_energy.measured(lambda: 4, Meter(), seconds=0.0001, idle_seconds=0, windows=2)
    assert found["meter"] == "a meter" and found["driver"] == "9.9" and len(found["windows"]) == 2
    assert all(
        window["joules"] == 3.0 and window["how"] == "measured" for window in found["windows"]
    )


def test_provenance_names_the_machine_and_no_person_or_folder():
    found = machine.provenance()
    assert found["machine"]["threads"] == torch.get_num_threads() and found["machine"]["cpu"]
    assert (
        found["versions"]["torch"] == torch.__version__.split("+")[0] or found["versions"]["torch"]
    )
    assert "/" not in str(found["machine"].get("system"))


def test_machines_differ_by_processor_threads_or_gpu():
    a = {"cpu": "x", "threads": 2, "gpu": None, "load": 1.0}
    assert machine.same_machine(a, a | {"load": 9.0})
    assert not machine.same_machine(a, a | {"threads": 1}) and not machine.same_machine(
        a, a | {"gpu": "y"}
    )
