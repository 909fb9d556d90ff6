"""The two-compartment neuron with an adaptive threshold (ALIF)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ..params.neuron import AdaptiveParams as AdaptiveParams
from ..tensors import check_shapes, check_state
from .mixed import OwnDecays
from .model import Kept, SomaState, integrated, surrogate_slope


class AdaptiveState(NamedTuple):
    """Somata after a step, each [B, N]: as `SomaState`, and the rise of the threshold."""

    u: Tensor
    v: Tensor
    s: Tensor
    h: Tensor  # of the step's threshold, 1 + h, thresholds


def adaptive_step(
    state: AdaptiveState, current: Float[Tensor, "B N"], p: AdaptiveParams, kept: Kept
) -> AdaptiveState:
    """Advance somata with adaptive thresholds by one time step.

        u[t], v[t]  as in `soma_step`; resets take away one threshold, without its rise
        h[t] = alpha_h h[t-1] + rise s[t-1]
        s[t] = 1 where v[t] > 1 + h[t], else 0

    Source: Bellec et al. 2020 (Nature Communications 11:3625), ALIF neuron, with h for their
    beta a, rise for beta, alpha_h for rho.

    Args:
        current: synaptic input of this step, bias included, [B, N], thresholds.
        kept: alpha_u and alpha_v, of all neurons or of each.
    """
    u, v = integrated(SomaState(state.u, state.v, state.s), current, p, kept)
    h = p.alpha_h * state.h + p.rise * state.s
    return AdaptiveState(u, v, (v > 1 + h).to(v.dtype), h)


class AdaptiveLIF(OwnDecays[AdaptiveState]):
    """A two-compartment LIF whose threshold rises with each spike and falls back slowly (ALIF).

    Its slope follows the risen threshold: `surrogate_slope` of v - h. Per-step eligibility takes
    the rise into account (`SynapseEligibility`).

    Args:
        params: constants that all neurons share.
        alphas_u, alphas_v: decays of each neuron or map, as of a `MixedLIF`.

    Example:
        >>> neuron = AdaptiveLIF(AdaptiveParams(alpha_u=0.0, rise=0.5, alpha_h=0.5))
        >>> state = neuron.soma(neuron.rest(torch.zeros(1, 1)), torch.full((1, 1), 1.25))
        >>> after = neuron.soma(state, torch.full((1, 1), 1.25))
        >>> state.s.item(), after.h.item(), after.s.item()    # 1.25 no longer reaches 1.5
        (1.0, 0.5, 0.0)
    """

    Params = AdaptiveParams
    params: AdaptiveParams

    def rest(self, like: Float[Tensor, "B N"]) -> AdaptiveState:
        check_shapes(("like", like, "*"))
        zero = torch.zeros_like(like)
        return AdaptiveState(zero, zero, zero, zero)

    def soma(self, state: AdaptiveState, current: Float[Tensor, "B N"]) -> AdaptiveState:
        check_state(state, AdaptiveState._fields, "B N", ("current", current, "B N"))
        return adaptive_step(state, current, self.params, self.decays.kept(current))

    def slope(self, state: AdaptiveState) -> Float[Tensor, "B N"]:
        check_state(state, ("v", "h"), "*")
        return surrogate_slope(state.v - state.h, self.params)
