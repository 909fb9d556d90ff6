"""Layers of weights, and spike trains through them.

No autograd: parameters carry no graph, rules write their `.grad`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from .fast_path import NEURON, keeps
from .firing import Fired, Synapses, fire, synapses
from .inputs import check_finite_values, check_kind, spikes_for, step_spikes_for
from .kernels.packed_spikes import PackedSpikes
from .kernels.scans import runs_on
from .neurons import HasSpikes, Neuron, TwoCompartmentLIF, lif_params, soma_scan

T = TypeVar("T")


class Activity(NamedTuple):
    """Spikes and slopes of one layer over a sample, each [T, B, N]."""

    s: Tensor
    psi: Tensor


class Layer(nn.Module):
    """Forward synapses onto one population.

        w        [out, in], thresholds per spike, drawn from U(+-2/sqrt(in)): PyTorch's usual bound,
                 U(+-1/sqrt(in)) at v_th = 0.5, in thresholds
        b        [out], thresholds per step, 0 at first: a weight from an input that always fires
        w_rec    [out, out], thresholds per spike, drawn from U(+-1/sqrt(out)): from the layer's own
                 spikes of the step before; None where the layer is not recurrent

    Example:
        >>> Layer(784, 10).w.shape    # [out, in]
        torch.Size([10, 784])
    """

    def __init__(
        self,
        fan_in: int,
        size: int,
        *,
        neuron: Neuron | None = None,
        recurrent: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.neuron: Neuron = neuron or TwoCompartmentLIF()
        bound = 2 / math.sqrt(fan_in)
        w = torch.empty(size, fan_in).uniform_(-bound, bound, generator=generator)
        self.w = nn.Parameter(w, requires_grad=False)
        self.b = nn.Parameter(torch.zeros(size), requires_grad=False)
        self.w_rec: nn.Parameter | None = None
        if recurrent:
            bound = 1 / math.sqrt(size)
            w_rec = torch.empty(size, size).uniform_(-bound, bound, generator=generator)
            self.w_rec = nn.Parameter(w_rec, requires_grad=False)

    @property
    def by_events(self) -> bool:
        """True where event-driven loops stand for this layer's steps; see `Network.by_events`."""
        return (
            self.w_rec is None
            and keeps(self, Layer, "current", "step", "scan")
            and keeps(self.neuron, TwoCompartmentLIF, *NEURON)
        )

    def current(self, s: Float[Tensor, "*T B M"]) -> Float[Tensor, "*T B N"]:
        """Return W s + b, thresholds: the current of spikes of the layer before."""
        return nn.functional.linear(s, self.w, self.b)

    def step(self, state: HasSpikes, current: Float[Tensor, "B N"]) -> HasSpikes:
        """Advance the somata by one step; recurrent ones on their last spikes, too."""
        if self.w_rec is not None:
            current = current + nn.functional.linear(state.s, self.w_rec)
        return self.neuron.soma(state, current)

    def scan(self, current: Float[Tensor, "T B N"]) -> Activity:
        """Advance the layer over all steps, from rest.

        Step by step where it is recurrent, since a spike may matter one step later.
        """
        if self.w_rec is None:
            return Activity(*soma_scan(self.neuron, current))
        state = self.neuron.rest(current[0])
        s, psi = torch.empty_like(current), torch.empty_like(current)
        for t in range(len(current)):
            state = self.step(state, current[t])
            s[t], psi[t] = state.s, self.neuron.slope(state)
        return Activity(s, psi)


class Network(nn.Module):
    """A stack of layers, each driven by the one before it, and a recurrent one by itself, too.

    Args:
        sizes: neurons of each population, input first, classes last, e.g. (784, 256, 256, 10).
        neuron: the neuron of every layer, or a sequence of one per layer, e.g. with other decays;
            the two-compartment LIF unless given.
        recurrent: whether hidden layers have synapses from their own spikes of the step before: one
            answer for all, or a sequence of one per hidden layer.
        generator: source of the initial weights; the global one unless given.

    Example:
        >>> net = Network((784, 256, 10), generator=torch.Generator().manual_seed(0))
        >>> net(torch.zeros(10, 1, 784)).shape      # spikes of the output layer, [T, B, classes]
        torch.Size([10, 1, 10])
        >>> slow = TwoCompartmentLIF(TwoCompartmentParams(alpha_v=0.95))
        >>> fast = TwoCompartmentLIF(TwoCompartmentParams(alpha_v=0.5))
        >>> Network((784, 256, 10), neuron=(slow, fast)).layers[1].neuron is fast
        True
        >>> [name for name, _ in Network((784, 256, 10), recurrent=True).named_parameters()]
        ['layers.0.w', 'layers.0.b', 'layers.0.w_rec', 'layers.1.w', 'layers.1.b']
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        neuron: Neuron | Sequence[Neuron] | None = None,
        recurrent: bool | Sequence[bool] = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or any(n < 1 for n in sizes):
            raise ValueError(
                f"network sizes are {tuple(sizes)}; need an input and an output of at least 1"
                " neuron each"
            )
        self.sizes = tuple(sizes)
        neurons = for_each(neuron or TwoCompartmentLIF(), len(sizes) - 1, "neurons", "layer")
        loops = for_each(recurrent, len(self.hidden), "values of recurrent", "hidden layer")
        layers = (
            Layer(fan_in, size, neuron=neuron, recurrent=loop, generator=generator)
            for (fan_in, size), neuron, loop in zip(
                itertools.pairwise(sizes), neurons, (*loops, False), strict=True
            )
        )
        # a ModuleList holds any Module; this one holds Layers
        self.layers: Sequence[Layer] = nn.ModuleList(layers)  # type: ignore[assignment]

    @property
    def neuron(self) -> Neuron:
        """The one neuron of all layers; ValueError where layers have different ones."""
        if any(layer.neuron is not self.layers[0].neuron for layer in self.layers):
            raise ValueError(
                "the layers of this network have different neurons, and one for all is needed here:"
                " see net.layers[i].neuron"
            )
        return self.layers[0].neuron

    @property
    def recurrent(self) -> bool:
        """True where any layer is recurrent."""
        return any(layer.w_rec is not None for layer in self.layers)

    @property
    def hidden(self) -> tuple[int, ...]:
        """Sizes of the hidden layers, first to last."""
        return self.sizes[1:-1]

    @property
    def classes(self) -> int:
        """Neurons of the output layer."""
        return self.sizes[-1]

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.layers[0].w.device

    @property
    def by_events(self) -> bool:
        """True where the event-driven loops fire this network (see `fast_path`).

        They know the two-compartment LIF, not recurrent, in float32 on a CPU.
        """
        layers = self.layers
        return (
            runs_on(layers[0].w)
            and keeps(self, Network, "roll")
            and all(layer.by_events for layer in layers)
        )

    def synapses(self) -> list[Synapses]:
        """Return every layer's present weights as the event-driven loops read them."""
        return [synapses(layer.w, layer.b) for layer in self.layers]

    def fire(self, trains: PackedSpikes, synapses: list[Synapses] | None = None) -> list[Fired]:
        """Roll packed spikes through the layers event by event, where `by_events` holds.

        Args:
            synapses: the present weights, where they have been transposed already.
        """
        trains = spikes_for(trains, self.sizes[0], self.layers[0].w)
        fired: list[Fired] = []
        for layer, turned in zip(self.layers, synapses or self.synapses(), strict=True):
            fired.append(fire(fired[-1].s if fired else trains, turned, lif_params(layer.neuron)))
        return fired

    def roll(self, spikes: Shaped[Tensor, "T B M"]) -> list[Activity]:
        """Roll spikes through the layers, a whole layer at a time; first hidden layer first.

        By matrix products, as other tools do it, so that spikes can be compared one by one: `fire`
        takes sums in another order, and now and then a voltage within the last bit of the threshold
        falls on its other side.
        """
        spikes = spikes_for(spikes, self.sizes[0], self.layers[0].w)
        check_finite_values(spikes, "spikes")
        activity = []
        for layer in self.layers:
            activity.append(layer.scan(layer.current(spikes)))
            spikes = activity[-1].s
        return activity

    def spike_counts(self, spikes: Shaped[Tensor, "T B M"] | PackedSpikes) -> list[Tensor]:
        """Return the spikes of each neuron over all steps, [B, N] of every layer."""
        spikes = spikes_for(spikes, self.sizes[0], self.layers[0].w)
        if self.by_events:
            trains = spikes if isinstance(spikes, PackedSpikes) else PackedSpikes.pack(spikes)
            if trains is not None:
                return [fired.s.counts() for fired in self.fire(trains)]
        dense = spikes.dense() if isinstance(spikes, PackedSpikes) else spikes
        return [activity.s.sum(0) for activity in self.roll(dense)]

    def rest(self, batch: int) -> list[HasSpikes]:
        """Return the somata of every layer before the first step."""
        if batch < 1:
            raise ValueError(f"batch is {batch}; need at least one sample")
        return [
            layer.neuron.rest(layer.w.new_zeros(batch, layer.w.shape[0])) for layer in self.layers
        ]

    def step(self, states: list[HasSpikes], spikes: Shaped[Tensor, "B M"]) -> list[HasSpikes]:
        """Advance every layer by one step, on the spikes of the layer before in the same step."""
        if len(states) != len(self.layers):
            raise ValueError(
                f"there are {len(states)} states for {len(self.layers)} layers: start from rest()"
            )
        spikes = step_spikes_for(spikes, self.sizes[0], self.layers[0].w)
        after = []
        for layer, state in zip(self.layers, states, strict=True):
            after.append(layer.step(state, layer.current(spikes)))
            spikes = after[-1].s
        return after

    def forward(self, spikes: Shaped[Tensor, "T B M"]) -> Float[Tensor, "T B C"]:
        """Return the spikes of the output layer, 0 or 1, [T, B, classes]."""
        return self.roll(spikes)[-1].s


def for_each(value: T | Sequence[T], count: int, what: str, where: str) -> list[T]:
    """Return one value per layer, from one for all layers or a sequence of one for each.

    Args:
        count: number of layers.
        what, where: names for the message, e.g. "neurons" and "layer".
    Raises: ValueError where a sequence has another length.
    """
    values = list(value) if isinstance(value, Sequence) else [value] * count
    if len(values) != count:
        raise ValueError(
            f"there are {len(values)} {what} for {count} {where}s: give one for all, or one for"
            " each"
        )
    return values


def delayed(s: Float[Tensor, "T B N"]) -> Float[Tensor, "T B N"]:
    """Return the spikes of the step before each step; none before the first."""
    return torch.cat([torch.zeros_like(s[:1]), s[:-1]])


def read_out(s_out: Float[Tensor, "T B C"]) -> Tensor:
    """Return the class whose neuron fired most, int64 [B]; of several, the lowest, as on the chip.

    Example:
        >>> s_out = torch.tensor([[0.0, 1.0], [1.0, 1.0]]).view(2, 1, 2)    # T = 2, two classes
        >>> read_out(s_out).tolist()
        [1]
    """
    check_kind(s_out, "s_out")
    if s_out.dim() != 3 or not s_out.shape[2]:
        raise ValueError(f"s_out has the shape {tuple(s_out.shape)}; need [T, B, C], C at least 1")
    check_finite_values(s_out, "s_out")
    return most_spikes(s_out.sum(0))


def most_spikes(counts: Float[Tensor, "B C"]) -> Tensor:
    """Return `read_out` of the spikes that each output neuron fired over all steps."""
    # argmax is free to return any of several maxima; this order is the same everywhere.
    classes = torch.arange(counts.shape[-1], device=counts.device)
    return torch.where(counts == counts.amax(-1, keepdim=True), classes, counts.shape[-1]).amin(-1)
