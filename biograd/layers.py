"""A layer: pools, synapses, and the population that they drive.

No autograd: parameters carry no graph, rules write their `.grad`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from .checks import instance_of, truth_value, whole_number
from .connections import Connection, Dense, Pool, Pooled, Shape, sizes_of
from .connections.delays import (
    DelayedState,
    arrived,
    delayed,
    drawn_delays,
    resting,
    soma_of,
    take_in,
    with_soma,
)
from .fast_path import NEURON, keeps
from .inputs import trusted
from .neurons import HasSpikes, Neuron, TwoCompartmentLIF, resets_to_zero, soma_scan
from .params.neuron import MAX_DELAY
from .tensors import check_generator, check_shapes, check_state, floats_like

_ROWS = 256  # whose currents a pool takes in while they are in the processor's cache; ours
_BY_EVENTS = ("current", "step", "scan", "respond", "rest", "arriving", "advance")


class Activity(NamedTuple):
    """Spikes and slopes of one layer over a sample, each [T, B, N]."""

    s: Tensor
    psi: Tensor
    after: Pooled | None = None  # paths through the pool of the currents, rows [T B]; None: no pool


class Layer(nn.Module):
    """Forward synapses onto one population.

        w        weights of the connection, thresholds per spike: [out, in], or kernels [channels
                 out, channels in, rows, columns]; drawn from U(+-2/sqrt(in)), PyTorch's bound
        b        [out], or one per channel, thresholds per step, 0 at first: a weight from an input
                 that always fires
        w_rec    [out, out], thresholds per spike, drawn from U(+-1/sqrt(out)): from the layer's own
                 spikes of the step before; None where the layer is not recurrent
        delay    int64 [in], steps that the spikes of each neuron before the layer arrive later,
                 drawn from 0 to `delays`; None where all arrive in the step in which they fire

    Args:
        inputs: neurons before the layer, or the shape (C, H, W) of their maps.
        connection: the synapses, or the number of neurons of a dense layer.
        pools: pools of the spikes before the synapses, first to last.
        delays: longest delay of the spikes before the layer, steps, 0 to 62; see
            `connections.delays`.

    Example:
        >>> Layer(784, 10).w.shape    # [out, in]
        torch.Size([10, 784])
        >>> Layer((1, 28, 28), Conv2d(8, 5, stride=2)).shape    # of its population
        (8, 14, 14)
    """

    delay: Tensor | None

    def __init__(
        self,
        inputs: int | Shape,
        connection: int | Connection,
        *,
        pools: Sequence[Pool] = (),
        neuron: Neuron | None = None,
        recurrent: bool = False,
        delays: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.neuron: Neuron = TwoCompartmentLIF() if neuron is None else neuron
        instance_of(self.neuron, Neuron, "neuron", "a neuron, e.g. TwoCompartmentLIF()")
        several = isinstance(inputs, list | tuple)
        self.in_shape = sizes_of(inputs, 1) if several else (whole_number(inputs, "inputs", 1),)
        self.connection = (
            connection
            if isinstance(connection, Connection)
            else Dense(whole_number(connection, "connection", 1))
        )
        instance_of(pools, (list, tuple), "pools", "a sequence of pools")
        for pool in pools:
            instance_of(pool, Pool, "a layer's pool", "a pool, e.g. AvgPool2d(2)")
        self.pools = tuple(pools)
        check_generator(generator)
        self._pool_shapes = [self.in_shape]  # before each pool, and after the last one
        for pool in self.pools:
            self._pool_shapes.append(pool.out_shape(self._pool_shapes[-1]))
        self.synapse_shape = self._pool_shapes[-1]  # of the inputs of the synapses
        self.current_shape = self.connection.out_shape(self.synapse_shape)
        after = self.connection.pool
        self.shape = after.out_shape(self.current_shape) if after else self.current_shape
        self.size = math.prod(self.shape)  # neurons
        self.neuron.check_population(self.shape)
        sizes = self.connection.weight_shape(self.synapse_shape)
        bound = 2 / math.sqrt(math.prod(sizes[1:]))
        w = torch.empty(sizes).uniform_(-bound, bound, generator=generator)
        self.w = nn.Parameter(w, requires_grad=False)
        self.b = nn.Parameter(torch.zeros(sizes[0]), requires_grad=False)
        self.w_rec: nn.Parameter | None = None
        if truth_value(recurrent, "recurrent"):
            if not self.is_dense:
                raise ValueError(
                    f"recurrent is True and the connection {self.connection}: only dense layers"
                    " without pools can be recurrent"
                )
            bound = 1 / math.sqrt(self.size)
            w_rec = torch.empty(self.size, self.size).uniform_(-bound, bound, generator=generator)
            self.w_rec = nn.Parameter(w_rec, requires_grad=False)
        self.longest_delay = whole_number(delays, "delays", 0, MAX_DELAY)
        drawn = None
        if self.longest_delay:
            inputs_before = math.prod(self.in_shape)
            drawn = drawn_delays(self.longest_delay, inputs_before, generator=generator)
        self.register_buffer("delay", drawn)

    @property
    def is_dense(self) -> bool:
        """True for dense synapses without pools: `w` is [out, in]."""
        return type(self.connection) is Dense and not self.pools

    @property
    def by_events(self) -> bool:
        """True where event-driven loops stand for this layer's steps; see `Network.by_events`."""
        return (
            self.w_rec is None
            and self.delay is None
            and self.is_dense
            and keeps(self, Layer, *_BY_EVENTS)
            and keeps(self.neuron, TwoCompartmentLIF, *NEURON)
            and resets_to_zero(self.neuron)
        )

    def extra_repr(self) -> str:
        """Return the layer's parts for its text: shapes, synapses, pools and neuron."""
        pools = f"pools={list(self.pools)}, " if self.pools else ""
        loop = ", recurrent=True" if self.w_rec is not None else ""
        late = f", delays={self.longest_delay}" if self.delay is not None else ""
        return f"{self.in_shape}, {self.connection}, {pools}neuron={self.neuron}{loop}{late}"

    def rest(self, batch: int) -> HasSpikes:
        """Return the state of the layer before the first step, no spikes on their way."""
        soma = self.neuron.rest(self.w.new_zeros(batch, self.size))
        return soma if self.delay is None else resting(soma, self.delay, self.longest_delay)

    def arriving(self, s: Float[Tensor, "T B M"]) -> Float[Tensor, "T B M"]:
        """Return whole spike trains of the layer before as they arrive, after their delays."""
        return s if self.delay is None else delayed(s, self.delay, self.longest_delay)

    def arriving_now(self, state: HasSpikes, s: Float[Tensor, "B M"]) -> Float[Tensor, "B M"]:
        """Return the spikes that arrived in the step that led to `state`, in which `s` fired."""
        if not isinstance(state, DelayedState) or self.delay is None:
            return s
        return arrived(state.line, self.delay)

    def current(self, s: Shaped[Tensor, "*T B M"]) -> Float[Tensor, "*T B N"]:
        """Return W s + b, thresholds: the current of spikes that arrive, pools included."""
        s = floats_like(s, self.w, "s")
        check_shapes(("s", s, "* B M"), M=math.prod(self.in_shape))
        if self.is_dense:
            return nn.functional.linear(s, self.w, self.b)
        return self.drive(s.reshape(-1, s.shape[-1]))[0].reshape(*s.shape[:-1], self.size)

    def drive(
        self, s: Float[Tensor, "n M"], dtype: torch.dtype | None = None
    ) -> tuple[Float[Tensor, "n N"], Pooled | None]:
        """Return the currents of spikes, and their paths through the pool of the currents.

        Args:
            dtype: of the products and sums of a convolution; its own unless given.
        """
        return self.after_synapses(self.before(s)[0], dtype)

    def after_synapses(
        self, before: Float[Tensor, "n m"], dtype: torch.dtype | None = None
    ) -> tuple[Float[Tensor, "n N"], Pooled | None]:
        """Return what `drive` does, from spikes that are pooled already."""
        sides, pool = (self.w, self.b, self.synapse_shape, dtype), self.connection.pool
        if pool is None:
            return self.connection.current(before, *sides), None
        currents = (self.connection.current(rows, *sides) for rows in before.split(_ROWS))
        parts = [pool.pool(maps.reshape(-1, *self.current_shape)) for maps in currents]
        routes = [part.route for part in parts if part.route is not None]
        after = Pooled(torch.cat([part.x for part in parts]), torch.cat(routes) if routes else None)
        return after.x.flatten(1), after

    def before(self, s: Float[Tensor, "n M"]) -> tuple[Float[Tensor, "n m"], list[Pooled]]:
        """Return the spikes at the synapses, after the pools, and the paths through each pool."""
        if not self.pools:
            return s, []
        x, paths = s.reshape(-1, *self.in_shape), []
        for pool in self.pools:
            paths.append(pool.pool(x))
            x = paths[-1].x
        return x.flatten(1), paths

    def at_synapses(
        self, g: Float[Tensor, "n N"], after: Pooled | None
    ) -> Float[Tensor, "n outputs"]:
        """Return the errors of the population at the outputs of the synapses."""
        if self.connection.pool is None:
            return g
        maps = g.reshape(-1, *self.shape)
        return self.connection.pool.spread(maps, after, self.current_shape).flatten(1)

    def back(
        self,
        g: Float[Tensor, "n N"],
        w_fb: Tensor,
        s: Float[Tensor, "n M"] | None = None,
        after: Pooled | None = None,
        dtype: torch.dtype | None = None,
    ) -> Float[Tensor, "n M"]:
        """Return the currents of errors in the apical dendrites of the layer before.

        Args:
            g: gated errors of this layer.
            w_fb: feedback weights, of the shape of `w`.
            s: spikes of the layer before, which a maximum pool routes the errors by.
            after: paths through the pool of the currents. Without these two, maximum pools count
                as means.
            dtype: of the products and sums of a convolution; its own unless given.
        """
        errors = self.at_synapses(g, after)
        below = self.connection.back(errors, w_fb, self.synapse_shape, dtype)
        if not self.pools:
            return below
        maps = below.reshape(-1, *self.synapse_shape)
        paths = [None] * len(self.pools) if s is None else self.before(s)[1]
        for number in reversed(range(len(self.pools))):
            shape = self._pool_shapes[number]
            maps = self.pools[number].spread(maps, paths[number], shape)
        return maps.flatten(1)

    def step(self, state: HasSpikes, current: Float[Tensor, "B N"]) -> HasSpikes:
        """Advance the somata by one step; recurrent ones on their last spikes, too."""
        check_state(state, ("s",), "B N", ("current", current, "B N"))
        if self.w_rec is not None:
            check_shapes(("current", current, "B N"), N=self.size)
            s = floats_like(state.s, self.w_rec, "state.s")
            current = current + nn.functional.linear(s, self.w_rec)
        return self.neuron.soma(state, current)

    def advance(self, state: HasSpikes, s: Float[Tensor, "B M"]) -> tuple[HasSpikes, Pooled | None]:
        """Advance the layer by one step on spikes of the layer before, delays included.

        Returns: its state, and the paths through the pool of its currents.
        """
        state, s = take_in(state, s, self.delay)
        current, after = self.drive(s) if self.connection.pool else (self.current(s), None)
        return with_soma(state, self.step(soma_of(state), current)), after

    def respond(self, s: Float[Tensor, "T B M"], dtype: torch.dtype | None = None) -> Activity:
        """Return the layer's activity on spikes of the layer before, over all steps, from rest.

        Args:
            dtype: of the products and sums of a convolution; its own unless given.
        """
        s = self.arriving(s)
        if self.connection.pool is None and (dtype is None or self.is_dense):
            return self.scan(self.current(s))
        current, after = self.drive(s.flatten(0, 1), dtype)
        return self.scan(current.unflatten(0, s.shape[:2]))._replace(after=after)

    def scan(self, current: Float[Tensor, "T B N"]) -> Activity:
        """Advance the layer over all steps, from rest.

        Step by step where it is recurrent, since a spike may matter one step later.
        """
        current = floats_like(current, self.w, "current").detach()
        check_shapes(("current", current, "T B N"), N=self.size)
        if not current.numel():
            raise ValueError(
                f"current has the shape {tuple(current.shape)}; need at least one step and sample"
            )
        if self.w_rec is None:
            return Activity(*soma_scan(self.neuron, current))
        state = self.neuron.rest(current[0])
        s, psi = torch.empty_like(current), torch.empty_like(current)
        for t in range(len(current)):
            with trusted(t > 0):  # as the first step, which is checked
                state = self.step(state, current[t])
                s[t], psi[t] = state.s, self.neuron.slope(state)
        return Activity(s, psi)
