"""Milliseconds of one learning step and one forward pass on a GPU, by CUDA events.

The net of `race`, on float tensors that lie on the device, a step of fused Adam included (of rate
0: weights stay as drawn). Peers are raced with our neuron and as their tutorials teach. Methods
take turns; each figure is the median of single calls, between two events on the device.

At small batches the processor cannot launch as fast as the device computes. There each step is
also recorded as a CUDA graph and replayed, where a method allows it: one that copies to or waits
for the processor cannot be recorded, and its record says why.
"""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import Any

import torch

from biograd.feedback import RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.rules import Eligibility, Factorised

from ...peers.libraries import has_spikingjelly
from ...peers.taught import OUR_NEURON, TAUGHT, SnnTorchNet, SpikingJellyNet
from ..speed import Step

SIZES = (784, 256, 256, 10)
STEPS = 20
BATCHES = (1, 32, 256, 4096)
INPUT_RATE = 0.13  # MNIST's mean grey value
RECORDED = 256  # samples in the largest batch whose step is recorded as a graph, too


def step_times(
    batch: int, *, device: str = "cuda", rounds: int = 50, sizes: tuple[int, ...] = SIZES
) -> dict[str, Any]:  # any: JSON
    """Time a learning step and a forward pass of every method, in turns.

    Args:
        device: "cpu" times by the wall clock and records no graphs.
        rounds: calls of each method.
    """
    learning, inference = methods(batch, device, sizes)
    results: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "sizes": list(sizes),
        "steps": STEPS,
        "batch": batch,
        "rounds": rounds,
        "spikingjelly": jelly_backend(device) if has_spikingjelly() else None,
    }
    for mode, work in (("training", learning), ("inference", inference)):
        graphs, refused = _graphs(work) if device == "cuda" and batch <= RECORDED else ({}, {})
        taken = milliseconds_of(work | graphs, device, rounds)
        results[mode] = {
            "milliseconds": {name: statistics.median(times) for name, times in taken.items()},
            "quartiles": {name: statistics.quantiles(times)[::2] for name, times in taken.items()},
            "samples_per_second": {
                name: 1000 * batch / statistics.median(times) for name, times in taken.items()
            },
            "no_graph": refused,
        }
        results |= _ratios(mode, taken)
    return results


def methods(
    batch: int, device: str, sizes: tuple[int, ...]
) -> tuple[dict[str, Step], dict[str, Step]]:
    """Return a learning step and a forward pass of every method, on one batch."""
    drawn = torch.Generator().manual_seed(0)
    rates = torch.full((STEPS, batch, sizes[0]), INPUT_RATE)
    s = torch.bernoulli(rates, generator=drawn).to(device)
    labels = (torch.arange(batch) % sizes[-1]).to(device)
    learning: dict[str, Step] = {}
    inference: dict[str, Step] = {}
    for name, rule in (("full", Eligibility()), ("factorised", Factorised())):
        net = Network(sizes, generator=torch.Generator().manual_seed(0)).to(device)
        learner = LocalLearner(net, RandomDFA(net), rule=rule)
        learning[f"BioGrad, {name}"] = _step(partial(learner.step, s, labels), net, device)
    inference["BioGrad"] = lambda: net.spike_counts(s)
    for name, peer in peers(net, device).items():
        learning[name] = _step(partial(peer.step, s, labels), peer.module, device)
        inference[name] = partial(output_counts, peer, s)
    return learning, inference


def peers(net: Network, device: str) -> dict[str, Any]:  # any: the peers' nets
    """Return the peers of a network on its device: snnTorch's two forms, and SpikingJelly."""
    made: dict[str, Any] = {
        f"snnTorch, {kind}": SnnTorchNet(net, kind) for kind in (OUR_NEURON, TAUGHT)
    }
    if has_spikingjelly():
        made["SpikingJelly, as taught"] = SpikingJellyNet(net, jelly_backend(device))
    for peer in made.values():
        peer.module.to(device)
    return made


def jelly_backend(device: str) -> str:
    """Return SpikingJelly's fastest backend: CuPy's kernels on a GPU where CuPy is installed."""
    try:
        import cupy  # noqa: F401  # optional, as SpikingJelly itself
    except ImportError:
        return "torch"
    return "cupy" if device == "cuda" else "torch"


def output_counts(peer: Any, s: torch.Tensor) -> torch.Tensor:  # any: a peer's net
    """Return a peer's answers, without gradients."""
    with torch.no_grad():
        counts: torch.Tensor = peer.counts(s)
    return counts


def _step(learn: Step, module: torch.nn.Module, device: str) -> Step:
    optimizer = torch.optim.Adam(
        module.parameters(), lr=0.0, fused=True, capturable=device == "cuda"
    )

    def step() -> None:
        learn()
        optimizer.step()

    return step


def _graphs(work: dict[str, Step]) -> tuple[dict[str, Step], dict[str, str]]:
    """Return the replay of each method that can be recorded, and why the others cannot."""
    graphs: dict[str, Step] = {}
    refused: dict[str, str] = {}
    for name, step in work.items():
        try:
            graphs[f"{name}, graph"] = captured(step)
        except RuntimeError as error:  # an operation that waits for the device, mostly
            refused[name] = " ".join(str(error).split())[:200]
            torch.cuda.synchronize()
    return graphs, refused


def captured(step: Step) -> Step:
    """Record one call as a CUDA graph; return its replay.

    Raises: RuntimeError where the call cannot be recorded.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # memory and kernels of the first calls are not recorded
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    replay: Step = graph.replay
    return replay


def milliseconds_of(work: dict[str, Step], device: str, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of single calls of every method, which take turns."""
    clock = _by_events if device == "cuda" else _by_wall
    for step in work.values():  # compilation, caches
        step()
        step()
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, step in work.items():
            taken[name].append(clock(step))
    return taken


def _by_events(step: Step) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    step()
    end.record()
    torch.cuda.synchronize()
    milliseconds: float = start.elapsed_time(end)
    return milliseconds


def _by_wall(step: Step) -> float:
    start = time.perf_counter()
    step()
    return 1000 * (time.perf_counter() - start)


def _ratios(mode: str, taken: dict[str, list[float]]) -> dict[str, float]:
    """Return how many times faster BioGrad's fastest form is than each peer's fastest."""

    def best(start: str) -> float:  # of all forms, graphs too
        forms = (times for name, times in taken.items() if name.startswith(start))
        return min(map(statistics.median, forms))

    names = {name.split(",")[0] for name in taken} - {"BioGrad"}
    rules = ("full", "factorised") if mode == "training" else ("",)
    return {
        f"ratio_{mode}{'_' * bool(rule)}{rule}_vs_{peer.lower()}": best(peer)
        / best(f"BioGrad, {rule}" if rule else "BioGrad")
        for peer in sorted(names)
        for rule in rules
    }
