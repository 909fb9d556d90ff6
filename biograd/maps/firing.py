"""Maps that fire event by event: a layer as the loops of `kernels.map_firing` read it.

Sizes as there; `samples` are int32 numbers of samples in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..connections import Conv2d
from ..connections.taps import Wiring, wiring
from ..fast_path import NEURON, keeps
from ..kernels import map_firing as loops
from ..kernels import map_pools
from ..kernels.packed_spikes import count_spikes
from ..kernels.patch_sums import vectors
from ..kernels.rounding import ROUNDOFF
from ..kernels.threads import free_threads, share_out, side_by_side
from ..layers import Layer
from ..neurons import TwoCompartmentLIF, TwoCompartmentParams
from . import costs
from .drive import largest_drive
from .layouts import as_maps, channels_last, seen_pixels
from .memory import MapMemory

# samples that go through a product together, so that their arrays stay in the cache; ours
TOGETHER = 16
_ANY = TwoCompartmentParams()  # in place of an output that is no two-compartment LIF
_LAYER = (
    *("current", "drive", "after_synapses", "before", "at_synapses", "back", "step", "scan"),
    *("respond", "rest", "arriving", "advance"),
)


def wirings(layers: Sequence[Layer]) -> list[Wiring] | None:
    """Return the wiring of every layer of a network; None where the loops do not know one.

    They know two-compartment LIF neurons of any reset and slope in all hidden layers, any neuron in
    the last one, and the synapses of `connections.taps`. Types and devices are not looked at.
    """
    made: list[Wiring] = []
    for layer in layers:
        plain = keeps(layer, Layer, *_LAYER) and layer.delay is None
        hidden = layer is not layers[-1]
        fires = (not hidden and layer.w_rec is None) or (
            hidden and keeps(layer.neuron, TwoCompartmentLIF, *NEURON)
        )
        wires = wiring(layer.connection, layer.pools, layer.in_shape) if plain and fires else None
        if wires is None:
            return None
        made.append(wires)
    return made


class Batch(NamedTuple):
    """Sizes of a batch, and how its products are taken."""

    steps: int  # T
    samples: int  # B
    parts: int  # one per thread
    dtype: torch.dtype | None  # of the products of convolutions; None: float32
    learns: bool  # slopes are wanted


class Place(NamedTuple):
    """A layer, and where it stands in its network and batch."""

    layer: Layer
    wires: Wiring
    batch: Batch
    before: np.ndarray  # uint32 [W, B, M], spikes before its pools
    lasting: Tensor | None  # inputs that are the same at every step, [B, M], in their place
    memory: MapMemory
    number: int  # which layer it is: names its arrays in `memory`
    window: float | None = None  # of the slopes, thresholds; None: the neurons' own, to learn


class FiringMaps:
    """A layer as the loops read it, and the arrays of its batch.

    Attributes:
        width: floats of one position.
        inputs: uint32 [W, B, M], the spikes at its taps.
        s: uint32 [W, B, N], its own.
    """

    def __init__(self, place: Place) -> None:
        layer, wires, batch, before, lasting, self._memory, self._number, window = place
        self.layer, self.wires, self.batch, self.lasting = layer, wires, batch, lasting
        self._before = before
        self.width = vectors(wires.channels)
        self.channels = len(wires.taps.base) // seen_pixels(wires)  # before the synapses
        self._w_t, self._b, self._w_rec = self._tables()
        p = layer.neuron.params if isinstance(layer.neuron, TwoCompartmentLIF) else _ANY
        kinds = (float(p.reset == kind) for kind in ("zero", "subtract", "subtract_late"))
        if window is None:
            window = p.window if batch.learns else 0.0
        numbers = p.alpha_u, p.alpha_v, *kinds, window
        self.lif = (
            tuple(np.float32(value) for value in numbers),
            batch.learns and p.surrogate == "tails",
        )
        count, size = -(-batch.steps // loops.WORD), batch.samples
        wide = wires.places * self.width
        self.s = self.take("s", (count, size, layer.size), np.uint32)
        self.psi = self.take("psi", (count, size, wide), np.uint32)
        slopes = (size, batch.steps, wide) if self.lif[1] else (0, 0, wide)
        self.slopes = self.take("slopes", slopes)
        pools, ways = len(wires.windows) > 0, (1, 1)
        if pools and batch.learns:
            ways = size, batch.steps if lasting is None else 1
        tie = 4 * ROUNDOFF * largest_drive(layer) if pools else 0.0
        routes = self.take("routes", (*ways, wide if pools else 0), np.uint8)
        self.pool = wires.windows, np.float32(wires.pool_share), np.float32(tie), routes
        self.inputs = before
        if wires.maximum:
            pooled = count, size, len(wires.taps.base)
            self.inputs = self.take("pooled", pooled, np.uint32)
        # a pool that is folded into the taps leaves no maps to multiply
        self.convolves = isinstance(layer.connection, Conv2d) and (
            wires.pool_of is None or wires.maximum
        )

    def fire(self, samples: np.ndarray, part: int) -> None:
        """Roll a part's samples through the layer."""
        self._pool_inputs(samples)
        if self._by_products(samples):
            self._fire_products(samples, part)
        else:
            self._fire_events(samples, part)

    def fire_all(self) -> None:
        """Roll all samples through the layer, on torch's threads."""
        samples = np.arange(self.batch.samples, dtype=np.int32)
        self._pool_inputs(samples)
        if self._by_products(samples):  # which have these threads already
            self._fire_products(samples, 0)
            return
        parts = np.array_split(samples, len(share_out(len(samples), free_threads())))
        side_by_side(lambda part: self._fire_events(parts[part], part), len(parts))

    def _pool_inputs(self, samples: np.ndarray) -> None:
        if self.wires.maximum and self.lasting is None:
            map_pools.pool_spikes(self._before, self.wires.pool_of, self.inputs, samples)

    def _by_products(self, samples: np.ndarray) -> bool:
        return self.lasting is not None or self.takes_products(samples, "current")

    def _fire_events(self, samples: np.ndarray, part: int) -> None:
        after = self.s, self.psi, self.slopes, samples, self._scratch(part)
        loops.fire_maps(*self._sides(), self._w_rec, self.pool, *self.lif, *after)

    def _fire_products(self, samples: np.ndarray, part: int) -> None:
        after, scratch = (self.s, self.psi, self.slopes), self._scratch(part)
        lif = self.batch.steps, self.pool, *self.lif, self.width
        currents = self._currents if self.lasting is None else self.lasting_currents
        for first in range(0, len(samples), TOGETHER):
            few = samples[first : first + TOGETHER]
            loops.fire_currents(currents(few), *lif, *after, few, scratch)

    def drive(self, samples: np.ndarray, part: int, current: np.ndarray) -> None:
        """Write a part's currents of a dense layer, float32 [T, B, width]."""
        if self.lasting is not None:
            held = self.lasting_currents(samples)
            current[:, samples] = held.transpose(1, 0, 2)
            return
        self._pool_inputs(samples)
        loops.drive_maps(*self._sides(), current, samples, self._scratch(part))

    def product_cost(self, samples: int, kind: costs.Product) -> float:
        """Return the time of a product over all steps of so many samples, ns."""
        maps = samples * self.batch.steps
        return costs.by_products(self.wires, self.channels, maps, kind, self.batch.dtype)

    def takes_products(self, samples: np.ndarray, kind: costs.Product) -> bool:
        """Return whether a product of the spikes of these samples takes less time than events."""
        if not self.convolves:
            return False
        events = costs.spikes_by_events(self.wires, count_spikes(self.inputs, samples))
        return self.product_cost(len(samples), kind) < events

    def _currents(self, samples: np.ndarray) -> np.ndarray:
        """Return the currents of spikes by products, float32 [n, T, P width]."""
        maps = as_maps(torch.from_numpy(self.unpacked(samples)), self.layer.synapse_shape)
        layer, kind = self.layer, self.batch.dtype or torch.float32
        sides = maps.to(kind), layer.w.detach().to(kind), layer.b.detach().to(kind)
        current = functional.conv2d(*sides, *self.geometry())
        return self.filled(current, len(samples))

    def unpacked(self, samples: np.ndarray) -> np.ndarray:
        """Return the spikes at the taps, float32 [n, T, pixels, channels]."""
        s = np.empty((len(samples), self.batch.steps, self.wires.pixels, self.channels), np.float32)
        loops.unpack_maps(self.inputs, samples, s)
        return s

    def filled(self, maps: Tensor, samples: int) -> np.ndarray:
        """Return maps [n T, C, H, W] as the loops read them, float32 [n, T, P width]."""
        rows = maps.permute(0, 2, 3, 1).flatten(1, 2)
        if rows.shape[2] == self.width:
            wide = rows.float().contiguous()
        else:
            wide = torch.zeros(*rows.shape[:2], self.width)
            wide[..., : rows.shape[2]] = rows
        return wide.view(samples, self.batch.steps, -1).numpy()

    def lasting_currents(self, samples: np.ndarray) -> np.ndarray:
        """Return the currents of inputs that last, float32 [n, 1, P width]."""
        assert self.lasting is not None
        rows = self.lasting[torch.from_numpy(samples).long()]
        layer, before = self.layer, self.layer.before(rows)[0]
        sides = layer.w, layer.b, layer.synapse_shape, self.batch.dtype
        current = layer.connection.current(before, *sides)
        return channels_last(current, self.wires.positions, self.width).unsqueeze(1).numpy()

    def geometry(self) -> tuple[int, int, int]:
        """Return stride, padding and dilation of a convolution."""
        conv = self.layer.connection
        assert isinstance(conv, Conv2d)
        return conv.stride, conv.border, conv.dilation

    def _tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the present weights, float32 [rows, width], biases [width], and weights of loops
        [N or 0, width], thresholds."""
        wires, out = self.wires, self.wires.channels
        w_t, b = self.take("w", (wires.rows, self.width)), self.take("b", (self.width,))
        w = self.layer.w.detach().reshape(out, -1, int(wires.order.max()) + 1).numpy()
        table, held = w_t.reshape(-1, len(wires.order), self.width), wires.order >= 0
        table[:, ~held], table[..., out:], b[out:] = 0, 0, 0
        table[:, held, :out] = w[..., wires.order[held]].transpose(1, 2, 0)
        if wires.share != 1:
            w_t *= np.float32(wires.share)
        b[:out] = self.layer.b.detach().numpy()
        w_rec = np.empty((0, self.width), np.float32)
        if self.layer.w_rec is not None:
            w_rec = self.take("loops", (out, self.width))
            w_rec[:, :out], w_rec[:, out:] = self.layer.w_rec.detach().numpy().T, 0
        return w_t, b, w_rec

    def _sides(self) -> tuple[np.ndarray, int, np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
        return self.inputs, self.batch.steps, self._w_t, self._b, tuple(self.wires.taps)

    def _scratch(self, part: int) -> np.ndarray:
        shape = loops.LIF_ROWS, self.wires.positions, self.width
        return self.take(("lif", part), shape)

    def take(self, name: object, shape: tuple[int, ...], kind: type = np.float32) -> np.ndarray:
        """Return the layer's array of this name; see `MapMemory.take`."""
        return self._memory.take((self._number, name), shape, kind)
