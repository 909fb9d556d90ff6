"""Meters against counters of known values, and operations counted by hand."""

from __future__ import annotations

import importlib

import pytest
import torch

from benchmarks.measurements.meters import (
    EnergyMeter,
    NvmlMeter,
    RaplMeter,
    energy_meters,
    energy_of,
    neurobench_metrics,
    peak_bytes,
)
from biograd.feedback import RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.network import Network


class FakeTime:
    """A clock that moves only when it sleeps."""

    now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeMeter(EnergyMeter):
    """40 W while idle, 140 W while working; ticks every 0.1 s, as NVML's does."""

    name = "fake"

    def __init__(self, clock: FakeTime) -> None:
        self.clock, self.extra = clock, 0.0

    def joules(self) -> float:
        return 40 * round(self.clock.now, 1) + self.extra


def measured(seconds: float, portion: float, watts: float = 100.0):
    clock = FakeTime()
    meter = FakeMeter(clock)

    def work() -> int:
        clock.sleep(portion)
        meter.extra += watts * portion
        return 32

    return energy_of(
        work,
        meter,
        seconds=seconds,
        idle_seconds=5,
        windows=3,
        clock=lambda: clock.now,
        sleep=clock.sleep,
    )


def test_energy_is_split_into_idle_and_added_by_the_work():
    readings = measured(seconds=10, portion=0.5)
    assert len(readings) == 3
    for reading in readings:
        assert reading.samples == 20 * 32
        assert reading.joules == pytest.approx(140 * 10)
        assert reading.idle_watts == pytest.approx(40)
        assert reading.joules_above_idle == pytest.approx(100 * 10)
        record = reading.record()
        assert record["how"] == "measured"
        assert record["j_per_sample"] == pytest.approx(1400 / 640)
        assert record["j_per_sample_above_idle"] == pytest.approx(1000 / 640)


def test_a_window_holds_at_least_one_portion_on_a_busy_machine():
    clock = FakeTime()

    def late() -> float:
        clock.sleep(60)
        return clock.now

    (reading,) = energy_of(
        lambda: 4,
        FakeMeter(clock),
        seconds=1.0,
        idle_seconds=0,
        windows=1,
        clock=late,
        sleep=clock.sleep,
    )
    assert reading.samples == 4 and reading.record()["j_per_sample"] > 0


def test_a_counter_that_does_not_move_gives_no_joules():
    class Stuck(FakeMeter):
        def joules(self) -> float:
            return 7.0

    clock = FakeTime()
    (reading,) = energy_of(
        lambda: clock.sleep(0.01) or 1,
        Stuck(clock),
        seconds=0.05,
        idle_seconds=0,
        windows=1,
        clock=lambda: clock.now,
        sleep=clock.sleep,
    )
    assert not reading.moved
    assert reading.record()["j_per_sample"] is None
    assert reading.record()["j_per_sample_above_idle"] is None


def rapl(folder, name: str, energy: int, full: int = 1_000_000):
    (folder / name).mkdir()
    (folder / name / "energy_uj").write_text(f"{energy}\n")
    (folder / name / "max_energy_range_uj").write_text(f"{full}\n")
    return folder / name


def test_rapl_adds_packages_and_survives_the_wrap_around(tmp_path):
    zones = [rapl(tmp_path, "intel-rapl:0", 900_000), rapl(tmp_path, "intel-rapl:1", 100_000)]
    meter = RaplMeter(zones)
    start = meter.joules()
    (zones[0] / "energy_uj").write_text("100000")  # wrapped: 0.2 J
    (zones[1] / "energy_uj").write_text("400000")
    assert meter.joules() - start == pytest.approx(0.5)


def test_a_package_is_found_and_its_parts_are_not_counted_twice(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.import_module", importlib.import_module)
    rapl(tmp_path, "intel-rapl:0", 1)
    rapl(tmp_path, "intel-rapl:0:0", 1)
    assert energy_meters(tmp_path)["cpu"].name == "RAPL, 1 processor package"


def test_without_a_readable_zone_there_is_no_meter(tmp_path):
    assert "cpu" not in energy_meters(tmp_path)
    (tmp_path / "intel-rapl:0").mkdir()  # a zone that cannot be read
    assert "cpu" not in energy_meters(tmp_path)


def test_nvml_counts_millijoules():
    class Nvml:
        spent = 1500

        def nvmlDeviceGetHandleByIndex(self, index):
            return index

        def nvmlDeviceGetName(self, handle):
            return b"Some GPU"

        def nvmlSystemGetDriverVersion(self):
            return "1.2"

        def nvmlDeviceGetTotalEnergyConsumption(self, handle):
            return self.spent

    nvml = Nvml()
    meter = NvmlMeter(nvml)
    nvml.spent = 4000
    assert meter.joules() == 4.0
    assert meter.name == "NVML total energy counter, Some GPU" and meter.driver == "1.2"


def test_peak_bytes_are_exact_and_forget_what_was_freed():
    def work() -> None:
        for _ in range(3):
            a = torch.empty(1000, dtype=torch.float32)  # 4,000 bytes, freed before the next
            b = torch.empty(500, dtype=torch.float32)  # 2,000 at the same time
            del a, b

    assert peak_bytes(work) == 6000


def test_memory_of_the_online_order_does_not_grow_with_time():
    net = Network((30, 40, 5))
    learner = LocalLearner(net, RandomDFA(net), order="online")
    labels = torch.zeros(8, dtype=torch.int64)
    spikes = {steps: torch.bernoulli(torch.full((steps, 8, 30), 0.3)) for steps in (10, 100)}
    learner.step(spikes[10], labels)
    short, long = (
        peak_bytes(lambda steps=steps: learner.step(spikes[steps], labels)) for steps in (10, 100)
    )
    assert long <= 1.05 * short


def hand_made() -> tuple[Network, torch.Tensor]:
    """3 inputs, 2 hidden, 2 outputs; one hidden neuron that fires at every input spike, one that
    never does.
    """
    net = Network((3, 2, 2))
    net.layers[0].w.copy_(torch.tensor([[9.0, 9.0, 0.0], [-9.0, -9.0, -9.0]]))
    net.layers[1].w.copy_(torch.tensor([[9.0, 0.0], [0.0, 9.0]]))
    spikes = torch.tensor([[[1.0, 0.0, 1.0]], [[0.0, 0.0, 0.0]]])  # two steps, one sample
    return net, spikes


def test_neurobench_metrics_equal_a_count_by_hand():
    net, spikes = hand_made()
    metrics = neurobench_metrics(net, spikes)
    fired = [int(layer.s.sum()) for layer in net.roll(spikes)]
    # u = 9 then 4.5: the first hidden neuron fires twice, and so does the first output
    assert fired == [2, 2]
    assert metrics.footprint == 4 * (6 + 2 + 4 + 2)
    assert metrics.connection_sparsity == pytest.approx(3 / 10)
    assert metrics.dense == 2 * (3 * 2) + 2 * (2 * 2)
    # Input 0 has two weights that are not 0, input 2 one; each hidden spike has one.
    assert metrics.effective_acs == 2 + 1 + 2 * 1
    assert metrics.effective_macs == 0
    assert metrics.activation_sparsity == pytest.approx(1 - 4 / 8)


def test_real_inputs_cost_multiplications():
    net, spikes = hand_made()
    metrics = neurobench_metrics(net, spikes * 0.9)
    assert metrics.effective_macs == 3 and metrics.effective_acs == 2


def test_operations_equal_neurobenchs_own_code():
    macs = pytest.importorskip(
        "neurobench.metrics.utils.layers",
        reason="neurobench is not installed (its dependencies replace torch)",
    )
    net, _ = hand_made()
    for steps, batch in ((3, 4), (1, 2)):
        spikes = torch.bernoulli(torch.full((steps, batch, 3), 0.6))
        metrics = neurobench_metrics(net, spikes)
        dense = effective = 0.0
        for layer, pre in zip(net.layers, [spikes, net.roll(spikes)[0].s], strict=True):
            linear = torch.nn.Linear(layer.w.shape[1], layer.w.shape[0])
            linear.weight.data, linear.bias.data = layer.w.clone(), layer.b.clone()
            for s in pre:
                operations, spiking = macs.single_layer_MACs(s, linear)
                assert spiking
                effective += float(operations)
                dense += float(macs.single_layer_MACs(s, linear, total=True)[0])
        assert metrics.effective_acs == pytest.approx(
            effective / batch
        ) and metrics.dense == pytest.approx(dense / batch)
