"""Networks with faults in the simulator: the neurons and synapses that the emulator breaks, too.

See `hardware.border.faults` for the kinds. Weights are real numbers here; bits are flipped in the
8-bit code that each would be stored as, of the scale max |w| / 127 per layer, and a weight without
flipped bits keeps its value. Voltages are no stored integers, so `state_bits` is refused.
"""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from hardware.border.faults import Faults
from hardware.faults import (
    BLOCK,
    fired,
    flipped_bits,
    flipped_codes,
    neurons_fail,
    spikes_lost,
    synapses_fail,
    voltage_noise,
)

from ..checks import instance_of, whole_number
from ..data.samples import Samples, spikes_of
from ..encoders import Encoder, integrate_and_fire
from ..layers import Layer
from ..network import Network
from ..neurons import TwoCompartmentLIF
from ..readout import Classes, Readout
from ..tensors import seeded
from ..training.evaluation import Evaluation, evaluate

_BITS = 8  # of a stored weight
_RECURRENT = 1000  # recurrent synapses are drawn as those of layer number + _RECURRENT


def damaged(net: Network, faults: Faults) -> Network:
    """Return a copy of a network with failed synapses and flipped bits in its weights.

    Example:
        >>> net = damaged(Network((4, 3, 2)), Faults(synapses=1.0))
        >>> net.layers[0].w.abs().max().item()
        0.0
    """
    instance_of(faults, Faults, "faults", "Faults(synapses=0.1)")
    net = copy.deepcopy(net)
    for number, layer in enumerate(net.layers):
        for w, key in ((layer.w, number), (layer.w_rec, number + _RECURRENT)):
            if w is not None:
                w.data.copy_(torch.from_numpy(_weights(faults, key, w.detach().cpu().numpy())))
    return net


def silence(net: Network, faults: Faults) -> Network:
    """Return a copy of a network whose dead hidden neurons can neither fire nor learn.

    Their bias is -100 thresholds: so far below the threshold the slope is 0, and so is every
    change of their synapses. The network can be trained further, around the damage.
    """
    net = damaged(net, faults)
    for number, layer in enumerate(net.layers[:-1]):
        dead, _ = neurons_fail(faults, number, layer.size)
        if len(layer.b) != layer.size:
            raise ValueError(
                f"layer {number + 1} has {len(layer.b)} biases for {layer.size} neurons, which"
                " share their synapses: damage dense layers alone"
            )
        layer.b.data[torch.from_numpy(dead)] = -100.0
        layer.w.data[torch.from_numpy(dead)] = 0.0
    return net


def fired_with_faults(
    net: Network, spikes: Shaped[Tensor, "T B ..."], faults: Faults, *, first: int = 0
) -> list[Tensor]:
    """Return the spikes that leave each layer, [T, B, N], under faults.

    Args:
        first: number of the first sample within a run, a multiple of BLOCK: of the faults that
            change from step to step.
    """
    return _fired(net, damaged(net, faults), spikes, faults, first)


def evaluate_with_faults(
    net: Network,
    images: Samples,
    faults: Faults,
    *,
    encoder: Encoder | None = integrate_and_fire,
    readout: Readout | None = None,
    steps: int = 10,
    seed: int = 0,
) -> Evaluation:
    """Measure a network as `evaluate` does, with faults; without any this is `evaluate` itself.

    Args:
        seed: of the random numbers of an encoder; faults have a seed of their own.

    Example:
        >>> images = ImageSet("random", "test", torch.rand(20, 784), torch.arange(20) % 10, 10)
        >>> evaluate_with_faults(Network((784, 10)), images, Faults(dead=1.0)).rates
        [0.0]
    """
    instance_of(net, Network, "net", "a Network")
    instance_of(faults, Faults, "faults", "Faults(dead=0.1)")
    if not faults.any:
        return evaluate(net, images, encoder=encoder, readout=readout, steps=steps, seed=seed)
    readout = (
        Classes() if readout is None else instance_of(readout, Readout, "readout", "Classes()")
    )
    whole_number(steps, "steps", 1)
    broken, generator = damaged(net, faults), seeded(seed)
    start = time.perf_counter()
    answers, rates = [], torch.zeros(len(net.layers))
    for members in torch.arange(len(images.y)).split(BLOCK):
        spikes = spikes_of(images, members, steps, encoder=encoder, generator=generator)
        s = _fired(net, broken, spikes.to(net.device), faults, int(members[0]))
        answers.append(readout.answers(s[-1].sum(0), len(spikes)).cpu())
        rates += torch.stack([each.sum().cpu() / each.shape[-1] for each in s])
    predicted = torch.cat(answers)
    seconds = time.perf_counter() - start
    return Evaluation(
        predicted,
        images.y,
        (rates / (len(images.y) * steps)).tolist(),
        len(images.y) / seconds,
        readout.measured(predicted, images.y),
    )


@torch.no_grad()
def _fired(
    net: Network, broken: Network, spikes: Tensor, faults: Faults, first: int
) -> list[Tensor]:
    """Return the spikes of every layer; `broken`: the network with its faulty weights."""
    _check(net, faults)
    if not faults.any:
        return [activity.s.to(torch.float32) for activity in net.roll(spikes)]
    if first % BLOCK:
        raise ValueError(f"first is {first}; need a multiple of {BLOCK}, a block of faults")
    if spikes.shape[1] > BLOCK:
        raise ValueError(f"there are {spikes.shape[1]} samples; need at most {BLOCK} at once")
    block, out = first // BLOCK, []
    s = spikes.flatten(2).to(net.layers[0].w.dtype)
    for number, layer in enumerate(broken.layers):
        output = number == len(net.layers) - 1
        if faults.in_voltages or layer.w_rec is not None:
            s = _stepped(layer, s, faults, number, block, output)
        else:
            intact = layer.respond(s).s.to(s.dtype)
            s = _masked(faults, number, block, intact, output)
        out.append(s)
    return out


def _stepped(
    layer: Layer, s: Tensor, faults: Faults, number: int, block: int, output: bool
) -> Tensor:
    """Step a layer whose voltages are noisy, or whose own spikes come back to it."""
    current = layer.drive(layer.arriving(s).flatten(0, 1))[0].unflatten(0, s.shape[:2])
    noise = None
    if faults.noise:
        drawn = voltage_noise(faults, number, block, tuple(current.shape))
        noise = torch.from_numpy(drawn).to(current)
    spared = output and not faults.output
    dead, stuck = (
        torch.from_numpy(mask & (not spared)) for mask in neurons_fail(faults, number, layer.size)
    )
    lost = torch.from_numpy(spikes_lost(faults, number, block, tuple(current.shape)) & (not spared))
    state, sent = layer.neuron.rest(current[0]), torch.zeros_like(current)
    for t in range(len(current)):
        arriving = current[t]
        if layer.w_rec is not None and t:
            arriving = arriving + sent[t - 1] @ layer.w_rec.T
        if noise is not None:
            state = _disturbed(layer.neuron, state, noise[t])
        state = layer.neuron.soma(state, arriving)
        sent[t] = torch.where(lost[t] | dead & ~stuck, 0.0, torch.where(stuck, 1.0, state.s))
    return sent


def _disturbed(neuron: Any, state: Any, noise: Tensor) -> Any:  # any: a user's neuron and state
    """Add noise to the voltage kept from the step before, its reset done."""
    reset = neuron.params.reset if neuron.fires else "none"
    kept = {"zero": lambda: state.v * (1 - state.s), "subtract": lambda: state.v - state.s}
    v = kept.get(reset, lambda: state.v)() + noise
    return state._replace(v=v, s=torch.zeros_like(state.s))


def _masked(faults: Faults, number: int, block: int, s: Tensor, output: bool) -> Tensor:
    if not (faults.dead or faults.stuck or faults.lost):
        return s
    sent = fired(faults, number, block, s.cpu().numpy(), output=output)
    return torch.from_numpy(sent).to(s)


def _check(net: Network, faults: Faults) -> None:
    instance_of(faults, Faults, "faults", "Faults(dead=0.1)")
    if faults.state_bits:
        raise ValueError(
            f"faults.state_bits is {faults.state_bits:g}; voltages of the simulator are no stored"
            " integers: run the emulator (biograd deploy --faults)"
        )
    for number, layer in enumerate(net.layers, start=1):
        graded = not layer.neuron.fires
        if faults.noise and not (isinstance(layer.neuron, TwoCompartmentLIF) or graded):
            raise ValueError(
                f"faults.noise is {faults.noise:g}, and layer {number} has {layer.neuron!r}; need"
                " two-compartment LIF neurons, whose voltages are known"
            )
        if faults.noise and not graded and layer.neuron.params.reset == "subtract_late":  # type: ignore[attr-defined]  # of a LIF
            raise ValueError(
                f"faults.noise is {faults.noise:g}, and layer {number} resets by 'subtract_late';"
                " need 'zero', 'subtract' or 'none'"
            )
        if graded and faults.output and (faults.dead or faults.stuck or faults.lost):
            raise ValueError(
                f"layer {number} is a graded readout, which sends no spikes to lose: set"
                " faults.output to False to spare it"
            )


def _weights(faults: Faults, number: int, w: np.ndarray) -> np.ndarray:
    if faults.weight_bits:
        scale = float(np.abs(w).max()) / 127 or 1.0
        codes = np.clip(np.rint(w / scale), -128, 127).astype(np.int32)
        flips = flipped_bits(faults, number, w.shape, _BITS)
        changed = flipped_codes(codes, flips, _BITS, signed=True) - codes
        w = np.where(flips != 0, w + np.float32(scale) * changed.astype(w.dtype), w)
    if faults.synapses:
        w = np.where(synapses_fail(faults, number, w.shape), 0, w)
    return w.astype(np.float32, copy=False)
