"""Eligibility of synapses whose neurons differ from one another, or whose thresholds adapt.

There the eligibility of a synapse is no product of a presynaptic and a postsynaptic factor. Step by
step, each synapse keeps traces of its own, as in e-prop. Over whole trains the same sum is taken
from the error's side: filters act on errors in place of spikes, backwards, and the update is one
matrix product. Tests hold the two equal.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..checks import instance_of, whole_number
from ..fast_path import RULE, keeps
from ..neurons import AdaptiveLIF, Decays, MixedLIF
from ..neurons.decays import spread
from ..rules import Rule, Update
from ..tensors import check_shapes, floats_like

Slopes = Bool[Tensor, "..."] | Float[Tensor, "..."] | None


class SynapseState(NamedTuple):
    """Traces of every synapse, and the sums of an update so far.

    Traces are [B, N, M]; [B, 1, M] where all neurons decay alike. Those of the bias have M = 1.
    """

    x: Tensor
    z: Tensor
    rise: Tensor  # of the threshold with the weight: e-prop's epsilon_a, times its beta
    bias_x: Tensor
    bias_z: Tensor
    bias_rise: Tensor
    dw: Tensor
    db: Tensor


class SynapseEligibility(Rule):
    """Per-step eligibility with traces of each synapse's own.

        x[t] = alpha_u x[t-1] + s_pre[t]
        z[t] = alpha_v z[t-1] + x[t]                    decays of the neuron after the synapse
        h[t] = alpha_h h[t-1] + rise e[t-1]             derivative of the threshold by the weight
        e[t] = psi[t] (z[t] - h[t])                     eligibility
        dw   = 1/(B T) sum over b, t of v_apical e

    With one decay for all neurons and rise = 0 it is `Eligibility`. The bias is a weight from an
    input that fires at every step.
    Source: e-prop for adaptive thresholds, Bellec et al. 2020 (Nature Communications 11:3625),
    whose adaptive component of the eligibility vector is h / rise; paths through resets and through
    recurrent synapses are left out.

    Args:
        decays: of the neurons after the synapses.
        alpha_h, rise: of their thresholds, as in `AdaptiveParams`.
    """

    def __init__(self, decays: Decays, *, alpha_h: float = 0.0, rise: float = 0.0) -> None:
        self.decays = instance_of(decays, Decays, "decays", "the decays of a neuron")
        self.alpha_h, self.rise = alpha_h, rise

    @classmethod
    def like(cls, neuron: MixedLIF | AdaptiveLIF) -> SynapseEligibility:
        """Return the rule of the synapses onto such neurons."""
        if isinstance(neuron, MixedLIF):
            return cls(neuron.decays)
        return cls(neuron.decays, alpha_h=neuron.params.alpha_h, rise=neuron.params.rise)

    def start(self, g: Float[Tensor, "B N"], s_pre: Float[Tensor, "B M"]) -> SynapseState:
        s_pre = floats_like(s_pre, g, "s_pre")
        check_shapes(("g", g, "B N"), ("s_pre", s_pre, "B M"))
        (batch, neurons), inputs = g.shape, s_pre.shape[1]
        rows = neurons if self.decays.count > 1 else 1
        risen = (neurons, inputs) if self.rise else (1, 1)
        pre, rise = g.new_zeros(batch, rows, inputs), g.new_zeros(batch, *risen)
        bias, bias_rise = g.new_zeros(1, rows, 1), g.new_zeros(batch, risen[0], 1)
        sums = g.new_zeros(neurons, inputs), g.new_zeros(neurons)
        return SynapseState(pre, pre, rise, bias, bias, bias_rise, *sums)

    def step(
        self,
        state: SynapseState,
        g: Float[Tensor, "B N"],
        s_pre: Float[Tensor, "B M"],
        psi: Slopes = None,
    ) -> SynapseState:
        """Take one step into account.

        Args:
            psi: slopes of the neurons, [B, N]; None: 1, as of the output layer.
        """
        s_pre = floats_like(s_pre, g, "s_pre")
        check_shapes(("g", g, "B N"), ("s_pre", s_pre, "B M"))
        slope = torch.ones_like(g) if psi is None else psi.to(g)
        check_shapes(("g", g, "B N"), ("psi", slope, "B N"))
        x, z, rise, dw = self._advanced(state.x, state.z, state.rise, s_pre, slope, g)
        ones = g.new_ones(1, 1)
        sides = state.bias_x, state.bias_z, state.bias_rise, ones
        bias_x, bias_z, bias_rise, db = self._advanced(*sides, slope, g)
        return SynapseState(
            x, z, rise, bias_x, bias_z, bias_rise, state.dw + dw, state.db + db[:, 0]
        )

    def finish(self, state: SynapseState, steps: int) -> Update:
        instance_of(state, SynapseState, "state", "a SynapseState, as `start` returns it")
        whole_number(steps, "steps", 1)
        return Update(state.dw / steps, state.db / steps)

    def over_time(
        self,
        g: Float[Tensor, "T B N"],
        s_pre: Float[Tensor, "T B M"],
        psi: Slopes = None,
    ) -> Update:
        """Return the update of whole trains, in one matrix product.

        Args:
            psi: slopes of the neurons, [T, B, N]; None: 1, as of the output layer.
        """
        s_pre = floats_like(s_pre, g, "s_pre")
        check_shapes(("g", g, "T B N"), ("s_pre", s_pre, "T B M"))
        f = self.filtered(g, psi)
        count = len(g) * g.shape[1]
        return Update(f.flatten(0, 1).T @ s_pre.flatten(0, 1) / count, f.sum((0, 1)) / count)

    def filtered(self, g: Float[Tensor, "T B N"], psi: Slopes = None) -> Float[Tensor, "T B N"]:
        """Return errors f with sum f s_pre = sum v_apical e: the filters, on the error's side.

            d[t] = -g[t] + (alpha_h - rise psi[t]) d[t+1]       d, y, f are 0 after the last step
            y[t] = g[t] + rise psi[t] d[t+1] + alpha_v y[t+1]
            f[t] = y[t] + alpha_u f[t+1]

        The sums over time of both sides are equal, exchanged in order; nothing is known earlier.
        """
        kept = self.decays.kept(g)
        d = y = last = torch.zeros_like(g[0])
        f = torch.empty_like(g)
        for t in reversed(range(len(g))):
            now = g[t]
            if self.rise:
                risen = self.rise if psi is None else self.rise * psi[t].to(g[t])
                now, d = now + risen * d, (self.alpha_h - risen) * d - now
            y = now + kept.v * y
            f[t] = last = y + kept.u * last
        return f

    def part(self, index: int, parts: int) -> SynapseEligibility:
        """Return the rule of one of equal groups of maps."""
        rule = copy.copy(self)
        rule.decays = self.decays.part(index, parts)
        return rule

    def _advanced(
        self, x: Tensor, z: Tensor, rise: Tensor, s_pre: Tensor, psi: Tensor, g: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the traces of all synapses after a step, and its share of the update."""
        kept = (spread(alphas, g) for alphas in (self.decays.u, self.decays.v))
        alpha_u, alpha_v = (a.unsqueeze(-1) if isinstance(a, Tensor) else a for a in kept)
        x = alpha_u * x + s_pre.unsqueeze(1)
        z = alpha_v * z + x
        if not self.rise:
            g = g if len(z) == len(g) else g.sum(0, keepdim=True)  # the bias is one for all samples
            if z.shape[1] == 1:
                return x, z, rise, g.T @ z[:, 0] / len(psi)
            return x, z, rise, torch.einsum("bn,bnm->nm", g, z) / len(psi)
        e = z - rise
        dw = torch.einsum("bn,bnm->nm", g, e) / len(psi)
        return x, z, self.alpha_h * rise + self.rise * psi.unsqueeze(-1) * e, dw


def knows(rule: Rule) -> bool:
    """Return whether `SynapseEligibility.filtered` stands for this rule's steps."""
    return keeps(rule, SynapseEligibility, *RULE, "filtered")
