"""One linear layer and its leaky integrate-and-fire neurons: Open Neuromorphic's benchmark.

Batch 16, T = 500, n inputs and n neurons; time of the forward and of the backward pass, and peak
memory. Source of the protocol: Open Neuromorphic, "Spiking Neural Network (SNN) Library Benchmarks"
(2023, updated 2024), which compares eleven libraries on a GPU at n up to 16k. Inputs are not
described there; ours are random spikes. A local rule has no backward pass: what it takes beyond the
forward pass stands in its place.

n = 512 also runs on a CPU; 16k needs a GPU.
"""

from __future__ import annotations

import statistics
from functools import partial
from typing import Any

import torch

from biograd.feedback import RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.network import Network

from ..meters import peak_bytes
from ..speed import Step
from .times import milliseconds_of, output_counts, peers

BATCH, STEPS = 16, 500
SIZES = {"cuda": (512, 1024, 2048, 4096, 8192, 16384), "cpu": (512,)}
INPUT_RATE = 0.1  # spikes per input and step


def single_layer(
    n: int, *, device: str = "cuda", steps: int = STEPS, rounds: int = 5
) -> dict[str, Any]:  # any: JSON
    """Time both passes of one layer of n neurons, and measure their memory.

    Args:
        rounds: calls of each method, in turns.
    """
    drawn = torch.Generator().manual_seed(0)
    s = torch.bernoulli(torch.full((steps, BATCH, n), INPUT_RATE), generator=drawn).to(device)
    labels = (torch.arange(BATCH) % n).to(device)
    net = Network((n, n), generator=drawn).to(device)
    learner = LocalLearner(net, RandomDFA(net))
    forward: dict[str, Step] = {"BioGrad": partial(net.spike_counts, s)}
    both: dict[str, Step] = {"BioGrad": partial(learner.step, s, labels)}
    for name, peer in peers(net, device).items():
        forward[name] = partial(output_counts, peer, s)
        both[name] = partial(peer.step, s, labels)
    ahead = _medians(milliseconds_of(forward, device, rounds))
    total = _medians(milliseconds_of(both, device, rounds))
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "n": n,
        "batch": BATCH,
        "steps": steps,
        "rounds": rounds,
        "threads": torch.get_num_threads() if device == "cpu" else None,
        "forward_milliseconds": ahead,
        "backward_milliseconds": {name: total[name] - ahead[name] for name in total},
        "peak_bytes": {name: peak_bytes(step, device=device) for name, step in both.items()},
        "ratio_single_layer_vs_fastest_peer": min(
            time for name, time in total.items() if name != "BioGrad"
        )
        / total["BioGrad"],
    }


def _medians(taken: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(times) for name, times in taken.items()}
