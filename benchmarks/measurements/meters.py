"""Meters: joules, bytes and operations. What has no meter is None, never a guess.

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

    name: str  # what is metered, by what

    @abstractmethod
    def joules(self) -> float:
        """The counter's state; only differences mean something."""


class NvmlMeter(EnergyMeter):
    """The whole board of an NVIDIA GPU, by NVML's total-energy counter (millijoules since the
    driver was loaded).
    """

    # any: the module pynvml, which has no types
    def __init__(self, nvml: Any, index: int = 0) -> None:
        self._nvml, self._handle = nvml, nvml.nvmlDeviceGetHandleByIndex(index)
        self.name = f"NVML total energy counter, {_text(nvml.nvmlDeviceGetName(self._handle))}"
        self.driver = _text(nvml.nvmlSystemGetDriverVersion())
        self.joules()  # a GPU without the counter says so here

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
        now = self._read()
        self._sum += (
            sum((b - a) % full for a, b, full in zip(self._last, now, self._range, strict=True))
            * 1e-6
        )
        self._last = now
        return self._sum

    def _read(self) -> list[int]:
        return [int((zone / "energy_uj").read_text()) for zone in self._zones]


def energy_meters(sysfs: Path = Path("/sys/class/powercap")) -> dict[str, EnergyMeter]:
    """The meters of this machine: {"gpu": ..., "cpu": ...}, each only where there is one that can
    be read.
    """
    meters: dict[str, EnergyMeter] = {}
    # no package, no driver, no GPU or no counter: nvml raises its own kinds for each; all mean "no
    # meter"
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
        """Whether the counter moved at all; a reading of 0 J means a window too short or a broken
        counter.
        """
        return self.joules > 0

    @property
    def joules_above_idle(self) -> float | None:
        """Joules of the window without what idling would have taken."""
        return None if self.idle_watts is None else self.joules - self.idle_watts * self.seconds

    def record(self) -> dict[str, Any]:
        """For JSON; joules per sample are None where the counter did not move."""
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
    """Repeat `work` over windows of at least `seconds` each, after a warm-up and an idle window
    before each.

    Args:
        work: does a portion of work, waits for the device, and returns how many samples it was.
        clock, sleep: replaced in tests.
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
        # at least one portion: a busy machine may hold us up for a whole window
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


def seconds_of(work: Callable[[], object], *, repeats: int = 1) -> float:
    """Wall-clock seconds of one call, mean over `repeats`; the device is waited for."""
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / repeats


def peak_bytes(work: Callable[[], object], *, device: str = "cpu") -> int:
    """Most bytes of tensors alive at once among those that `work` allocates (what it was given does
    not count).

    On a CPU from torch's profiler, allocation by allocation, so it is exact and repeats to the
    byte; on a GPU from torch's allocator.
    """
    if device != "cpu":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        work()
        return torch.cuda.max_memory_allocated() - before
    # the profiler tells of its every start otherwise
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
    alive = most = 0
    for change in changes:
        alive += change
        most = max(most, alive)
    return most


@dataclass(frozen=True, kw_only=True)
class NeuroBenchMetrics:
    """What NeuroBench reports of a network. Source of the definitions: Yik et al. 2025 (NeuroBench,
    Nature Communications 16:1545) and

    its code, neurobench 2.3.0, `metrics/static` and `metrics/workload`; biases count as parameters
    and never as synaptic operations.
    """

    footprint: int  # bytes of all weights and biases
    connection_sparsity: float  # weights that are 0 / weights
    # neuron outputs that are 0 / neuron outputs, over all layers, steps and samples
    activation_sparsity: float
    dense: float  # synaptic operations per sample if nothing were 0
    # operations per sample with neither weight nor input 0, where the inputs are not spikes
    effective_macs: float
    effective_acs: float  # the same where all inputs are spikes, which need no multiplication

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def neurobench_metrics(net: Network, x: Float[Tensor, "T B M"]) -> NeuroBenchMetrics:
    """Measure a network on one batch of inputs: spikes, or real numbers (which cost
    multiplications).
    """
    weights = [cast(Layer, layer).w.detach() for layer in net.layers]
    activity = net.roll(x)
    inputs = [x, *(done.s for done in activity[:-1])]
    macs = acs = dense = 0.0
    for w, pre in zip(weights, inputs, strict=True):
        # Every nonzero input meets the nonzero weights of its column.
        effective = float((pre.ne(0).sum((0, 1)).double() * w.ne(0).sum(0)).sum())
        dense += pre.numel() * w.shape[0]
        if bool((pre.eq(0) | pre.abs().eq(1)).all()):
            acs += effective
        else:
            macs += effective
    outputs = sum(done.s.numel() for done in activity)
    samples = x.shape[1]
    return NeuroBenchMetrics(
        footprint=sum(p.numel() * p.element_size() for p in net.parameters()),
        connection_sparsity=sum(int(w.eq(0).sum()) for w in weights)
        / sum(w.numel() for w in weights),
        activation_sparsity=1 - sum(int(done.s.count_nonzero()) for done in activity) / outputs,
        dense=dense / samples,
        effective_macs=macs / samples,
        effective_acs=acs / samples,
    )


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
