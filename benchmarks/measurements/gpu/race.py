"""Speed on a GPU: BioGrad and its peers on the same net and batch, and memory bandwidth used.

As in `speed`, rounds are interleaved and ratios are medians over the rounds. All tensors are on the
device, a turn ends when the device has finished, and libraries are stepped both ways. BPTT by our
fused scans has no kernels for a GPU and is left out.

A scan is limited by memory alone, so it is compared with a copy on the same device: its bytes per
second over those of the copy. A whole step is compared with its matrix products alone, and its
traffic (each array once per kernel that reads or writes it) is recorded too.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch.nn import functional

from biograd.feedback import RandomDFA
from biograd.kernels import gpu
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.rules import Eligibility, Factorised
from biograd.runs.config import RunConfig
from biograd.traces import TraceParams

from ...peers.baselines import METHODS, BaselineParams
from ...peers.libraries import has_spikingjelly
from ..speed import SPIKINGJELLY, Step, interleaved

SIZES = (784, 256, 256, 10)
STEPS = 20
BATCHES = (100, 1000, 4096)
INPUT_RATE = 0.13  # MNIST's mean grey value
PORTION = 10  # steps between two readings of the clock, which wait for the device
COPIED = 1 << 28  # numbers in the copy that measures bandwidth: a gibibyte, more than any cache
SNNTORCH = ("snnTorch BPTT, stepped", "snnTorch BPTT, layered")


def missing() -> str:
    """Return why nothing can be measured on a GPU here; "" if it can."""
    return "" if torch.cuda.is_available() else "torch sees no CUDA device"


def training_race(
    batch: int, *, device: str = "cuda", rounds: int = 9, seconds: float = 0.5
) -> dict[str, Any]:  # any: JSON
    """Race all methods, and the matrix products alone, in turns on one batch."""
    work = {
        name: _portion(step, device)
        for name, step in (steps_to_time(batch, device) | floors(batch, device)).items()
    }
    speeds = interleaved(work, rounds=rounds, samples=PORTION * batch, seconds=seconds)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    bandwidth = bandwidths(batch, device)
    moved = {rule: traffic(rule) for rule in ("full", "factorised")}
    per_second = {rule: moved[rule] * medians[f"BioGrad, {rule}"] for rule in moved}
    return (
        ratios(speeds)
        | {
            f"floor_share_{rule}": medians[f"BioGrad, {rule}"] / medians[f"floor, {rule}, float32"]
            for rule in moved
        }
        | {
            "device": device_name(device),
            "sizes": list(SIZES),
            "steps": STEPS,
            "batch": batch,
            "rounds": rounds,
            "samples_per_second": medians,
            "quartiles": {
                name: statistics.quantiles(values, n=4)[::2]
                for name, values in speeds.items()
                if len(values) > 1
            },
            "precision": {"all": "float32", "matmul": torch.get_float32_matmul_precision()},
            "bytes_per_sample": moved,
            "bytes_per_second": per_second,
            "bandwidth_share": {
                rule: rate / bandwidth["copy_bytes_per_second"] for rule, rate in per_second.items()
            },
        }
        | bandwidth
    )


def ratios(speeds: dict[str, list[float]]) -> dict[str, float]:
    """Return medians over the rounds of BioGrad's speed over that of each peer.

    Of a library, the faster setting in each round counts.

    Args:
        speeds: samples per second of each method in each round.
    """
    pairs = {"snntorch": SNNTORCH} | (
        {"spikingjelly": SPIKINGJELLY} if SPIKINGJELLY[0] in speeds else {}
    )
    peers = {
        name: [max(pair) for pair in zip(*(speeds[setting] for setting in settings), strict=True)]
        for name, settings in pairs.items()
    }
    peers["torch_bptt"] = speeds["BPTT, torch"]
    return {
        f"ratio_{rule}_vs_{name}": statistics.median(
            a / b for a, b in zip(speeds[f"BioGrad, {rule}"], of_peer, strict=True)
        )
        for rule in ("full", "factorised")
        for name, of_peer in peers.items()
    }


def steps_to_time(batch: int, device: str) -> dict[str, Step]:
    """Return one optimizer step per method, all on the same batch.

    Weights stay as drawn, so that every sample has an error.
    """
    spikes = torch.bernoulli(
        torch.full((STEPS, batch, SIZES[0]), INPUT_RATE), generator=torch.Generator().manual_seed(0)
    ).to(device)
    labels = (torch.arange(batch) % SIZES[-1]).to(device)
    config = RunConfig(hidden=SIZES[1:-1])
    learners: dict[str, Any] = {}  # any: BioGrad's learner and the peers'
    for name, rule in (("full", Eligibility()), ("factorised", Factorised())):
        net = Network(SIZES, generator=torch.Generator().manual_seed(0)).to(device)
        learners[f"BioGrad, {name}"] = LocalLearner(net, RandomDFA(net), rule=rule)
    peers = {
        SNNTORCH[0]: ("snntorch", False),
        SNNTORCH[1]: ("snntorch", True),
        "BPTT, torch": ("unfused", True),
    }
    if has_spikingjelly():
        peers |= {SPIKINGJELLY[0]: ("spikingjelly", False), SPIKINGJELLY[1]: ("spikingjelly", True)}
    for name, (method, layered) in peers.items():
        baseline = BaselineParams(method=method, layered=layered)
        peer = METHODS[method](SIZES, config, baseline, torch.Generator().manual_seed(0))
        learners[name] = on_device(peer, device)
    return {name: _step(learner, spikes, labels) for name, learner in learners.items()}


def on_device(peer: Any, device: str) -> Any:  # any: a baseline
    """Move a baseline's weights, and its library's neurons, to a device; return it."""
    peer.net.to(device)
    for neuron in getattr(peer, "neurons", []):
        neuron.to(device)
    return peer


def floors(batch: int, device: str) -> dict[str, Step]:
    """Return the matrix products alone of a local step, as `speed.floors`, per precision."""
    work: dict[str, Step] = {}
    rows = STEPS * batch
    for kind in (torch.float32, torch.bfloat16):
        operands = [
            [
                torch.rand(shape, dtype=kind, device=device)
                for shape in ((rows, m), (n, m), (rows, n))
            ]
            for m, n in pairwise(SIZES)
        ]
        for name, update_rows in (("full", rows), ("factorised", batch)):
            work[f"floor, {name}, {str(kind).removeprefix('torch.')}"] = _products(
                operands, update_rows
            )
    return work


def traffic(rule: str) -> int:
    """Return the bytes that one sample's learning step reads and writes on a GPU.

    Each array counts once per kernel that reads or writes it.
    """
    moved = 0
    for index, (m, n) in enumerate(pairwise(SIZES)):
        # the product; the somata's scan: current, s, psi; the mean rate
        forward = 4 * m + 4 * n + (4 + 4 + 1) * n + 4 * n
        hidden = index < len(SIZES) - 2
        # feedback is written, then read with psi; the output reads its errors
        taught = (4 + 4 + 1) * n if hidden else 4 * n
        # G is written, and read with s by the product; or s is summed
        learned = 4 * n + 4 * n + 4 * m if rule == "full" else 4 * m
        moved += STEPS * (forward + taught + learned)
    return moved


def bandwidths(batch: int, device: str, *, repeats: int = 20) -> dict[str, Any]:  # any: JSON
    """Return bytes per second of a copy, of the first hidden layer's scans, and nominal ones."""
    copied = 2 * 4 * COPIED / _seconds(_copy(device), device, repeats)
    current = torch.randn(STEPS, batch, SIZES[1], device=device)
    psi, trace = torch.ones(current.shape, dtype=torch.bool, device=device), TraceParams()
    scans: dict[str, Callable[[], object]] = {
        "soma": lambda: gpu.soma(current, 0.5, 0.75, 1.0),  # current in; s and a byte of psi out
        # feedback and psi in; G out
        "owed": lambda: gpu.filtered_error(current, psi, 0.0, trace.alpha_x, trace.alpha_z),
    }
    rates = {
        name: 9 * current.numel() / _seconds(scan, device, repeats) for name, scan in scans.items()
    }
    return {
        "copy_bytes_per_second": copied,
        "nominal_bytes_per_second": nominal_bandwidth(device),
        "scan_bytes_per_second": rates,
        "scan_bandwidth_share": {name: rate / copied for name, rate in rates.items()},
    }


def _copy(device: str) -> Callable[[], object]:
    source, target = torch.zeros(COPIED, device=device), torch.empty(COPIED, device=device)
    return lambda: target.copy_(source)


def nominal_bandwidth(device: str) -> float | None:
    """Return bytes per second of the device's memory, from its clock and width; None if unknown."""
    if device != "cuda":
        return None
    properties = torch.cuda.get_device_properties(0)
    clock = getattr(properties, "memory_clock_rate", 0)  # kHz
    width = getattr(properties, "memory_bus_width", 0)  # bits
    return 2 * clock * 1e3 * width / 8 or None  # two transfers per clock


def device_name(device: str) -> str:
    """Return the device's own name."""
    return torch.cuda.get_device_name() if device == "cuda" else device


# any: BioGrad's learner and the peers'
def _step(learner: Any, spikes: torch.Tensor, labels: torch.Tensor) -> Step:
    optimizer = torch.optim.Adam(learner.net.parameters(), lr=0.0, fused=True)

    def step() -> None:
        learner.step(spikes, labels)
        optimizer.step()

    return step


def _products(operands: list[list[torch.Tensor]], update_rows: int) -> Step:
    def products() -> None:
        for pre, w, g in operands:
            functional.linear(pre, w)
            g[:update_rows].T @ pre[:update_rows]

    return products


def _portion(step: Step, device: str) -> Step:
    def portion() -> None:
        for _ in range(PORTION):
            step()
        _wait(device)

    return portion


def _seconds(work: Callable[[], object], device: str, repeats: int) -> float:
    """Return the seconds of one call, the median of three runs of `repeats`."""
    seconds = []
    for _ in range(4):  # the first one compiles
        _wait(device)
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        _wait(device)
        seconds.append((time.perf_counter() - start) / repeats)
    return statistics.median(seconds[1:])


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
