"""Sleep: noise drives the network from within, and the feedback weights learn where each neuron's
spikes arrive.

While asleep, a neuron subtracts its own running mean current and sits just below steady firing
instead; so a spike of the dreaming layer shows at the output at once, whatever the weights' scale.
Without this the outputs are silent or saturated and the angle stays near 60 degrees (our trials).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from .feedback import SleepAligned
from .kernels import gpu, scans
from .network import Network
from .neurons import SomaState, TwoCompartmentLIF, TwoCompartmentParams, lif_params, soma_step


@dataclass(frozen=True, kw_only=True)
class SleepParams:
    """The nights of a training run.

    Example:
        >>> SleepParams(every=20).phases
        4
    """

    every: int = 50  # batches between two nights
    phases: int = 4  # phases per night; ours, from trials on MNIST, as all of these
    first_night: int = 100  # phases before training, at least 1: they settle the scale of w_fb
    steps: int = 1000  # time steps of one phase
    rate: float = 0.2  # spikes per step of the dreaming layer
    # standard deviation of the current noise of hidden neurons further on, thresholds
    noise: float = 0.6
    # pull of w_fb towards the coincidences, a phase; ours: 0.05 left the first layer 4 degrees
    # further off
    decay: float = 0.02
    # a neuron's running means follow by this fraction per step (by 1/t while that is more)
    eta: float = 0.02

    def __post_init__(self) -> None:
        for name in ("every", "steps", "first_night"):
            if getattr(self, name) < 1:
                raise ValueError(f"sleep.{name} is {getattr(self, name)}; need at least 1")
        for name in ("phases", "noise"):
            if getattr(self, name) < 0:
                raise ValueError(f"sleep.{name} is {getattr(self, name)}; need 0 or more")
        if not 0 < self.rate < 1:
            raise ValueError(
                f"sleep.rate is {self.rate}; need 0 < rate < 1 (at most one spike per step)"
            )
        for name in ("decay", "eta"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"sleep.{name} is {getattr(self, name)}; need 0 < {name} <= 1")


class DreamState(NamedTuple):
    """A sleeping population after a step: its somata, and each neuron's running mean current, [B,
    N], thresholds.
    """

    soma: SomaState
    mean: Tensor


def homeostatic_step(
    state: DreamState,
    current: Float[Tensor, "B N"],
    noise: Float[Tensor, "B N"],
    t: int,
    p: TwoCompartmentParams,
    eta: float,
) -> DreamState:
    """Advance a sleeping population by one step.

        mean[t] = mean[t-1] + max(eta, 1/(t+1)) (current[t] - mean[t-1])
        soma driven by  current[t] - mean[t] + rheobase + noise[t],   rheobase = (1 - alpha_u)(1 - alpha_v)

    The rheobase is the constant current whose voltage tends to exactly one threshold, which never
    fires (s needs v > 1). Ours.
    """
    mean = state.mean + max(eta, 1 / (t + 1)) * (current - state.mean)
    return DreamState(soma_step(state.soma, (current - mean) + _rheobase(p) + noise, p), mean)


def sleep_phase(
    net: Network, feedback: SleepAligned, p: SleepParams, *, generator: torch.Generator
) -> None:
    """One phase: each hidden layer in turn dreams, and its feedback weights take one Hebbian step.
    Forward weights do not change.

    Example:
        >>> net = Network((784, 32, 10))
        >>> sleep_phase(net, SleepAligned(net), SleepParams(steps=100), generator=torch.Generator().manual_seed(0))
    """
    for hidden in range(len(net.hidden)):
        s, s_out = dream(net, hidden, p, generator=generator)
        feedback.align(hidden, coincidence(s, s_out, p.rate, p.eta), p.decay)


def first_night(
    net: Network, feedback: SleepAligned, p: SleepParams, *, generator: torch.Generator
) -> None:
    """The phases before training, at least 1: they settle the scale of w_fb, after which the gain
    of every layer is fixed.
    """
    for _ in range(p.first_night):
        sleep_phase(net, feedback, p, generator=generator)
    for hidden in range(len(net.hidden)):
        feedback.set_gain(hidden)


def dream(
    net: Network, hidden: int, p: SleepParams, *, generator: torch.Generator
) -> tuple[Float[Tensor, "T N"], Float[Tensor, "T C"]]:
    """Let a hidden layer fire at random, and the layers after it listen: its spikes and the
    output's, [T, N] and [T, classes].

    Recurrent synapses are silent in a dream: what feedback weights learn is the path forward
    (`feedback.true_path`).
    """
    for layer in net.layers[hidden + 1 :]:
        if not isinstance(layer.neuron, TwoCompartmentLIF):
            raise ValueError(
                f"sleep knows the two-compartment LIF, not {type(layer.neuron).__name__}: use other"
                " feedback, e.g. 'dfa'"
            )
    device = net.device
    n = net.hidden[hidden]
    s = (torch.rand(p.steps, n, generator=generator) < p.rate).float().to(device)
    downstream = s
    for index in range(hidden + 1, len(net.layers)):
        layer, is_output = net.layers[index], index == len(net.layers) - 1
        current = layer.current(downstream)
        noise = torch.zeros_like(current)
        if not is_output and p.noise > 0:
            noise = p.noise * torch.randn(current.shape, generator=generator).to(device)
        downstream = _dream_scan(current, noise, lif_params(layer.neuron), p.eta)
    return s, downstream


def surprise_step(
    mean: Float[Tensor, " C"], s: Float[Tensor, " C"], t: int, eta: float
) -> tuple[Tensor, Tensor]:
    """A neuron's running mean rate after step t (see `homeostatic_step`), and how much its spike
    exceeds it.
    """
    mean = mean + max(eta, 1 / (t + 1)) * (s - mean)
    return mean, s - mean


def coincidence(
    s: Float[Tensor, "T N"], s_out: Float[Tensor, "T C"], rate: float, eta: float
) -> Float[Tensor, "N C"]:
    """Mean over steps of (s_out - its running mean)(s - rate): same-step coincidences, as each
    feedback synapse sees them.

    Args:
        s: spikes of the dreaming layer, [T, N].
        s_out: spikes of the output layer, [T, C].
        rate: the dreaming layer's spikes per step.
        eta: how fast an output neuron's running mean follows.
    """
    return (s - rate).T @ _surprise_scan(s_out, eta) / len(s)


def _rheobase(p: TwoCompartmentParams) -> float:
    return (1 - p.alpha_u) * (1 - p.alpha_v)


def _dream_scan(
    current: Float[Tensor, "T N"], noise: Float[Tensor, "T N"], p: TwoCompartmentParams, eta: float
) -> Float[Tensor, "T N"]:
    if gpu.runs_on(current):
        return gpu.dream(current, noise, p.alpha_u, p.alpha_v, _rheobase(p), eta)
    if scans.runs_on(current):
        return scans.dream(current, noise, p.alpha_u, p.alpha_v, _rheobase(p), eta)
    zero = torch.zeros_like(current[:1])
    state, s = DreamState(SomaState(zero, zero, zero), zero), torch.empty_like(current)
    for t in range(len(current)):
        state = homeostatic_step(state, current[t : t + 1], noise[t : t + 1], t, p, eta)
        s[t] = state.soma.s[0]
    return s


def _surprise_scan(s: Float[Tensor, "T C"], eta: float) -> Float[Tensor, "T C"]:
    if gpu.runs_on(s):
        return gpu.surprise(s, eta)
    if scans.runs_on(s):
        return scans.surprise(s, eta)
    mean, out = torch.zeros_like(s[0]), torch.empty_like(s)
    for t in range(len(s)):
        mean, out[t] = surprise_step(mean, s[t], t, eta)
    return out
