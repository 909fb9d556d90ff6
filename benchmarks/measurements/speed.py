"""Speed of BioGrad and its peers on the same net and batch, in the same process, in turns.

Two batches are raced on: MNIST digits, whose spikes come in runs and whose border is silent, as in
every image task, and random spikes, which leave nothing to skip. Weights stay as drawn (the
learning rate is 0): every sample has an error, and none is skipped. Rounds are interleaved (every
method once per round, in an order that rotates), so that a machine that slows down slows all of
them; ratios are medians over the rounds. Each library counts with its faster setting: both ways of
stepping it are timed. SpikingJelly takes part if it is installed (see `libraries`).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from biograd.data.datasets import load
from biograd.encoders import integrate_and_fire
from biograd.errors import SignedSpikes
from biograd.feedback import RandomDFA
from biograd.kernels.threads import in_parts, one_torch_thread
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.rules import Eligibility, Factorised, Rule
from biograd.runs.config import RunConfig

from ..peers.baselines import METHODS, BaselineParams
from ..peers.libraries import has_spikingjelly

SIZES = (784, 256, 256, 10)
STEPS, BATCH = 20, 100  # of every speed figure, as in the peers' own comparisons
SPIKINGJELLY = ("SpikingJelly BPTT, stepped", "SpikingJelly BPTT, layered")  # if installed
INPUT_RATE = 0.13  # spikes per input and step: MNIST's mean grey value

Step = Callable[[], object]
Batch = tuple[torch.Tensor, torch.Tensor]  # spikes [T, B, 784] and labels [B]


def digits(batch: int = BATCH, steps: int = STEPS) -> Batch:
    """Return the first training images of MNIST as spikes."""
    images = load("mnist", "train").subset(slice(0, batch))
    return integrate_and_fire(images.x.flatten(1) / 255, steps), images.y


def at_random(batch: int = BATCH, steps: int = STEPS) -> Batch:
    """Return as many spikes at random places."""
    spikes = torch.bernoulli(
        torch.full((steps, batch, SIZES[0]), INPUT_RATE), generator=torch.Generator().manual_seed(0)
    )
    return spikes, torch.arange(batch) % SIZES[-1]


INPUTS: dict[str, Callable[[], Batch]] = {"digits": digits, "random": at_random}


def steps_to_time(threads: int, inputs: str) -> dict[str, Step]:
    """Return one optimizer step per method, all on the same batch.

    Args:
        inputs: a key of `INPUTS`.
    """
    torch.set_num_threads(threads)
    spikes, labels = INPUTS[inputs]()
    return {name: _step(learner, spikes, labels) for name, learner in _learners(threads).items()}


def _learners(threads: int) -> dict[str, Any]:  # any: BioGrad's learner and the peers'
    config = RunConfig(hidden=SIZES[1:-1])

    def local(rule: Rule) -> LocalLearner:
        net = Network(SIZES, generator=torch.Generator().manual_seed(0))
        return LocalLearner(net, RandomDFA(net), error=SignedSpikes(), rule=rule, threads=threads)

    def peer(**params: Any) -> Any:  # any: as above
        baseline = BaselineParams(**params)
        return METHODS[baseline.method](SIZES, config, baseline, torch.Generator().manual_seed(0))

    learners = {
        "BioGrad, full": local(Eligibility()),
        "BioGrad, factorised": local(Factorised()),
        "snnTorch BPTT, stepped": peer(method="snntorch", layered=False),
        "snnTorch BPTT, layered": peer(method="snntorch", layered=True),
        "BPTT, torch": peer(method="unfused"),
        "BPTT, our fused scans": peer(method="bptt"),
    }
    if has_spikingjelly():
        learners |= {
            SPIKINGJELLY[layered]: peer(method="spikingjelly", layered=bool(layered))
            for layered in (0, 1)
        }
    return learners


def _step(learner: Any, spikes: torch.Tensor, labels: torch.Tensor) -> Step:
    optimizer = torch.optim.Adam(learner.net.parameters(), lr=0.0, fused=True)

    def step() -> None:
        if isinstance(learner, LocalLearner):
            with one_torch_thread():  # its threads split the batch instead
                learner.step(spikes, labels)
                optimizer.step()
        else:
            learner.step(spikes, labels)
            optimizer.step()

    return step


def interleaved(
    work: dict[str, Step],
    *,
    rounds: int,
    samples: int,
    seconds: float = 0.3,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Return samples per second of each method in each round.

    Args:
        samples: how many one call works on.
        seconds: duration of a method's turn, at least.
        clock: seconds; of the wall, or of the process.
    """
    names = list(work)
    for name in names:  # compilation, caches
        work[name]()
        work[name]()
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            calls, start = 0, clock()
            while (elapsed := clock() - start) < seconds:
                work[name]()
                calls += 1
            speeds[name].append(calls * samples / elapsed)
    return speeds


def ratios(speeds: dict[str, list[float]]) -> dict[str, float]:
    """Return medians over the rounds of BioGrad's speed over that of each peer.

    Of a library, the faster setting in each round counts.

    Args:
        speeds: samples per second of each method in each round.
    """
    peers = {
        "snntorch": _faster(speeds, "snnTorch BPTT, stepped", "snnTorch BPTT, layered"),
        "torch_bptt": speeds["BPTT, torch"],
        "fused_bptt": speeds["BPTT, our fused scans"],
    }
    if SPIKINGJELLY[0] in speeds:
        peers["spikingjelly"] = _faster(speeds, *SPIKINGJELLY)
    return {
        f"ratio_{rule}_vs_{name}": _median_ratio(speeds[f"BioGrad, {rule}"], of_peer)
        for rule in ("full", "factorised")
        for name, of_peer in peers.items()
    }


def _faster(speeds: dict[str, list[float]], *names: str) -> list[float]:
    """Return the speed of the fastest of several methods in each round."""
    return [max(of_round) for of_round in zip(*(speeds[name] for name in names), strict=True)]


def _median_ratio(over: list[float], under: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def training_speed(
    threads: int,
    *,
    inputs: str = "digits",
    rounds: int = 15,
    seconds: float = 0.4,
    with_floor: bool = True,
) -> dict[str, Any]:  # any: JSON
    """Race all methods in turns.

    Args:
        with_floor: also time the dense matrix products alone, which event-driven steps may exceed.
    """
    work = steps_to_time(threads, inputs) | (floors(threads) if with_floor else {})
    speeds = interleaved(work, rounds=rounds, samples=BATCH, seconds=seconds)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    shares = {
        f"floor_share_{rule}": (
            medians[f"BioGrad, {rule}"]
            / max(medians[name] for name in speeds if name.startswith(f"floor, {rule}"))
        )
        for rule in (("full", "factorised") if with_floor else ())
    }
    return (
        ratios(speeds)
        | shares
        | {
            "threads": threads,
            "inputs": inputs,
            "sizes": list(SIZES),
            "steps": STEPS,
            "batch": BATCH,
            "rounds": rounds,
            "samples_per_second": medians,
            "quartiles": {
                name: statistics.quantiles(values, n=4)[::2]
                for name, values in speeds.items()
                if len(values) > 1
            },
            "precision": {"all": "float32", "matmul": _precision()},
        }
    )


def floors(threads: int) -> dict[str, Step]:
    """Return the matrix products alone of a local step on dense arrays, per rule and precision.

    full: forward products of all layers over T x B, and the update products over T x B.
    factorised: the update products over B alone.
    Feedback products (10 classes) are left out: they are two per cent.
    """
    rows = STEPS * BATCH
    work: dict[str, Step] = {}
    for kind in (torch.float32, torch.bfloat16):
        pairs = [
            (
                torch.rand(rows, m, dtype=kind),
                torch.rand(n, m, dtype=kind),
                torch.rand(rows, n, dtype=kind),
            )
            for m, n in _shapes()
        ]
        name = str(kind).removeprefix("torch.")
        work[f"floor, full, {name}"] = _products(pairs, threads, rows)
        work[f"floor, factorised, {name}"] = _products(pairs, threads, BATCH)
    return work


def _shapes() -> list[tuple[int, int]]:
    return list(zip(SIZES[:-1], SIZES[1:], strict=True))  # noqa: RUF007 (pairs of neighbours, as everywhere)


def _products(
    pairs: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]], threads: int, rows: int
) -> Step:
    def products() -> None:
        torch.set_num_threads(threads)
        for pre, w, g in pairs:
            functional.linear(pre, w)
            g[:rows].T @ pre[:rows]

    return products


def inference_speed(
    threads: int, *, inputs: str = "digits", rounds: int = 9, seconds: float = 0.3
) -> dict[str, Any]:  # any: JSON
    """Race forward passes alone, from spikes to each neuron's count, against snnTorch."""
    torch.set_num_threads(threads)
    spikes, _ = INPUTS[inputs]()
    learners = _learners(threads)
    stepped, layered = learners["snnTorch BPTT, stepped"], learners["snnTorch BPTT, layered"]
    net = learners["BioGrad, full"].net
    work: dict[str, Step] = {
        "BioGrad": lambda: in_parts(net.spike_counts, threads, (spikes, 1)),
        "snnTorch, stepped": lambda: stepped.forward(spikes).sum(0),
        "snnTorch, layered": lambda: layered.forward(spikes).sum(0),
    }
    with torch.no_grad():
        speeds = interleaved(work, rounds=rounds, samples=BATCH, seconds=seconds)
    snntorch = _faster(speeds, "snnTorch, stepped", "snnTorch, layered")
    return {
        "threads": threads,
        "inputs": inputs,
        "samples_per_second": {name: statistics.median(values) for name, values in speeds.items()},
        "ratio_inference_vs_snntorch": _median_ratio(speeds["BioGrad"], snntorch),
    }


def _precision() -> str:
    return str(getattr(getattr(torch.backends.mkldnn, "matmul", None), "fp32_precision", "default"))
