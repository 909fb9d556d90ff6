"""The race on a GPU, run on a processor in its place: complete and fair in its counting."""

from __future__ import annotations

import pytest
import torch

from benchmarks import runner
from benchmarks.gpu_tasks import on_gpu
from benchmarks.measurements.gpu import race as gpu_race
from benchmarks.report import speed
from benchmarks.suites import SUITES, Suite
from biograd.commands import cli
from biograd.kernels import gpu, scans
from biograd.learning.learner import LocalLearner


@pytest.fixture
def small(monkeypatch):
    """A short race, with the processor's loops in place of the kernels."""
    for name, value in {
        "SIZES": (30, 12, 12, 5),
        "STEPS": 4,
        "BATCHES": (6, 8),
        "PORTION": 2,
        "COPIED": 1000,
    }.items():
        monkeypatch.setattr(gpu_race, name, value)
    monkeypatch.setattr(gpu, "soma", scans.soma)
    monkeypatch.setattr(
        gpu,
        "filtered_error",
        lambda teach, psi, alpha_a, alpha_x, alpha_z: scans.trace(teach * psi, alpha_x, alpha_z),
    )


def test_a_race_yields_every_figure(small):
    result = gpu_race.training_race(6, device="cpu", rounds=2, seconds=0.001)
    assert result["batch"] == 6
    speeds = result["samples_per_second"]
    for rule in ("full", "factorised"):
        assert result[f"ratio_{rule}_vs_snntorch"] > 0
        assert result[f"ratio_{rule}_vs_torch_bptt"] > 0
        assert result[f"floor_share_{rule}"] > 0 and result["bandwidth_share"][rule] > 0
        per_second = result["bytes_per_sample"][rule] * speeds[f"BioGrad, {rule}"]
        assert result["bytes_per_second"][rule] == per_second
    assert len(speeds) == 5 + 4 and set(result["quartiles"]) == set(speeds)
    assert set(result["scan_bandwidth_share"]) == {"soma", "owed"}
    assert result["nominal_bytes_per_second"] is None
    assert result["device"] == "cpu" and result["precision"]["matmul"] == "highest"
    assert "cpu, batch 6, samples/s: BioGrad, full" in speed.gpu_race(result)


def test_all_racers_hold_the_same_net_and_take_steps_of_the_same_batch(small, monkeypatch):
    racers = []
    monkeypatch.setattr(gpu_race, "_step", lambda *racer: racers.append(racer))
    assert len(gpu_race.steps_to_time(6, "cpu")) == 5
    assert sum(isinstance(learner, LocalLearner) for learner, _, _ in racers) == 2
    first, spikes, labels = racers[0]
    assert spikes.shape == (4, 6, 30)
    for learner, its_spikes, its_labels in racers[1:]:
        assert its_spikes is spikes and its_labels is labels
        for a, b in zip(learner.net.layers, first.net.layers, strict=True):
            assert torch.equal(a.w, b.w)


def test_ratios_are_medians_against_snntorchs_faster_setting_of_each_round():
    ratios = gpu_race.ratios(
        {
            "BioGrad, full": [40.0, 60.0, 80.0],
            "BioGrad, factorised": [100.0, 100.0, 100.0],
            "snnTorch BPTT, stepped": [10.0, 5.0, 20.0],
            "snnTorch BPTT, layered": [5.0, 10.0, 10.0],
            "BPTT, torch": [20.0, 20.0, 20.0],
        }
    )
    assert ratios["ratio_full_vs_snntorch"] == 4.0
    assert ratios["ratio_factorised_vs_torch_bptt"] == 5.0


def test_traffic_equals_a_count_by_hand(monkeypatch):
    monkeypatch.setattr(gpu_race, "SIZES", (3, 2))
    monkeypatch.setattr(gpu_race, "STEPS", 10)
    # A step of the output layer: 3 inputs and 2 currents at the product, current, s and psi at the
    # scan, s again for the mean, 2 errors.
    forward = 4 * 3 + 4 * 2 + 9 * 2 + 4 * 2 + 4 * 2
    assert gpu_race.traffic("full") == 10 * (forward + 4 * 2 + 4 * 2 + 4 * 3)
    assert gpu_race.traffic("factorised") == 10 * (forward + 4 * 3)


def test_a_turn_ends_when_the_device_has_finished(monkeypatch):
    calls = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: calls.append("wait"))
    gpu_race._portion(lambda: calls.append("step"), "cuda")()
    assert calls == ["step"] * gpu_race.PORTION + ["wait"]


def test_nominal_bandwidth_is_two_transfers_per_clock(monkeypatch):
    class Properties:
        memory_clock_rate, memory_bus_width = 3_201_000, 6144  # an H200's

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: Properties())
    assert gpu_race.nominal_bandwidth("cuda") == pytest.approx(4.917e12, rel=1e-3)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: object())
    assert gpu_race.nominal_bandwidth("cuda") is None


def test_without_a_gpu_its_suite_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    assert {task.name for task in on_gpu()} == {
        *("gpu kernels", "gpu times", "gpu race", "single layer", "gpu memory", "device energy"),
        "time to accuracy, gpu",
    }
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    out = tmp_path / "r.jsonl"
    assert cli.main(["benchmark", "--suite", "gpu", "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "this machine can do nothing of suite gpu: torch sees no CUDA device" in line
    assert "suite gpu-kernels checks the kernels without one" in line and not out.exists()


def test_with_a_gpu_its_tasks_run(tmp_path, small, monkeypatch):
    monkeypatch.setattr(gpu_race, "missing", lambda: "")
    monkeypatch.setattr(gpu_race, "training_race", lambda batch: {"batch": batch})
    races = [task for task in on_gpu() if task.name == "gpu race"]
    monkeypatch.setitem(SUITES, "gpu alone", Suite(what="", parts=[lambda: races]))
    records = list(runner.run("gpu alone", out=tmp_path / "r.jsonl"))
    assert [record["results"]["batch"] for record in records] == [6, 8]
    assert all(record["last"] for record in records) and "gpu" in records[0]["machine"]
    assert runner.left_out("gpu alone") == {}
