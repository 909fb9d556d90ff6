"""Updates of synapses that share weights or have pools, by any rule.

A convolution is a dense layer on the patches that its kernel sees: each position is a sample of its
own, and the updates of all positions are summed. So every rule learns it as it is written. The
stock rules take the convolution's own product instead (`Connection.update`), which never builds the
patches; tests hold the two equal.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from ..connections import Pooled
from ..fast_path import RULE, keeps
from ..layers import Layer
from ..rules import Eligibility, Factorised, Rule, Update, update_over_time
from ..tensors import floats_like
from ..traces import trace_scan
from . import per_synapse
from .per_synapse import SynapseEligibility


def layer_update(
    rule: Rule,
    layer: Layer,
    g: Float[Tensor, "T B N"],
    s_pre: Float[Tensor, "T B M"],
    after: Pooled | None,
    dtype: torch.dtype | None = None,
    psi: Tensor | None = None,
) -> Update:
    """Return a rule's update of a layer from whole trains.

    Args:
        g: v_apical psi of the population, thresholds.
        s_pre: spikes of the layer before, before the pools.
        after: paths through the pool of the currents.
        dtype: of the products and sums of a convolution; its own unless given.
        psi: slopes of the population, for rules that take them; None: 1.
    """
    if per_synapse.knows(rule):
        assert isinstance(rule, SynapseEligibility)
        return _of_synapses(rule, layer, g, s_pre, after, dtype, psi)
    takes_slopes = isinstance(rule, SynapseEligibility)
    if layer.is_dense and not takes_slopes:
        return update_over_time(rule, g, s_pre)
    steps, batch = g.shape[:2]
    errors = layer.at_synapses(g.flatten(0, 1), after).unflatten(0, (steps, batch))
    before = layer.before(s_pre.flatten(0, 1))[0].unflatten(0, (steps, batch))
    if keeps(rule, Eligibility, *RULE):
        assert isinstance(rule, Eligibility)
        z = trace_scan(before, rule.trace)
        always = trace_scan(g.new_ones(steps, 1, 1), rule.trace)[:, 0, 0]
        sides = errors.flatten(0, 1), z.flatten(0, 1)
        dw = layer.connection.update(*sides, layer.synapse_shape, dtype) / (steps * batch)
        return Update(dw, _of_biases(layer, always @ errors.mean(1)) / steps)
    if keeps(rule, Factorised, *RULE):
        mean = errors.mean(0)
        sides = mean, before.mean(0)
        dw = layer.connection.update(*sides, layer.synapse_shape, dtype) / batch
        return Update(dw, _of_biases(layer, mean.mean(0)))
    synapses = LayerSynapses(rule, layer)
    for t in range(steps):
        paths = None if after is None else _of_step(after, t, batch)
        synapses.step(g[t], s_pre[t], None, paths, None if psi is None else psi[t])
    return synapses.finish(steps)


def _of_synapses(
    rule: SynapseEligibility,
    layer: Layer,
    g: Float[Tensor, "T B N"],
    s_pre: Float[Tensor, "T B M"],
    after: Pooled | None,
    dtype: torch.dtype | None,
    psi: Tensor | None,
) -> Update:
    """Return the update by traces of each synapse's own, from errors that take their filters."""
    _check_pool(rule, layer)
    count = g.shape[0] * g.shape[1]
    errors = layer.at_synapses(g.flatten(0, 1), after).unflatten(0, g.shape[:2])
    errors = rule.filtered(errors, psi).flatten(0, 1)
    before = layer.before(floats_like(s_pre, g, "s_pre").flatten(0, 1))[0]
    dw = layer.connection.update(errors, before, layer.synapse_shape, dtype) / count
    return Update(dw, _of_biases(layer, errors.sum(0)) / count)


def _check_pool(rule: SynapseEligibility, layer: Layer) -> None:
    if rule.rise and layer.connection.pool is not None:
        raise ValueError(
            f"the synapses of {layer.connection} pool their currents, which adaptive thresholds do"
            " not learn through: pool the spikes of the layer instead, e.g. 12c5-max2 for 12c5+max2"
        )


def _of_step(after: Pooled, t: int, batch: int) -> Pooled:
    """Return the paths of one step, of rows [T B]."""
    rows = slice(t * batch, (t + 1) * batch)
    return Pooled(after.x[rows], None if after.route is None else after.route[rows])


def _of_biases(layer: Layer, g: Float[Tensor, " N"]) -> Tensor:
    """Return the sum over the positions that share a bias."""
    return g.view(len(layer.b), -1).sum(1)


class LayerSynapses:
    """States of a rule for all synapses of a layer, step by step; memory is independent of T."""

    def __init__(self, rule: Rule, layer: Layer) -> None:
        self._rule, self._layer = rule, layer
        # any, here and below: the rule's own states, of each group of outputs with its own inputs
        self._forward: list[Any] = []
        self._recurrent: list[Any] = []

    def step(
        self,
        g: Float[Tensor, "B N"],
        s_pre: Float[Tensor, "B M"],
        past: Float[Tensor, "B N"] | None,
        after: Pooled | None,
        psi: Shaped[Tensor, "B N"] | None = None,
    ) -> None:
        """Take one step into account.

        Args:
            g: v_apical psi of the population, thresholds.
            s_pre: spikes of the layer before, before the pools.
            past: the layer's own spikes of the step before; None: forward synapses alone.
            after: paths through the pool of the currents.
            psi: slopes of the population, for rules that take them, true or false where they are 1
                or 0; None: 1.
        """
        layer = self._layer
        if layer.is_dense:
            sides = [(g, s_pre)]
        else:
            errors, before = layer.at_synapses(g, after), layer.before(s_pre)[0]
            sides = layer.connection.as_dense(errors, before, layer.synapse_shape)
        slopes: list[Tensor | None] = [psi] * len(sides)
        if psi is not None and not layer.is_dense and isinstance(self._rule, SynapseEligibility):
            _check_pool(self._rule, layer)
            rows = layer.at_synapses(psi, after), before, layer.synapse_shape
            slopes = [row for row, _ in layer.connection.as_dense(*rows)]
        self._forward = self._advanced(self._forward, sides, slopes)
        if layer.w_rec is not None and past is not None:
            self._recurrent = self._advanced(self._recurrent, [(g, past)], [psi])

    def finish(self, steps: int) -> Update:
        """Return the update, summed over the positions that share a weight."""
        updates = [self._rule.finish(state, steps) for state in self._forward]
        if self._layer.is_dense:
            update = updates[0]
        else:
            # rules take the mean over rows, which are samples and positions
            positions = self._layer.connection.positions(self._layer.synapse_shape)
            dw = torch.cat([update.dw for update in updates]) * positions
            db = torch.cat([update.db for update in updates]) * positions
            update = Update(dw.view_as(self._layer.w), db)
        if self._recurrent:
            update = update._replace(dw_rec=self._rule.finish(self._recurrent[0], steps).dw)
        return update

    def _advanced(
        self, states: list[Any], sides: list[tuple[Tensor, Tensor]], slopes: list[Tensor | None]
    ) -> list[Any]:
        rule, parts = self._rule, len(sides)
        if isinstance(rule, SynapseEligibility):
            each = [rule.part(part, parts) for part in range(parts)] if parts > 1 else [rule]
            states = states or [r.start(*side) for r, side in zip(each, sides, strict=True)]
            rows = zip(each, states, sides, slopes, strict=True)
            return [r.step(state, *side, psi) for r, state, side, psi in rows]
        states = states or [rule.start(g, s) for g, s in sides]
        return [rule.step(state, g, s) for state, (g, s) in zip(states, sides, strict=True)]
