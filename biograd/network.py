"""A stack of layers, and spike trains through them.

No autograd: parameters carry no graph, rules write their `.grad`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from .checks import instance_of, whole_number
from .connections import Part, Pooled, Shape, describe, sizes_of, stages_of
from .connections.taps import Wiring
from .fast_path import keeps
from .firing import Fired, Synapses, check_synapses, fire, fire_output, synapses
from .inputs import check_finite_values, check_kind, spikes_for, step_spikes_for
from .kernels.packed_spikes import PackedSpikes
from .kernels.scans import runs_on
from .layers import Activity, Layer
from .maps.firing import wirings
from .maps.output import fire_maps_output
from .maps.rolling import roll_maps
from .neurons import HasSpikes, Neuron, TwoCompartmentLIF, lif_params
from .per_layer import for_each
from .tensors import check_generator


class Network(nn.Module):
    """A stack of layers, each driven by the one before it, and a recurrent one by itself, too.

    Args:
        sizes: neurons of each population, input first, classes last, e.g. (784, 256, 256, 10); with
            `layers`, the shape of the input alone, e.g. (1, 28, 28).
        layers: connections and pools, first to last, e.g. [Conv2d(32, 5, stride=2), AvgPool2d(2),
            Dense(10)], or the same in words, "32c5s2-avg2-10" (see `descriptions.parse`). A pool
            acts on the spikes of the layer before it; the last one must be dense.
        neuron: the neuron of every layer, or a sequence of one per layer, e.g. with other decays;
            the two-compartment LIF unless given.
        output: the neuron of the last layer, e.g. a `LeakyReadout`; as `neuron` unless given.
        recurrent: whether hidden layers have synapses from their own spikes of the step before: one
            answer for all, or a sequence of one per hidden layer.
        delays: longest delay of the spikes onto a layer, steps, 0 to 62: one for all, or a sequence
            of one per layer. Each neuron before it draws its own, see `connections.delays`.
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
        >>> Network((1, 28, 28), "8c5s2-avg2-10").shapes
        [(1, 28, 28), (8, 14, 14), (10,)]
    """

    def __init__(
        self,
        sizes: Sequence[int],
        layers: str | Sequence[Part] | None = None,
        *,
        neuron: Neuron | Sequence[Neuron] | None = None,
        output: Neuron | None = None,
        recurrent: bool | Sequence[bool] = False,
        delays: int | Sequence[int] = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        sizes = sizes_of(sizes, 2 if layers is None else 1)
        check_generator(generator)
        shape: Shape = (sizes[0],) if layers is None else tuple(sizes)
        stages = stages_of(sizes[1:] if layers is None else layers)
        # `is None`: an empty sequence of neurons is refused, not replaced
        neurons = for_each(
            TwoCompartmentLIF() if neuron is None else neuron, len(stages), "neurons", "layer"
        )
        for kind in neurons:
            instance_of(kind, Neuron, "neuron", "a neuron, e.g. TwoCompartmentLIF()")
        if output is not None:
            neurons[-1] = output
        loops = for_each(recurrent, len(stages) - 1, "values of recurrent", "hidden layer")
        late = for_each(delays, len(stages), "values of delays", "layer")
        self.shapes: list[Shape] = [shape]  # of every population, input first
        stack: list[Layer] = []
        for stage, kind, loop, longest in zip(stages, neurons, (*loops, False), late, strict=True):
            layer = Layer(
                self.shapes[-1],
                stage.connection,
                pools=stage.pools,
                neuron=kind,
                recurrent=loop,
                delays=longest,
                generator=generator,
            )
            stack.append(layer)
            self.shapes.append(layer.shape)
        self.sizes = tuple(math.prod(shape) for shape in self.shapes)
        self.layers: Sequence[Layer] = nn.ModuleList(stack)  # type: ignore[assignment]  # Modules

    @property
    def neuron(self) -> Neuron:
        """The one neuron of all layers; ValueError where layers have different ones."""
        if any(each.neuron is not self.layers[0].neuron for each in self.layers):
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
    def description(self) -> str:
        """The layers in words, e.g. "32c5s2-avg2-10"; see `descriptions.parse`."""
        parts: list[Part] = []
        for layer in self.layers:
            parts += [*layer.pools, layer.connection]
        return describe(parts)

    @property
    def is_dense(self) -> bool:
        """True where every layer is dense, without pools."""
        return all(each.is_dense for each in self.layers)

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
        """True where loops over events fire it: dense LIF, no loops or delays, float32, a CPU."""
        known = runs_on(self.layers[0].w) and keeps(self, Network, "roll")
        return known and all(layer.by_events for layer in self.layers)

    def wirings(self) -> list[Wiring] | None:
        """Return the synapses of every layer as loops over maps read them; None for others.

        They know convolutions, pools, loops and dense layers of two-compartment LIF neurons with
        any reset, no delays, in float32 on a CPU.
        """
        known = runs_on(self.layers[0].w) and keeps(self, Network, "roll")
        return wirings(list(self.layers)) if known else None

    @property
    def takes_packed(self) -> bool:
        """True where `spike_counts` is faster on packed spikes."""
        return self.by_events or bool(self.wirings())

    def synapses(self) -> list[Synapses]:
        """Return every layer's present weights as the event-driven loops read them."""
        return [synapses(layer.w, layer.b) for layer in self.layers]

    def fire(self, trains: PackedSpikes, synapses: list[Synapses] | None = None) -> list[Fired]:
        """Roll packed spikes through the layers event by event, where `by_events` holds.

        Args:
            synapses: the present weights, where they have been transposed already.
        """
        if not self.by_events:
            raise ValueError(
                "this network does not fire by events: loops, convolutions, other neurons and"
                " double precision roll by matrices: call spike_counts or roll"
            )
        instance_of(trains, PackedSpikes, "trains", "packed spikes: PackedSpikes.pack(spikes)")
        trains = spikes_for(trains, self.shapes[0], self.layers[0].w)
        weights = self.synapses() if synapses is None else synapses
        check_synapses(weights, self.sizes)
        fired: list[Fired] = []
        for layer, turned in zip(self.layers, weights, strict=True):
            fired.append(fire(fired[-1].s if fired else trains, turned, lif_params(layer.neuron)))
        return fired

    def roll(
        self, spikes: Shaped[Tensor, "T B ..."], *, dtype: torch.dtype | None = None
    ) -> list[Activity]:
        """Roll spikes through the layers, a whole layer at a time; first hidden layer first.

        By matrix products, as other tools do it, so that spikes can be compared one by one: `fire`
        takes sums in another order, and a voltage within rounding of the threshold may differ.

        Args:
            dtype: of the products of convolutions; their own unless given.
        """
        spikes = spikes_for(spikes, self.shapes[0], self.layers[0].w)
        check_finite_values(spikes, "spikes")
        activity = []
        for layer in self.layers:
            activity.append(layer.respond(spikes, dtype))
            spikes = activity[-1].s
        return activity

    def spike_counts(self, spikes: Shaped[Tensor, "T B ..."] | PackedSpikes) -> list[Tensor]:
        """Return the spikes of each neuron over all steps, [B, N] of every layer."""
        spikes = spikes_for(spikes, self.shapes[0], self.layers[0].w)
        if self.by_events:
            trains = spikes if isinstance(spikes, PackedSpikes) else PackedSpikes.pack(spikes)
            if trains is not None:
                return [fired.s.counts() for fired in self.fire(trains)]
        wires, last = self.wirings(), self.layers[-1]
        rolled = None if wires is None else roll_maps(list(self.layers), wires, spikes)
        if rolled is not None:
            return [*(s.counts() for s in rolled.hidden), last.scan(rolled.current).s.sum(0)]
        spikes = spikes.dense() if isinstance(spikes, PackedSpikes) else spikes
        return [activity.s.sum(0) for activity in self.roll(spikes)]

    def rates(self, spikes: Sequence[Tensor]) -> Float[Tensor, " layers"]:
        """Return the mean of each layer's spikes, 0 for neurons that never fire.

        Args:
            spikes: of every layer, or sums of them.
        """
        pairs = zip(self.layers, spikes, strict=True)
        return torch.stack([s.mean() * layer.neuron.fires for layer, s in pairs])

    def rest(self, batch: int) -> list[HasSpikes]:
        """Return the state of every layer before the first step."""
        batch = whole_number(batch, "batch", 1, need="at least one sample")
        return [layer.rest(batch) for layer in self.layers]

    def step(self, states: list[HasSpikes], spikes: Shaped[Tensor, "B ..."]) -> list[HasSpikes]:
        """Advance every layer by one step, on the spikes of the layer before in the same step."""
        return self.step_with_paths(states, spikes)[0]

    def step_with_paths(
        self, states: list[HasSpikes], spikes: Shaped[Tensor, "B ..."]
    ) -> tuple[list[HasSpikes], list[Pooled | None]]:
        """Return what `step` does, and each layer's paths through the pool of its currents."""
        instance_of(states, (list, tuple), "states", "a list of states: start from rest()")
        if len(states) != len(self.layers):
            count = f"{len(states)} states for {len(self.layers)} layers"
            raise ValueError(f"there are {count}: start from rest()")
        spikes = step_spikes_for(spikes, self.shapes[0], self.layers[0].w)
        check_finite_values(spikes, "spikes")
        stepped, paths = [], []
        for layer, state in zip(self.layers, states, strict=True):
            state, path = layer.advance(state, spikes)
            stepped.append(state)
            paths.append(path)
            spikes = stepped[-1].s
        return stepped, paths

    def forward(self, spikes: Shaped[Tensor, "T B ..."]) -> Float[Tensor, "T B C"]:
        """Return the spikes of the output layer, 0 or 1, [T, B, classes]: those of `roll`.

        Events drive them where that is faster; samples whose voltages came close enough to the
        threshold for rounding to decide are rolled again.
        """
        spikes = spikes_for(spikes, self.shapes[0], self.layers[0].w)
        layers = list(self.layers)
        by_events = self.by_events and fire_output(spikes, layers)
        fired = by_events or fire_maps_output(spikes, layers, self.wirings())
        if fired is None:
            return self.roll(spikes)[-1].s
        s_out, unsure = fired
        if len(unsure):
            s_out[:, unsure] = self.roll(spikes[:, unsure])[-1].s
        return s_out


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
