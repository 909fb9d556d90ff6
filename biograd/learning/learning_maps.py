"""Layers of maps that learn event by event.

Sizes as in `kernels.map_firing`; `samples` are int32 numbers of samples in the batch.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import grad

from ..connections import Conv2d
from ..connections.taps import loop_taps
from ..kernels import map_learning as loops
from ..kernels import map_pools
from ..kernels.packed_spikes import count_samples
from ..maps import costs
from ..maps.firing import FiringMaps, Place
from ..maps.layouts import as_maps, channels_last
from ..neurons import TwoCompartmentLIF
from ..rules import Eligibility, Rule, Update
from ..traces import trace_scan


class LearningMaps(FiringMaps):
    """A layer of maps that learns.

    Args:
        rule: `Eligibility` or `Factorised`.
    """

    def __init__(self, place: Place, rule: Rule) -> None:
        super().__init__(place)
        layer, wires, batch, lasting = self.layer, self.wires, self.batch, self.lasting
        self._rule = rule
        neuron = layer.neuron
        apical = neuron.params.alpha_a if isinstance(neuron, TwoCompartmentLIF) else 0.0
        self._alpha_a = np.float32(apical)
        # errors summed over steps, where the update is one product of them; else the sums of events
        # and of products of few samples, of every part
        self._total: np.ndarray | None = None
        if lasting is not None or not isinstance(rule, Eligibility):
            wide = (wires.positions if lasting is None else wires.places) * self.width
            self._total = self._zeros("total", (batch.samples, wide))
        else:
            self._dw = self._zeros("dw", (batch.parts, wires.rows, self.width))
            self._db = self._zeros("db", (batch.parts, self.width))
            self._products = torch.zeros(batch.parts, *layer.w.shape if self.convolves else (0,))
        loops_of = (batch.parts, layer.size, self.width) if layer.w_rec is not None else (0, 0, 0)
        self._dw_rec = self._zeros("dw_rec", loops_of)
        self._kernels = torch.empty(0)  # feedback weights onto the layer below, as products and
        self._w_fb = torch.empty(0)  # events read them

    def delay(self) -> None:
        """Note the layer's own spikes of the step before each step, once all samples have fired."""
        self._past = self.take("delayed", self.s.shape, np.uint32)
        loops.delay_spikes(self.s, self.batch.steps, self._past)

    def gate(self, g: np.ndarray, samples: np.ndarray) -> None:
        """Turn currents in the apical dendrites, [n, T, P, width], into gated errors, in place."""
        flat = g.reshape(len(samples), self.batch.steps, -1)
        loops.gate_maps(flat, self.psi, self.slopes, self.lif[1], self._alpha_a, samples)

    def at_synapses(self, g: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """Return gated errors, [n, T, Q, width], at the outputs of the synapses, [n, T, P, width].

        Where the inputs last, they stay where they are until `update`: every step has one route.
        """
        return g if self.lasting is not None else self._before_pool(g, samples)

    def _before_pool(self, g: np.ndarray, samples: np.ndarray) -> np.ndarray:
        if not len(self.wires.windows):
            return g
        wide = np.empty((*g.shape[:2], self.wires.positions, self.width), np.float32)
        rows, wide_rows = (each.reshape(*g.shape[:2], -1) for each in (g, wide))
        map_pools.spread_currents(rows, *self.pool, samples, wide_rows)
        return wide

    def load_feedback(self, w_fb: Tensor, width: int) -> None:
        """Take the feedback weights onto the layer below, of the shape of the layer's own.

        Args:
            width: floats of one position of the layer below.
        """
        w_fb = w_fb * self.wires.share if self.wires.share != 1 else w_fb
        if isinstance(self.layer.connection, Conv2d):
            self._kernels = w_fb.to(self.batch.dtype or w_fb.dtype)
            rows = w_fb.permute(2, 0, 3, 1).flatten(0, 2)
            self._w_fb = channels_last(rows, 1, width).flatten()
        else:
            self._w_fb = channels_last(w_fb, self.wires.pixels, width)

    def back(self, g: np.ndarray, below: FiringMaps, samples: np.ndarray) -> np.ndarray:
        """Return the currents of the errors in the apical dendrites of the layer below.

        Args:
            g: gated errors, float32 [n, T, P, width].
        Returns: float32 [n, T, positions below, width below].
        """
        wires, lead = self.wires, g.shape[:2]
        if not isinstance(self.layer.connection, Conv2d):
            errors = torch.from_numpy(g).flatten(0, 2)
            carried = (errors[:, : len(self._w_fb)] @ self._w_fb).numpy()
            carried = carried.reshape(*lead, wires.pixels, below.width)
        elif self._sends_by_products(g, below):
            carried = self._sent_by_products(g, below)
        else:
            carried = np.empty((*lead, wires.pixels, below.width), np.float32)
            kernel = self.layer.connection.kernel
            table = self._w_fb.numpy(), wires.channels, kernel
            loops.back_maps(g, *table, *wires.back, carried)
        if wires.pool_of is None:
            return carried
        spread = np.empty((*lead, below.wires.places, below.width), np.float32)
        spikes = wires.maximum, below.s, self.inputs
        map_pools.spread_maps(carried, wires.pool_of, *spikes, spread, samples)
        return spread

    def learn(self, g: np.ndarray, samples: np.ndarray, part: int) -> None:
        """Sum the update from gated errors, as from `at_synapses`, which are overwritten."""
        steps = self.batch.steps
        if self._total is not None:
            weights = torch.ones(steps)
            if isinstance(self._rule, Eligibility):
                weights = trace_scan(torch.ones(steps, 1, 1), self._rule.trace).ravel()
            flat = g.reshape(len(samples), steps, -1)
            loops.weigh_steps(flat, weights.numpy(), samples, self._total)
            return
        assert isinstance(self._rule, Eligibility)
        filters = np.float32(self._rule.trace.alpha_x), np.float32(self._rule.trace.alpha_z)
        products = self.takes_products(samples, "update")
        if products:
            self._products[part] += self._update_by_products(g, samples, *filters)
        loops.learn_biases(g, *filters, self._db[part])
        if not products:
            taps = tuple(self.wires.taps)
            loops.learn_maps(self.inputs, steps, g, taps, samples, self._dw[part])
        if self.layer.w_rec is not None:
            taps = tuple(loop_taps(self.layer.size))
            loops.learn_maps(self._past, steps, g, taps, samples, self._dw_rec[part])

    def update(self) -> Update:
        """Return the layer's update, summed over parts in order."""
        wires, layer = self.wires, self.layer
        share = 1 / (self.batch.steps * self.batch.samples)
        if self._total is None:
            dw, db = self._dw.sum(0), self._db.sum(0)
            w = dw[:, : wires.channels].T * np.float32(share * wires.share)
            places = np.argsort(wires.order)[np.count_nonzero(wires.order < 0) :]
            w = w.reshape(wires.channels, -1, len(wires.order))[..., places]
            b = torch.from_numpy(db[: wires.channels] * np.float32(share))
            both = torch.from_numpy(w).reshape(layer.w.shape)
            if self.convolves:
                both = both + self._products.sum(0) * share
            loop = None
            if layer.w_rec is not None:
                loop = torch.from_numpy(self._dw_rec.sum(0)[:, : wires.channels].T) * share
            return Update(both, b, loop)
        summed = self._total.reshape(self.batch.samples, 1, -1, self.width)
        if self.lasting is not None:
            summed = self._before_pool(summed, np.arange(self.batch.samples, dtype=np.int32))
        total = torch.from_numpy(summed)[:, 0]
        errors = total[..., : wires.channels].transpose(1, 2).flatten(1)
        if self.lasting is not None:
            before = layer.before(self.lasting)[0]
        else:
            counts = torch.empty(self.inputs.shape[1:])
            count_samples(self.inputs, counts.numpy(), 0, self.batch.samples)
            counts = counts / self.batch.steps
            before = counts if wires.maximum else layer.before(counts)[0]
        dw = layer.connection.update(errors, before, layer.synapse_shape, self.batch.dtype)
        loop = None
        if layer.w_rec is not None:
            past = torch.empty(self.batch.samples, layer.size)
            count_samples(self._past, past.numpy(), 0, self.batch.samples)
            loop = errors.T @ past * (share / self.batch.steps)
        return Update(dw * share, errors.sum(0).view(len(layer.b), -1).sum(1) * share, loop)

    def _sends_by_products(self, g: np.ndarray, below: FiringMaps) -> bool:
        """Return whether a product sends these errors back in less time than events."""
        channels = below.wires.channels
        events = costs.errors_by_events(self.wires, int(np.count_nonzero(g)), channels)
        return self.product_cost(len(g), "back") < events

    def _sent_by_products(self, g: np.ndarray, below: FiringMaps) -> np.ndarray:
        errors = self._errors(g).to(self._kernels.dtype)
        size = len(errors), *self.layer.synapse_shape
        sent = grad.conv2d_input(size, self._kernels, errors, *self.geometry())
        return below.filled(sent, len(g)).reshape(*g.shape[:2], -1, below.width)

    def _update_by_products(
        self, g: np.ndarray, samples: np.ndarray, alpha_x: np.float32, alpha_z: np.float32
    ) -> Tensor:
        z, kind = self.unpacked(samples), self.batch.dtype or torch.float32
        loops.filter_maps(z.reshape(*z.shape[:2], -1), alpha_x, alpha_z)
        maps = as_maps(torch.from_numpy(z), self.layer.synapse_shape)
        sides = maps.to(kind), self.layer.w.shape, self._errors(g).to(kind)
        return grad.conv2d_weight(*sides, *self.geometry()).float()

    def _errors(self, g: np.ndarray) -> Tensor:
        """Return gated errors [n, T, P, width] as maps, [n T, C, H, W], channels last."""
        errors = torch.from_numpy(g)[..., : self.wires.channels]
        return as_maps(errors, self.layer.current_shape)

    def _zeros(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        held = self.take(name, shape)
        held[:] = 0
        return held
