"""Joules and seconds of this machine's processor and GPU: BioGrad, BPTT and the artificial net.

At batch 1 and at larger ones: a GPU at batch 1 is mostly idle and gains orders of magnitude at
large batches, so that either figure alone is misleading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from biograd.feedback import RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.runs.config import RunConfig

from ..peers.baselines import METHODS, BaselineParams
from .gpu.times import output_counts, peers
from .meters import EnergyMeter, energy_meters, energy_of

SIZES = (784, 100, 10)  # the paper's net on Loihi
STEPS = 16
BATCHES = (1, 32, 256, 4096)
INPUT_RATE = 0.13  # MNIST's mean grey value
PORTION = 1024  # samples between two readings of the clock


def device_energy(
    *,
    devices: Sequence[str] = (),
    batches: Sequence[int] = (),
    seconds: float = 10.0,
    idle_seconds: float = 5.0,
    windows: int = 3,
) -> Iterator[dict[str, Any]]:
    """Yield one result per device, batch size, method and mode.

    Without a meter, seconds per sample are measured and the joules are None.

    Args:
        devices: "cuda", "cpu"; all that there are, unless given.
        batches: sizes of the batches; `BATCHES` unless given.
        seconds: of one window, at least.
        idle_seconds: of the idle window before each.
        windows: measured one after another.
    """
    meters = energy_meters()
    there = ("cuda", "cpu") if torch.cuda.is_available() else ("cpu",)
    for device in devices or there:
        meter = meters.get("gpu" if device == "cuda" else "cpu")
        for batch in batches or BATCHES:
            for (method, mode), work in works(device, batch).items():
                yield {
                    "device": device,
                    "method": method,
                    "mode": mode,
                    "batch": batch,
                    "sizes": list(SIZES),
                    "steps": STEPS,
                } | measured(
                    work,
                    meter,
                    seconds=seconds if meter else min(seconds, 1.0),
                    idle_seconds=idle_seconds,
                    windows=windows,
                )


def measured(
    work: Callable[[], int],
    meter: EnergyMeter | None,
    *,
    seconds: float,
    idle_seconds: float,
    windows: int,
) -> dict[str, Any]:
    """Measure windows of repeated work: joules with a meter, seconds in any case.

    Args:
        work: does a portion of work, and returns how many samples it was.
    """
    readings = energy_of(
        work,
        meter or _NoMeter(),
        seconds=seconds,
        idle_seconds=idle_seconds if meter else 0,
        windows=windows,
    )
    rows = [reading.record() for reading in readings]
    if meter is None:
        rows = [row | {"joules": None, "idle_watts": None, "moved": False} for row in rows]
    return {
        "meter": meter.name if meter else "no meter",
        "driver": getattr(meter, "driver", None),
        "seconds_per_sample": min(reading.seconds / reading.samples for reading in readings),
        "windows": rows,
    }


def works(device: str, batch: int) -> dict[tuple[str, str], Callable[[], int]]:
    """Return a portion of work per (method, mode), on a batch that is on the device already."""
    generator = torch.Generator().manual_seed(0)
    spikes = torch.bernoulli(
        torch.full((STEPS, batch, SIZES[0]), INPUT_RATE), generator=generator
    ).to(device)
    x = torch.rand((1, batch, SIZES[0]), generator=generator).to(device)
    labels = (torch.arange(batch) % SIZES[-1]).to(device)
    config = RunConfig(hidden=SIZES[1:-1], device=device)
    net = Network(SIZES, generator=torch.Generator().manual_seed(0)).to(device)
    learners: dict[str, tuple[Any, torch.Tensor]] = {
        "BioGrad": (LocalLearner(net, RandomDFA(net).to(device)), spikes)
    }
    # The fused scans of `bptt` are the CPU's; on a GPU BPTT runs on torch's own operations.
    for name, method, inputs in (
        ("BPTT", "bptt" if device == "cpu" else "unfused", spikes),
        ("ANN", "ann", x),
    ):
        learners[name] = (
            METHODS[method](
                SIZES, config, BaselineParams(method=method), torch.Generator().manual_seed(0)
            ),
            inputs,
        )
    portions: dict[tuple[str, str], Callable[[], int]] = {}
    for name, (learner, inputs) in learners.items():
        optimizer = torch.optim.Adam(learner.net.parameters(), lr=1e-4)
        portions[name, "training"] = _repeated(
            _train_step(learner, optimizer, inputs, labels), batch, device
        )
        portions[name, "inference"] = _repeated(_forward(learner.net, inputs), batch, device)
    if device == "cuda":
        for name, peer in peers(net, device).items():
            optimizer = torch.optim.Adam(peer.module.parameters(), lr=1e-4)
            portions[name, "training"] = _repeated(
                _train_step(peer, optimizer, spikes, labels), batch, device
            )
            portions[name, "inference"] = _repeated(
                partial(output_counts, peer, spikes), batch, device
            )
    return portions


class _NoMeter(EnergyMeter):
    """A meter of 0 J, for machines where only seconds can be measured."""

    name = "no meter"

    def joules(self) -> float:
        return 0.0


def _train_step(
    learner: Any,  # any: BioGrad's learner or a peer's
    optimizer: torch.optim.Optimizer,
    inputs: torch.Tensor,
    labels: torch.Tensor,
) -> Callable[[], None]:
    def step() -> None:
        learner.step(inputs, labels)
        optimizer.step()

    return step


def _forward(net: Network, inputs: torch.Tensor) -> Callable[[], None]:
    def step() -> None:
        net.roll(inputs)

    return step


def _repeated(step: Callable[[], object], batch: int, device: str) -> Callable[[], int]:
    """Repeat the step for at least `PORTION` samples, then wait for the device.

    The clock is read only between two portions.
    """
    repeats = max(1, PORTION // batch)

    def work() -> int:
        for _ in range(repeats):
            step()
        if device == "cuda":
            torch.cuda.synchronize()
        return repeats * batch

    return work
