"""How fast: BioGrad and its peers on the same net, the same batch, the same process, in turns.

Two batches are raced on: MNIST digits, whose spikes come in runs and leave the border silent, as in
every image task, and spikes that fall at random, which nothing can be saved on. Weights stay as
drawn (the learning rate is 0): every sample errs, and none is skipped. Rounds are interleaved
(every method once a round, in an order that rotates), so that a machine that slows down slows all
of them; ratios
are medians over the rounds. Each method is given its faster setting: both ways of stepping a
library are timed. SpikingJelly races where it is installed (`libraries` says how).
"""

from __future__ import annotations

import functools
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
from biograd.learning.learner import LocalLearner, Order
from biograd.network import Network
from biograd.rules import Eligibility, Factorised, Rule
from biograd.runs.config import RunConfig

from ..peers.baselines import METHODS, BaselineParams
from ..peers.libraries import has_spikingjelly
from .meters import peak_bytes

SIZES = (784, 256, 256, 10)
STEPS, BATCH = 20, 100  # of every speed figure, as in the peers' own comparisons
SPIKINGJELLY = ("SpikingJelly BPTT, stepped", "SpikingJelly BPTT, layered")  # where it is installed
INPUT_RATE = 0.13  # spikes an input and step: MNIST's mean grey value

Step = Callable[[], object]
Batch = tuple[torch.Tensor, torch.Tensor]  # spikes [T, B, 784] and labels [B]


def digits(batch: int = BATCH, steps: int = STEPS) -> Batch:
    """The first training images of MNIST."""
    images = load("mnist", "train").subset(slice(0, batch))
    return integrate_and_fire(images.x.flatten(1) / 255, steps), images.y


def at_random(batch: int = BATCH, steps: int = STEPS) -> Batch:
    """As many spikes, anywhere."""
    spikes = torch.bernoulli(
        torch.full((steps, batch, SIZES[0]), INPUT_RATE), generator=torch.Generator().manual_seed(0)
    )
    return spikes, torch.arange(batch) % SIZES[-1]


INPUTS: dict[str, Callable[[], Batch]] = {"digits": digits, "random": at_random}


def steps_to_time(threads: int, inputs: str) -> dict[str, Step]:
    """One optimizer step of every method on the same batch, a key of `INPUTS`."""
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

    found = {
        "BioGrad, full": local(Eligibility()),
        "BioGrad, factorised": local(Factorised()),
        "snnTorch BPTT, stepped": peer(method="snntorch", layered=False),
        "snnTorch BPTT, layered": peer(method="snntorch", layered=True),
        "BPTT, torch": peer(method="unfused"),
        "BPTT, our fused scans": peer(method="bptt"),
    }
    if has_spikingjelly():
        found |= {
            SPIKINGJELLY[layered]: peer(method="spikingjelly", layered=bool(layered))
            for layered in (0, 1)
        }
    return found


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
    work: dict[str, Step], *, rounds: int, samples: int, seconds: float = 0.3
) -> dict[str, list[float]]:
    """Samples a second of each method in each round.

    Args:
        samples: how many one call works on.
        seconds: a method's turn lasts at least so long.
    """
    names = list(work)
    for name in names:  # compilation, caches
        work[name]()
        work[name]()
    found: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            calls, start = 0, time.perf_counter()
            while (elapsed := time.perf_counter() - start) < seconds:
                work[name]()
                calls += 1
            found[name].append(calls * samples / elapsed)
    return found


def ratios(found: dict[str, list[float]]) -> dict[str, float]:
    """Medians over the rounds: BioGrad against snnTorch's faster setting of each round, and against
    the other peers.
    """
    snntorch = [
        max(pair)
        for pair in zip(
            found["snnTorch BPTT, stepped"], found["snnTorch BPTT, layered"], strict=True
        )
    ]
    peers = {
        "snntorch": snntorch,
        "torch_bptt": found["BPTT, torch"],
        "fused_bptt": found["BPTT, our fused scans"],
    }
    if SPIKINGJELLY[0] in found:
        peers["spikingjelly"] = [
            max(pair) for pair in zip(*(found[name] for name in SPIKINGJELLY), strict=True)
        ]
    return {
        f"ratio_{ours}_vs_{name}": statistics.median(
            a / b for a, b in zip(found[f"BioGrad, {ours}"], theirs, strict=True)
        )
        for ours in ("full", "factorised")
        for name, theirs in peers.items()
    }


def training_speed(
    threads: int,
    *,
    inputs: str = "digits",
    rounds: int = 15,
    seconds: float = 0.4,
    with_floor: bool = True,
) -> dict[str, Any]:
    """All methods in turns, and the dense product floor measured among them: event by event, we may
    well be above it.
    """
    work = steps_to_time(threads, inputs) | (floors(threads) if with_floor else {})
    found = interleaved(work, rounds=rounds, samples=BATCH, seconds=seconds)
    medians = {name: statistics.median(values) for name, values in found.items()}
    shares = {
        f"floor_share_{rule}": (
            medians[f"BioGrad, {rule}"]
            / max(medians[name] for name in found if name.startswith(f"floor, {rule}"))
        )
        for rule in (("full", "factorised") if with_floor else ())
    }
    return (
        ratios(found)
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
                for name, values in found.items()
                if len(values) > 1
            },
            "precision": {"all": "float32", "matmul": _precision()},
        }
    )


def floors(threads: int) -> dict[str, Step]:
    """The matrix products alone of a local step on dense arrays, in float32 and bfloat16.

    full: forward products of all layers over T x B, and the update products over T x B. factorised:
        the update's over B alone. The
    feedback products (10 classes) are left out: they are two per cent.
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
) -> dict[str, Any]:
    """Forward passes alone, from spikes to each neuron's count, interleaved: BioGrad and both ways
    of stepping snnTorch.
    """
    torch.set_num_threads(threads)
    spikes, _ = INPUTS[inputs]()
    learners = _learners(threads)
    stepped, layered = learners["snnTorch BPTT, stepped"], learners["snnTorch BPTT, layered"]
    ours = learners["BioGrad, full"].net
    work: dict[str, Step] = {
        "BioGrad": lambda: in_parts(ours.spike_counts, threads, (spikes, 1)),
        "snnTorch, stepped": lambda: stepped.forward(spikes).sum(0),
        "snnTorch, layered": lambda: layered.forward(spikes).sum(0),
    }
    with torch.no_grad():
        found = interleaved(work, rounds=rounds, samples=BATCH, seconds=seconds)
    fastest = [
        max(pair)
        for pair in zip(found["snnTorch, stepped"], found["snnTorch, layered"], strict=True)
    ]
    return {
        "threads": threads,
        "inputs": inputs,
        "samples_per_second": {name: statistics.median(values) for name, values in found.items()},
        "ratio_inference_vs_snntorch": statistics.median(
            a / b for a, b in zip(found["BioGrad"], fastest, strict=True)
        ),
    }


def memory(lengths: tuple[int, ...] = (10, 50, 100, 200, 400), batch: int = 20) -> dict[str, Any]:
    """Peak bytes of one learning step against T: the online order, the layer-at-once order, and
    BPTT.
    """
    net = Network(SIZES, generator=torch.Generator().manual_seed(0))
    config = RunConfig(hidden=SIZES[1:-1])
    orders: tuple[Order, ...] = ("online", "layer")
    learners: dict[str, Any] = {
        f"BioGrad, {order}": LocalLearner(net, RandomDFA(net), order=order) for order in orders
    }
    for name, params in (
        ("snnTorch BPTT", {"method": "snntorch"}),
        ("BPTT, torch", {"method": "unfused"}),
    ):
        baseline = BaselineParams(**params)  # type: ignore[arg-type]  # words for words
        learners[name] = METHODS[baseline.method](
            SIZES, config, baseline, torch.Generator().manual_seed(0)
        )
    labels = torch.arange(batch) % SIZES[-1]
    found: dict[str, list[int]] = {name: [] for name in learners}
    for steps in lengths:
        spikes = torch.bernoulli(
            torch.full((steps, batch, SIZES[0]), INPUT_RATE),
            generator=torch.Generator().manual_seed(0),
        )
        for name, learner in learners.items():
            learner.step(spikes, labels)
            step = functools.partial(learner.step, spikes, labels)
            found[name].append(peak_bytes(step))
    online = found["BioGrad, online"]
    return {
        "steps": list(lengths),
        "batch": batch,
        "peak_bytes": found,
        "online_growth": online[-1] / online[0],
    }


def _precision() -> str:
    return str(getattr(getattr(torch.backends.mkldnn, "matmul", None), "fp32_precision", "default"))
