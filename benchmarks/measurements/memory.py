"""Peak memory of one learning step against the number of time steps."""

from __future__ import annotations

import functools
from typing import Any

import torch

from biograd.feedback import RandomDFA
from biograd.learning.learner import LocalLearner, Order
from biograd.network import Network
from biograd.runs.config import RunConfig

from ..peers.baselines import METHODS, BaselineParams
from .meters import peak_bytes
from .speed import INPUT_RATE, SIZES


def peak_memory(lengths: tuple[int, ...], batch: int = 20) -> dict[str, Any]:  # any: JSON
    """Return peak bytes of one learning step against T: BioGrad in both orders, and BPTT.

    Args:
        lengths: numbers of steps T.
    """
    net = Network(SIZES, generator=torch.Generator().manual_seed(0))
    config = RunConfig(hidden=SIZES[1:-1])
    orders: tuple[Order, ...] = ("online", "layer")
    learners: dict[str, Any] = {  # any: BioGrad's learner and the peers'
        f"BioGrad, {order}": LocalLearner(net, RandomDFA(net), order=order) for order in orders
    }
    for name, method in (("snnTorch BPTT", "snntorch"), ("BPTT, torch", "unfused")):
        params = BaselineParams(method=method)
        learners[name] = METHODS[method](SIZES, config, params, torch.Generator().manual_seed(0))
    labels = torch.arange(batch) % SIZES[-1]
    peaks: dict[str, list[int]] = {name: [] for name in learners}
    for steps in lengths:
        spikes = torch.bernoulli(
            torch.full((steps, batch, SIZES[0]), INPUT_RATE),
            generator=torch.Generator().manual_seed(0),
        )
        for name, learner in learners.items():
            learner.step(spikes, labels)
            step = functools.partial(learner.step, spikes, labels)
            peaks[name].append(peak_bytes(step))
    online = peaks["BioGrad, online"]
    return {
        "steps": list(lengths),
        "batch": batch,
        "peak_bytes": peaks,
        "online_growth": online[-1] / online[0],
    }
