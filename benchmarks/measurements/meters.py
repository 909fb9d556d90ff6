"""Meters of joules, bytes and operations. Without a meter, a figure is None and never a guess.

Joules come from hardware counters alone: NVML's total-energy counter (NVIDIA, Volta and later) and
RAPL's package counters (Linux). Such a counter ticks every 20-100 ms, so a window must be many
seconds long (`energy_of`), and one that does not move is not believed.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from biograd.network import Layer, Network


class EnergyMeter(ABC):
    """A counter of joules. A new one is a class with these two, found by `energy_meters`."""

    name: str  # of the device and of the counter

    @abstractmethod
    def joules(self) -> float:
        """Return the counter's state; only differences have a meaning."""


class NvmlMeter(EnergyMeter):
    """The whole board of an NVIDIA GPU, by NVML's total-energy counter.

    It counts millijoules since the driver was loaded.
    """

    # any: the module pynvml, which has no types
    def __init__(self, nvml: Any, index: int = 0) -> None:
        self._nvml, self._handle = nvml, nvml.nvmlDeviceGetHandleByIndex(index)
        self.name = f"NVML total energy counter, {_text(nvml.nvmlDeviceGetName(self._handle))}"
        self.driver = _text(nvml.nvmlSystemGetDriverVersion())
        self.joules()  # raises on a GPU without the counter

    def joules(self) -> float:
        return self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1000


class RaplMeter(EnergyMeter):
    """All processor packages, by Linux's RAPL counters (microjoules, which wrap around)."""

    def __init__(self, zones: list[Path]) -> None:
        self._zones = zones
        self._range = [int((zone / "max_energy_range_uj").read_text()) for zone in zones]
        self._last = self._read()
        self._sum = 0.0
        self.name = f"RAPL, {len(zones)} processor package{'s' if len(zones) > 1 else ''}"

    def joules(self) -> float:
        counters = self._read()
        zones = zip(self._last, counters, self._range, strict=True)
        self._sum += sum((b - a) % full for a, b, full in zones) * 1e-6
        self._last = counters
        return self._sum

    def _read(self) -> list[int]:
        return [int((zone / "energy_uj").read_text()) for zone in self._zones]


def energy_meters(sysfs: Path = Path("/sys/class/powercap")) -> dict[str, EnergyMeter]:
    """Return the meters of this machine that can be read: {"gpu": ..., "cpu": ...}, or fewer."""
    meters: dict[str, EnergyMeter] = {}
    # Without package, driver, GPU or counter, nvml raises its own kinds of errors: no meter.
    with suppress(Exception):
        import pynvml  # optional: the extra `gpu`

        pynvml.nvmlInit()
        meters["gpu"] = NvmlMeter(pynvml)
    # Zones are named intel-rapl:0 (packages; AMD's too) and intel-rapl:0:1 (their parts, which
    # would count twice).
    zones = sorted(zone for zone in sysfs.glob("intel-rapl:*") if zone.name.count(":") == 1)
    with suppress(OSError, ValueError):  # readable by root alone on most systems
        if zones:
            meters["cpu"] = RaplMeter(zones)
    return meters


@dataclass(frozen=True, kw_only=True)
class EnergyReading:
    """One window of repeated work."""

    meter: str
    samples: int
    seconds: float
    joules: float  # of the window, idle included
    idle_watts: float | None  # measured just before it; None: not measured

    @property
    def moved(self) -> bool:
        """True where the counter moved; else the window was too short or the counter is broken."""
        return self.joules > 0

    @property
    def joules_above_idle(self) -> float | None:
        """Joules of the window without those of idling as long."""
        return None if self.idle_watts is None else self.joules - self.idle_watts * self.seconds

    def record(self) -> dict[str, Any]:  # any: JSON
        """Return the reading; joules per sample are None if the counter did not move."""
        above = self.joules_above_idle
        return asdict(self) | {
            "how": "measured",
            "moved": self.moved,
            "j_per_sample": self.joules / self.samples if self.moved else None,
            "j_per_sample_above_idle": (
                above / self.samples if self.moved and above is not None else None
            ),
        }


def energy_of(
    work: Callable[[], int],
    meter: EnergyMeter,
    *,
    seconds: float = 10.0,
    idle_seconds: float = 5.0,
    windows: int = 3,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> list[EnergyReading]:
    """Repeat `work` over windows of at least `seconds` each.

    After a warm-up, and each after an idle window.

    Args:
        work: does a portion of work, waits for the device, and returns the number of samples.
        clock: replaced in tests, as `sleep`.
    """
    work()  # warm-up: compilation, caches, clocks
    readings = []
    for _ in range(windows):
        idle_watts = None
        if idle_seconds > 0:
            start, joules = clock(), meter.joules()
            sleep(idle_seconds)
            idle_watts = (meter.joules() - joules) / (clock() - start)
        samples, start, joules = 0, clock(), meter.joules()
        elapsed = 0.0
        # at least one portion: on a busy machine it may take longer than the window
        while not samples or elapsed < seconds:
            samples += work()
            elapsed = clock() - start
        readings.append(
            EnergyReading(
                meter=meter.name,
                samples=samples,
                seconds=elapsed,
                joules=meter.joules() - joules,
                idle_watts=idle_watts,
            )
        )
    return readings


def peak_bytes(work: Callable[[], object], *, device: str = "cpu") -> int:
    """Return the most bytes of tensors alive at once among those that `work` allocates.

    Tensors made before do not count. On a CPU from torch's profiler, allocation by allocation, so
    it is exact and repeats to the byte; on a GPU from torch's allocator.
    """
    if device != "cpu":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        work()
        return torch.cuda.max_memory_allocated() - before
    # otherwise the profiler logs each start
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profile:
        work()
    changes = [
        event.nbytes()
        for event in profile.profiler.kineto_results.events()
        if event.name() == "[memory]"
    ]
    alive = peak = 0
    for change in changes:
        alive += change
        peak = max(peak, alive)
    return peak


@dataclass(frozen=True, kw_only=True)
class NeuroBenchMetrics:
    """NeuroBench's metrics of a network.

    Biases count as parameters and never as synaptic operations.
    Source of the definitions: Yik et al. 2025 (NeuroBench, Nature Communications 16:1545), and its
    code, neurobench 2.3.0, `metrics/static` and `metrics/workload`.
    """

    footprint: int  # bytes of all weights and biases
    connection_sparsity: float  # weights that are 0 / weights
    # neuron outputs that are 0 / neuron outputs, over all layers, steps and samples
    activation_sparsity: float
    dense: float  # synaptic operations per sample if nothing were 0
    # operations per sample with neither weight nor input 0, of layers whose inputs are no spikes
    effective_macs: float
    effective_acs: float  # the same of layers whose inputs are spikes: additions alone

    def record(self) -> dict[str, Any]:  # any: JSON
        """Return the metrics by name."""
        return asdict(self)


def neurobench_metrics(net: Network, x: Float[Tensor, "T B M"]) -> NeuroBenchMetrics:
    """Measure a network on one batch of inputs.

    Args:
        x: spikes, or real numbers, which need multiplications.
    """
    weights = [cast(Layer, layer).w.detach() for layer in net.layers]
    activity = net.roll(x)
    inputs = [x, *(layer.s for layer in activity[:-1])]
    macs = acs = dense = 0.0
    for w, pre in zip(weights, inputs, strict=True):
        # Every nonzero input is multiplied by the nonzero weights of its column.
        effective = float((pre.ne(0).sum((0, 1)).double() * w.ne(0).sum(0)).sum())
        dense += pre.numel() * w.shape[0]
        if bool((pre.eq(0) | pre.abs().eq(1)).all()):
            acs += effective
        else:
            macs += effective
    outputs = sum(layer.s.numel() for layer in activity)
    samples = x.shape[1]
    return NeuroBenchMetrics(
        footprint=sum(p.numel() * p.element_size() for p in net.parameters()),
        connection_sparsity=sum(int(w.eq(0).sum()) for w in weights)
        / sum(w.numel() for w in weights),
        activation_sparsity=1 - sum(int(layer.s.count_nonzero()) for layer in activity) / outputs,
        dense=dense / samples,
        effective_macs=macs / samples,
        effective_acs=acs / samples,
    )


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
