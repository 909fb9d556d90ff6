"""Sleep: noise drives the network from within, and the feedback weights learn its forward path.

While asleep, a neuron subtracts its own running mean current and sits just below steady firing
instead; so a spike of the dreaming layer shows at the output at once, whatever the weights' scale.
Without this the outputs are silent or saturated and the angle stays near 60 degrees (our trials).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from .checks import instance_of
from .fast_path import compiled_loops, keeps
from .feedback import Feedback
from .layers import Layer
from .network import Network
from .neurons import (
    HasSpikes,
    Neuron,
    TwoCompartmentLIF,
    lif_params,
    resets_to_zero,
)
from .neurons.decays import spread
from .params.sleep import SleepParams as SleepParams
from .parts import check_feedback
from .tensors import check_generator

SHORTEST_DREAM = 200  # steps of a layer whose positions share weights; ours, from trials


class DreamState(NamedTuple):
    """A sleeping population after a step."""

    soma: HasSpikes  # as the neuron has it
    mean: Tensor  # running mean current of each neuron, [B, N], thresholds


def homeostatic_step(
    state: DreamState,
    current: Float[Tensor, "B N"],
    noise: Float[Tensor, "B N"],
    t: int,
    neuron: Neuron,
    eta: float,
) -> DreamState:
    """Advance a sleeping population by one step.

        mean[t] = mean[t-1] + max(eta, 1/(t+1)) (current[t] - mean[t-1])
        soma driven by  current[t] - mean[t] + rheobase + noise[t]

    The rheobase is the constant current whose voltage tends to exactly one threshold, which never
    fires (`TwoCompartmentLIF.rheobase`). Ours.
    """
    mean = state.mean + max(eta, 1 / (t + 1)) * (current - state.mean)
    rheobase = _rheobase(neuron)
    base = spread(rheobase, current) if isinstance(rheobase, tuple) else rheobase
    return DreamState(neuron.soma(state.soma, (current - mean) + base + noise), mean)


def sleep_phase(
    net: Network, feedback: Feedback, p: SleepParams, *, generator: torch.Generator
) -> None:
    """Let each hidden layer dream in turn, and align its feedback; forward weights do not change.

    Raises: ValueError where the feedback defines no `align`, or a neuron no `rheobase`.

    Example:
        >>> net = Network((784, 32, 10))
        >>> p, generator = SleepParams(steps=100), torch.Generator().manual_seed(0)
        >>> sleep_phase(net, SleepAligned(net), p, generator=generator)
    """
    check_feedback(net, feedback)
    instance_of(p, SleepParams, "p", "SleepParams()")
    check_generator(generator)
    for hidden in range(len(net.hidden)):
        if feedback.layered:
            coincidences = dream_of_layer(net.layers[hidden + 1], p, generator=generator)
            feedback.align(hidden, coincidences, p.decay)
            continue
        s, s_out = dream(net, hidden, p, generator=generator)
        feedback.align(hidden, coincidence(s, s_out, p.rate, p.eta), p.decay)


def first_night(
    net: Network, feedback: Feedback, p: SleepParams, *, generator: torch.Generator
) -> None:
    """Run the phases before training, then fix every layer's gain (`Feedback.set_gain`).

    Example:
        >>> net = Network((784, 32, 10))
        >>> feedback, p = SleepAligned(net), SleepParams(first_night=2, steps=100)
        >>> first_night(net, feedback, p, generator=torch.Generator().manual_seed(0))
        >>> bool(feedback.gain > 0)
        True
    """
    instance_of(p, SleepParams, "p", "SleepParams()")
    for _ in range(p.first_night):
        sleep_phase(net, feedback, p, generator=generator)
    for hidden in range(len(net.hidden)):
        feedback.set_gain(hidden)


def dream(
    net: Network, hidden: int, p: SleepParams, *, generator: torch.Generator
) -> tuple[Float[Tensor, "T N"], Float[Tensor, "T C"]]:
    """Let a hidden layer fire at random, and drive the layers after it with its spikes.

    Recurrent synapses are silent in a dream, and spikes arrive in the step in which they fire:
    feedback weights learn the path forward (`feedback.true_path`).

    Returns: spikes of the layer, [T, N], and of the output, [T, classes].
    """
    for layer in net.layers[hidden + 1 :]:
        _rheobase(layer.neuron)
    n = net.hidden[hidden]
    # of one type whatever torch's default is, so that equal seeds give equal dreams
    drawn = torch.rand(p.steps, n, generator=generator, dtype=torch.float32)
    s = (drawn < p.rate).to(net.layers[0].w)
    downstream = s
    for index in range(hidden + 1, len(net.layers)):
        layer, is_output = net.layers[index], index == len(net.layers) - 1
        current = layer.current(downstream)
        noise = torch.zeros_like(current)
        if not is_output and p.noise > 0:
            drawn = torch.randn(current.shape, generator=generator, dtype=torch.float32)
            noise = p.noise * drawn.to(current)
        downstream = _dream_scan(current, noise, layer.neuron, p.eta)
    return s, downstream


def dream_of_layer(layer: Layer, p: SleepParams, *, generator: torch.Generator) -> Tensor:
    """Let the population before a layer fire at random, and return the coincidences of a dream.

        C = mean over steps of (s[l] - its running mean)(s[l-1] - rate)^T

    summed over the positions that share a weight, which average as steps do: kernels need a
    fraction of the steps. A graded neuron dreams with its synaptic current in the place of spikes:
    in its voltage the inputs of many steps add up, and hide which of them came just now (3,136
    inputs, 3,000 steps: 55 degrees against 13). Recurrent synapses are silent, delays are 0.

    Returns: of the shape of the layer's weights.
    """
    inputs, positions = layer.synapse_shape, layer.connection.positions(layer.synapse_shape)
    steps = max(min(p.steps, SHORTEST_DREAM), math.ceil(p.steps / positions))
    drawn = torch.rand(steps, math.prod(layer.in_shape), generator=generator)
    s = (drawn < p.rate).float().to(layer.w.device)
    current, after = layer.drive(s)
    if not layer.neuron.fires:
        fired = current
    else:
        noise = p.noise * torch.randn(current.shape, generator=generator).to(current)
        fired = _dream_scan(current, noise, layer.neuron, p.eta)
    surprise = layer.at_synapses(_surprise_scan(fired, p.eta), after)
    before = layer.before(s)[0]
    mean = p.rate if not layer.pools else before.mean()
    return layer.connection.update(surprise, before - mean, inputs) / steps


def surprise_step(
    mean: Float[Tensor, " C"], s: Float[Tensor, " C"], t: int, eta: float
) -> tuple[Tensor, Tensor]:
    """Return the running mean rates after step t, and how much the spikes exceed them.

    The mean follows as in `homeostatic_step`.
    """
    mean = mean + max(eta, 1 / (t + 1)) * (s - mean)
    return mean, s - mean


def coincidence(
    s: Float[Tensor, "T N"], s_out: Float[Tensor, "T C"], rate: float, eta: float
) -> Float[Tensor, "N C"]:
    """Return the mean over steps of (s_out - its running mean)(s - rate), [N, C].

    These are coincidences of the same step, as each feedback synapse sees them.

    Args:
        s: spikes of the dreaming layer, [T, N].
        s_out: spikes of the output layer, [T, C].
        rate: the dreaming layer's spikes per step.
        eta: how fast an output neuron's running mean follows, as in `SleepParams`.
    """
    return (s - rate).T @ _surprise_scan(s_out, eta) / len(s)


def _rheobase(neuron: Neuron) -> float | tuple[float, ...]:
    if neuron.rheobase is None:
        raise ValueError(
            f"{type(neuron).__name__} has no rheobase, which sleep needs: define it, or use other"
            " feedback, e.g. 'dfa'"
        )
    return neuron.rheobase


def _dream_scan(
    current: Float[Tensor, "T N"], noise: Float[Tensor, "T N"], neuron: Neuron, eta: float
) -> Float[Tensor, "T N"]:
    loops = compiled_loops(current)
    keeps_soma = keeps(neuron, TwoCompartmentLIF, "rest", "soma", "rheobase")
    rheobase = _rheobase(neuron)
    known = keeps_soma and resets_to_zero(neuron) and not isinstance(rheobase, tuple)
    if loops is not None and known:
        p = lif_params(neuron)
        return loops.dream(current, noise, p.alpha_u, p.alpha_v, rheobase, eta)
    state = DreamState(neuron.rest(current[:1]), torch.zeros_like(current[:1]))
    s = torch.empty_like(current)
    for t in range(len(current)):
        state = homeostatic_step(state, current[t : t + 1], noise[t : t + 1], t, neuron, eta)
        s[t] = state.soma.s[0]
    return s


def _surprise_scan(s: Float[Tensor, "T C"], eta: float) -> Float[Tensor, "T C"]:
    if (loops := compiled_loops(s)) is not None:
        return loops.surprise(s, eta)
    mean, out = torch.zeros_like(s[0]), torch.empty_like(s)
    for t in range(len(s)):
        mean, out[t] = surprise_step(mean, s[t], t, eta)
    return out
