"""Races on one thread: convolutions, one sample at a time, recurrent and dense layers.

Every method gets the same float tensors and takes an optimizer step of fused Adam with them (of
rate 0: weights stay as drawn, and no sample is skipped). A peer is raced with our neuron, and in
the form that its tutorials teach; its lower time counts in `ratio_..._fastest_peer`. Times are of
this process's processor, so that other programs do not count; rounds are interleaved, as in
`measurements.speed`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from biograd.data.datasets import load
from biograd.encoders import bernoulli
from biograd.feedback import Feedback, RandomDFA, sleep_aligned
from biograd.kernels.threads import one_torch_thread
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.rules import Eligibility, Factorised, Rule

from ...peers.libraries import has_spikingjelly
from ...peers.taught import OUR_NEURON, TAUGHT, SnnTorchNet, SpikingJellyNet
from ..speed import interleaved

Step = Callable[[], object]


class Race(NamedTuple):
    """A network, and what it is shown."""

    shape: tuple[int, ...]
    layers: str
    steps: int
    batch: int
    recurrent: bool = False
    images: bool = True  # MNIST digits as random spikes; else spikes at random places

    def network(self) -> Network:
        """Return the network, with weights of seed 0."""
        generator = torch.Generator().manual_seed(0)
        return Network(self.shape, self.layers, recurrent=self.recurrent, generator=generator)

    def spikes(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return spikes [T, B, ...] and labels [B]."""
        generator = torch.Generator().manual_seed(0)
        if self.images:
            images = load("mnist", "train").subset(slice(0, self.batch))
            s = bernoulli(images.x.flatten(1) / 255, self.steps, generator=generator)
            return s.view(self.steps, self.batch, *self.shape), images.y
        rates = torch.full((self.steps, self.batch, *self.shape), 0.1)
        return torch.bernoulli(rates, generator=generator), torch.arange(self.batch) % 10


RACES: dict[str, Race] = {
    "conv": Race((1, 28, 28), "16c5s2-32c3s2-128-10", steps=10, batch=100),
    # of snnTorch's tutorial 6 and SpikingJelly's on convolutions: maxima of the currents
    "pooled": Race((1, 28, 28), "12c5p0+max2-64c5p0+max2-10", steps=10, batch=100),
    "batch1": Race((784,), "100-10", steps=16, batch=1),
    "recurrent": Race((64,), "256-10", steps=100, batch=100, recurrent=True, images=False),
    "dense": Race((784,), "256-256-10", steps=20, batch=100),
}


def race(name: str, *, rounds: int = 9, seconds: float = 0.5) -> dict[str, Any]:  # any: JSON
    """Race one learning step, optimizer included, and one forward pass, on one thread.

    Args:
        name: a key of `RACES`.
        seconds: duration of a method's turn, at least.
    """
    torch.set_num_threads(1)
    made = RACES[name]
    training, inference = _methods(made)
    timed = {"rounds": rounds, "samples": made.batch, "seconds": seconds}
    with one_torch_thread():
        learned = interleaved(training, clock=time.process_time, **timed)  # type: ignore[arg-type]
        with torch.no_grad():
            fired = interleaved(inference, clock=time.process_time, **timed)  # type: ignore[arg-type]
    return (
        _ratios(name, learned, fired)
        | made._asdict()
        | {
            "threads": 1,
            "clock": "processor time of the process",
            "samples_per_second": {n: statistics.median(each) for n, each in learned.items()},
            "inferences_per_second": {n: statistics.median(each) for n, each in fired.items()},
        }
    )


def _methods(made: Race) -> tuple[dict[str, Step], dict[str, Step]]:
    """Return a learning step and a forward pass of every method."""
    s, labels = made.spikes()
    training: dict[str, Step] = {}
    inference: dict[str, Step] = {}
    rules: dict[str, Rule] = {"full": Eligibility(), "factorised": Factorised()}
    for name, rule in rules.items():
        net = made.network()
        learner = LocalLearner(net, _feedback(net), rule=rule)
        training[f"BioGrad, {name}"] = _step(learner.step, net, s, labels)
    inference["BioGrad, counts"] = lambda: net.spike_counts(s)
    inference["BioGrad, net(x)"] = lambda: net(s)
    peers: dict[str, Any] = {  # any: the peers' nets
        f"snnTorch, {kind}": SnnTorchNet(net, kind) for kind in (OUR_NEURON, TAUGHT)
    }
    if has_spikingjelly() and not made.recurrent:
        peers["SpikingJelly, as taught"] = SpikingJellyNet(net)
    for name, peer in peers.items():
        training[name] = _step(peer.step, peer.module, s, labels)
        inference[name] = lambda peer=peer: peer.counts(s)  # type: ignore[misc]
    return training, inference


def _feedback(net: Network) -> Feedback:
    """Return direct feedback for dense nets, as in `measurements.speed`, else layered."""
    generator = torch.Generator().manual_seed(1)
    return RandomDFA(net, generator=generator) if net.is_dense else sleep_aligned(net)


def _step(
    learn: Callable[[torch.Tensor, torch.Tensor], object],
    module: torch.nn.Module,
    s: torch.Tensor,
    labels: torch.Tensor,
) -> Step:
    optimizer = torch.optim.Adam(module.parameters(), lr=0.0, fused=True)

    def step() -> None:
        learn(s, labels)
        optimizer.step()

    return step


def _ratios(
    name: str, learned: dict[str, list[float]], fired: dict[str, list[float]]
) -> dict[str, float]:
    """Return medians over the rounds of BioGrad's speed over that of the peers."""
    rounds = range(len(next(iter(learned.values()))))
    ours, leaky = f"snnTorch, {OUR_NEURON}", f"snnTorch, {TAUGHT}"
    peers = [peer for peer in learned if not peer.startswith("BioGrad")]
    found: dict[str, float] = {}
    for rule in ("full", "factorised"):
        mine = learned[f"BioGrad, {rule}"]
        short = "" if rule == "full" else "_factorised"
        stem = f"ratio_{rule}" if name == "dense" else f"ratio_{name}{short}"
        found |= {
            f"{stem}_vs_snntorch": _median(mine[n] / learned[ours][n] for n in rounds),
            f"{stem}_vs_snntorch_leaky": _median(mine[n] / learned[leaky][n] for n in rounds),
            f"{stem}_vs_fastest_peer": _median(
                mine[n] / max(learned[peer][n] for peer in peers) for n in rounds
            ),
        }
    for form, key in (("counts", "inference"), ("net(x)", "forward")):
        mine = fired[f"BioGrad, {form}"]
        found |= {
            f"ratio_{name}_{key}_vs_snntorch_leaky": _median(
                mine[n] / fired[leaky][n] for n in rounds
            ),
            f"ratio_{name}_{key}_vs_fastest_peer": _median(
                mine[n] / max(fired[peer][n] for peer in peers) for n in rounds
            ),
        }
    return found


def _median(values: Any) -> float:  # any: an iterator of numbers
    return statistics.median(list(values))
