"""The race on a GPU, run on a processor that is taken for one: complete and fair in its counting.
How fast anything is, is no matter.
"""

from __future__ import annotations

import pytest
import torch

from benchmarks import suite
from benchmarks.measurements import gpu_race
from benchmarks.report import speed
from benchmarks.report.evidence import newest
from benchmarks.tasks import SUITES
from biograd.kernels import gpu, scans
from biograd.learning.learner import LocalLearner


@pytest.fixture
def small(monkeypatch):
    """A race of a moment, with the processor's loops in place of the kernels."""
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


def test_a_race_yields_every_figure_for_every_batch(small):
    for batch in gpu_race.BATCHES:
        result = gpu_race.training_race(batch, device="cpu", rounds=2, seconds=0.001)
        assert result["batch"] == batch
        for rule in ("full", "factorised"):
            assert (
                result[f"ratio_{rule}_vs_snntorch"] > 0
                and result[f"ratio_{rule}_vs_torch_bptt"] > 0
            )
            assert result[f"floor_share_{rule}"] > 0 and result["bandwidth_share"][rule] > 0
            per_second = (
                result["bytes_per_sample"][rule] * result["samples_per_second"][f"BioGrad, {rule}"]
            )
            assert result["bytes_per_second"][rule] == per_second
        assert len(result["samples_per_second"]) == 5 + 4 and set(result["quartiles"]) == set(
            result["samples_per_second"]
        )
        assert (
            set(result["scan_bandwidth_share"]) == {"soma", "owed"}
            and result["nominal_bytes_per_second"] is None
        )
        assert result["device"] == "cpu" and result["precision"]["matmul"] == "highest"


def test_all_racers_hold_the_same_net_and_take_steps_of_the_same_batch(small, monkeypatch):
    seen = []
    monkeypatch.setattr(
        gpu_race, "_step", lambda learner, spikes, labels: seen.append((learner, spikes, labels))
    )
    assert (
        len(gpu_race.steps_to_time(6, "cpu")) == 5
        and sum(isinstance(learner, LocalLearner) for learner, _, _ in seen) == 2
    )
    first, spikes, labels = seen[0]
    assert spikes.shape == (4, 6, 30)
    for learner, given, taught in seen[1:]:
        assert given is spikes and taught is labels
        assert all(
            torch.equal(a.w, b.w) for a, b in zip(learner.net.layers, first.net.layers, strict=True)
        )


def test_ratios_are_medians_against_snntorchs_faster_way_of_each_round():
    found = {
        "BioGrad, full": [40.0, 60.0, 80.0],
        "BioGrad, factorised": [100.0, 100.0, 100.0],
        "snnTorch BPTT, stepped": [10.0, 5.0, 20.0],
        "snnTorch BPTT, layered": [5.0, 10.0, 10.0],
        "BPTT, torch": [20.0, 20.0, 20.0],
    }
    ratios = gpu_race.ratios(found)
    assert (
        ratios["ratio_full_vs_snntorch"] == 4.0 and ratios["ratio_factorised_vs_torch_bptt"] == 5.0
    )


def test_traffic_is_that_counted_by_hand(monkeypatch):
    monkeypatch.setattr(gpu_race, "SIZES", (3, 2))
    monkeypatch.setattr(gpu_race, "STEPS", 10)
    # A step of the output layer: 3 inputs and 2 currents at the product, current, s and psi at the
    # scan, s again for the mean, 2 errors.
    forward = 4 * 3 + 4 * 2 + 9 * 2 + 4 * 2 + 4 * 2
    assert gpu_race.traffic("full") == 10 * (forward + 4 * 2 + 4 * 2 + 4 * 3)
    assert gpu_race.traffic("factorised") == 10 * (forward + 4 * 3)


def test_a_turn_ends_when_the_device_is_done(monkeypatch):
    done = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: done.append("wait"))
    gpu_race._portion(lambda: done.append("step"), "cuda")()
    assert done == ["step"] * gpu_race.PORTION + ["wait"]


def test_nominal_bandwidth_is_two_transfers_a_clock(monkeypatch):
    class Properties:
        memory_clock_rate, memory_bus_width = 3_201_000, 6144  # an H200's

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: Properties())
    assert gpu_race.nominal_bandwidth("cuda") == pytest.approx(4.917e12, rel=1e-3)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: object())
    assert gpu_race.nominal_bandwidth("cuda") is None


def test_where_there_is_no_gpu_its_tasks_yield_nothing_and_say_so(tmp_path, monkeypatch):
    tasks = [task for task in SUITES["speed"]() if "gpu" in task.name]
    assert {task.name for task in tasks} == {"gpu race", "time to accuracy, gpu"}
    monkeypatch.setitem(SUITES, "gpu alone", lambda: tasks)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert list(suite.run("gpu alone", out=tmp_path / "r.jsonl")) == []
    assert set(suite.left_out("gpu alone").values()) == {"torch sees no CUDA device"}
    assert not (tmp_path / "r.jsonl").exists()


def test_where_there_is_one_they_run(tmp_path, small, monkeypatch):
    monkeypatch.setattr(gpu_race, "missing", lambda: "")
    race = gpu_race.training_race
    monkeypatch.setattr(
        gpu_race, "training_race", lambda batch: race(batch, device="cpu", rounds=2, seconds=0.001)
    )
    monkeypatch.setitem(
        SUITES, "gpu alone", lambda: [task for task in SUITES["speed"]() if task.name == "gpu race"]
    )
    found = list(suite.run("gpu alone", out=tmp_path / "r.jsonl"))
    assert [record["results"]["batch"] for record in found] == [6, 8] and all(
        record["last"] for record in found
    )
    assert suite.left_out("gpu alone") == {} and "gpu" in found[0]["machine"]
    notes = [speed.gpu_race(record["results"]) for record in newest(found)]
    for batch, note in zip((6, 8), notes, strict=True):
        assert f"cpu, batch {batch}, samples/s: BioGrad, full" in note
