"""Layers of weights, and the roll of a spike train through them. No autograd: parameters carry no
graph, rules write their `.grad`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from .kernels.event_driven import FIRE_ROWS, fire_samples
from .kernels.packed_spikes import PackedSpikes, unsigned
from .kernels.row_sums import padded
from .kernels.scans import runs_on
from .kernels.transpose import ONE, turn
from .neurons import (
    HasSpikes,
    Neuron,
    TwoCompartmentLIF,
    TwoCompartmentParams,
    lif_params,
    soma_scan,
)


class Activity(NamedTuple):
    """What one layer did over a sample: its spikes and the slopes of its somata, each [T, B, N]."""

    s: Tensor
    psi: Tensor


class Synapses(NamedTuple):
    """A layer's weights, turned so that one presynaptic neuron's lie side by side."""

    # [in, width], thresholds per spike; width: `out` rounded up to whole blocks, zeros behind it
    w: Tensor
    b: Tensor  # [width], thresholds per step
    out: int


class Fired(NamedTuple):
    """What a layer did over a sample."""

    s: PackedSpikes  # spikes
    psi: PackedSpikes  # slopes


def synapses(w: Float[Tensor, "N M"], b: Float[Tensor, " N"]) -> Synapses:
    """Turn a layer's weights; once per batch, as they change with it."""
    out, inputs = w.shape
    turned, bias = torch.empty(inputs, padded(out)), torch.zeros(padded(out))
    table = turned.numpy()
    table[:, out:] = 0
    turn(w.detach().contiguous().unsqueeze(0).numpy(), ONE, table, 0, inputs)
    bias[:out] = b.detach()
    return Synapses(turned, bias, out)


def fire(before: PackedSpikes, layer: Synapses, p: TwoCompartmentParams) -> Fired:
    """Roll spike trains through a layer: `neurons.soma_step` and `neurons.surrogate_slope` over all
    steps, from rest.
    """
    fired = Fired(*(PackedSpikes.blank(before.steps, before.batch, layer.out) for _ in range(2)))
    alphas = np.float32(p.alpha_u), np.float32(p.alpha_v), np.float32(p.window)
    scratch = torch.empty(FIRE_ROWS, layer.w.shape[1]).numpy()
    into = unsigned(fired.s), unsigned(fired.psi), 0, before.batch, scratch
    fire_samples(unsigned(before), before.steps, layer.w.numpy(), layer.b.numpy(), *alphas, *into)
    return fired


class Layer(nn.Module):
    """Forward synapses onto one population.

    `w` [out, in], thresholds per spike; `b` [out], thresholds per step, a weight from one input
    that fires at every step. Drawn from U(+-2/sqrt(in)), b = 0: PyTorch's usual bound,
    U(+-1/sqrt(in)) at v_th = 0.5, in thresholds. `w_rec` [out, out], thresholds per spike, where
    the layer is recurrent: from its own spikes of the step before, drawn from U(+-1/sqrt(out));
    else None.

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
        self.neuron = neuron or TwoCompartmentLIF()
        bound = 2 / math.sqrt(fan_in)
        w = torch.empty(size, fan_in).uniform_(-bound, bound, generator=generator)
        self.w = nn.Parameter(w, requires_grad=False)
        self.b = nn.Parameter(torch.zeros(size), requires_grad=False)
        self.w_rec: nn.Parameter | None = None
        if recurrent:
            w_rec = torch.empty(size, size).uniform_(
                -1 / math.sqrt(size), 1 / math.sqrt(size), generator=generator
            )
            self.w_rec = nn.Parameter(w_rec, requires_grad=False)

    def current(self, s: Float[Tensor, "*T B M"]) -> Float[Tensor, "*T B N"]:
        """W s + b, thresholds: what arrives from the layer before."""
        return nn.functional.linear(s, self.w, self.b)

    def step(self, state: HasSpikes, current: Float[Tensor, "B N"]) -> HasSpikes:
        """The somata one step later: on `current`, and, where the layer is recurrent, on their own
        spikes of the step before.
        """
        return self.neuron.soma(
            state,
            current if self.w_rec is None else current + nn.functional.linear(state.s, self.w_rec),
        )

    def scan(self, current: Float[Tensor, "T B N"]) -> Activity:
        """What the layer does over all steps, from rest; step by step where it is recurrent, for a
        spike may matter one step later.
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
    """A stack of layers, each driven by the one before it, and a recurrent one by itself too.

    Args:
        sizes: neurons of each population, input first, classes last, e.g. (784, 256, 256, 10).
        neuron: the neuron of every layer, or one for each in turn, e.g. with decays of its own; the
            two-compartment LIF unless given.
        recurrent: whether every hidden layer has synapses from its own spikes of the step before;
            or which of them, in turn.
        generator: source of the initial weights; the global one unless given.

    Example:
        >>> net = Network((784, 256, 10), generator=torch.Generator().manual_seed(0))
        >>> net(torch.zeros(10, 1, 784)).shape      # spikes of the output layer, [T, B, classes]
        torch.Size([10, 1, 10])
        >>> slow, fast = (TwoCompartmentLIF(TwoCompartmentParams(alpha_v=alpha_v)) for alpha_v in (0.95, 0.5))
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
        one = neuron or TwoCompartmentLIF()
        neurons = [one] * (len(sizes) - 1) if isinstance(one, Neuron) else list(one)
        if len(neurons) != len(sizes) - 1:
            raise ValueError(
                f"there are {len(neurons)} neurons for {len(sizes) - 1} layers: give one for all,"
                " or one for each"
            )
        loops = [recurrent] * len(self.hidden) if isinstance(recurrent, bool) else list(recurrent)
        if len(loops) != len(self.hidden):
            raise ValueError(
                f"recurrent says {len(loops)} times yes or no for {len(self.hidden)} hidden layers:"
                " once for all, or for each"
            )
        kinds = zip(itertools.pairwise(sizes), neurons, (*loops, False), strict=True)
        layers = (
            Layer(m, n, neuron=own, recurrent=loop, generator=generator)
            for (m, n), own, loop in kinds
        )
        self.layers: Sequence[Layer] = nn.ModuleList(layers)  # type: ignore[assignment]  # it holds any Module; here it holds Layers

    @property
    def neuron(self) -> Neuron:
        """The neuron of every layer; ValueError where layers have neurons of their own."""
        if any(layer.neuron is not self.layers[0].neuron for layer in self.layers):
            raise ValueError(
                "the layers of this network have neurons of their own, and this knows one for all:"
                " see net.layers[i].neuron"
            )
        return self.layers[0].neuron

    @property
    def recurrent(self) -> bool:
        """Whether any layer is recurrent."""
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
        """Where the weights are."""
        return self.layers[0].w.device

    @property
    def by_events(self) -> bool:
        """Whether this network fires by the event-driven loops: two-compartment LIF, not recurrent,
        float32, on a CPU.
        """
        known = (
            all(type(layer.neuron) is TwoCompartmentLIF for layer in self.layers)
            and not self.recurrent
        )
        return known and runs_on(self.layers[0].w)

    def synapses(self) -> list[Synapses]:
        """Every layer's weights as the event-driven loops read them, as they are now."""
        return [synapses(layer.w, layer.b) for layer in self.layers]

    def fire(self, trains: PackedSpikes, synapses: list[Synapses] | None = None) -> list[Fired]:
        """What `roll` does, from trains to trains, event by event: for learning and counting, where
        `by_events` holds.

        Args:
            synapses: those of now, where they have been turned already.
        """
        done: list[Fired] = []
        for layer, turned in zip(self.layers, synapses or self.synapses(), strict=True):
            done.append(fire(done[-1].s if done else trains, turned, lif_params(layer.neuron)))
        return done

    def roll(self, spikes: Float[Tensor, "T B M"]) -> list[Activity]:
        """Roll a spike train through the layers, a whole layer at a time: what each did, first
        hidden layer first.

        By matrix products, as other tools do it, so that spikes can be compared one by one: `fire`
        takes sums in another order, and now and then a voltage within the last bit of the threshold
        falls on its other side.
        """
        done = []
        for layer in self.layers:
            done.append(layer.scan(layer.current(spikes)))
            spikes = done[-1].s
        return done

    def spike_counts(self, spikes: Float[Tensor, "T B M"] | PackedSpikes) -> list[Tensor]:
        """Spikes of each neuron over all steps, [B, N] of every layer."""
        if self.by_events:
            trains = spikes if isinstance(spikes, PackedSpikes) else PackedSpikes.pack(spikes)
            if trains is not None:
                return [fired.s.counts() for fired in self.fire(trains)]
        return [
            done.s.sum(0)
            for done in self.roll(spikes.dense() if isinstance(spikes, PackedSpikes) else spikes)
        ]

    def rest(self, batch: int) -> list[HasSpikes]:
        """The somata of every layer before the first step."""
        return [
            layer.neuron.rest(layer.w.new_zeros(batch, layer.w.shape[0])) for layer in self.layers
        ]

    def step(self, states: list[HasSpikes], spikes: Float[Tensor, "B M"]) -> list[HasSpikes]:
        """Advance every layer by one step, each on the spikes its predecessor fires in this very
        step.
        """
        after = []
        for layer, state in zip(self.layers, states, strict=True):
            state = layer.step(state, layer.current(spikes))
            after.append(state)
            spikes = state.s
        return after

    def forward(self, spikes: Float[Tensor, "T B M"]) -> Float[Tensor, "T B C"]:
        """Spikes of the output layer, 0 or 1, [T, B, classes]."""
        return self.roll(spikes)[-1].s


def delayed(s: Float[Tensor, "T B N"]) -> Float[Tensor, "T B N"]:
    """The spikes of the step before each step; none before the first."""
    return torch.cat([torch.zeros_like(s[:1]), s[:-1]])


def read_out(s_out: Float[Tensor, "T B C"]) -> Tensor:
    """The class whose neuron fired most, int64 [B]; the lowest index where several did, as on the
    chip.

    Example:
        >>> s_out = torch.tensor([[0.0, 1.0], [1.0, 1.0]]).view(2, 1, 2)    # two steps, one sample, two classes
        >>> read_out(s_out).tolist()
        [1]
    """
    return most_spikes(s_out.sum(0))


def most_spikes(counts: Float[Tensor, "B C"]) -> Tensor:
    """`read_out` from the spikes of each output neuron."""
    # argmax is free to return any of several maxima; this order is the same everywhere.
    classes = torch.arange(counts.shape[-1], device=counts.device)
    return torch.where(counts == counts.amax(-1, keepdim=True), classes, counts.shape[-1]).amin(-1)
