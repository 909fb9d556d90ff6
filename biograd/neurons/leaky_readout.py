"""The output neuron that never fires: its voltage is the answer."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..tensors import check_shapes, check_state
from .model import Neuron, SomaState, TwoCompartmentParams, apical_step


class LeakyReadout(Neuron[SomaState]):
    """An output neuron that never fires: its voltage is its answer, in the place of spikes.

        u[t] = alpha_u u[t-1] + current[t]
        v[t] = alpha_v v[t-1] + u[t]
        s[t] = v[t], graded, thresholds

    For the last layer alone, with errors of graded outputs (`errors.SoftmaxError`).
    Source: the leaky readout of Bellec et al. 2020 (Nature Communications 11:3625).

    Example:
        >>> neuron = LeakyReadout(TwoCompartmentParams(alpha_u=0.0, alpha_v=0.5))
        >>> state = neuron.soma(neuron.rest(torch.zeros(1, 1)), torch.full((1, 1), 3.0))
        >>> neuron.soma(state, torch.zeros(1, 1)).s.item()
        1.5
    """

    Params = TwoCompartmentParams
    fires = False
    params: TwoCompartmentParams

    def rest(self, like: Float[Tensor, "B N"]) -> SomaState:
        check_shapes(("like", like, "*"))
        zero = torch.zeros_like(like)
        return SomaState(zero, zero, zero)

    def soma(self, state: SomaState, current: Float[Tensor, "B N"]) -> SomaState:
        check_state(state, SomaState._fields, "B N", ("current", current, "B N"))
        u = self.params.alpha_u * state.u + current
        v = self.params.alpha_v * state.v + u
        return SomaState(u, v, v)

    def slope(self, state: SomaState) -> Float[Tensor, "B N"]:
        """Return 1: the answer is the voltage itself."""
        check_state(state, ("v",), "*")
        return torch.ones_like(state.v)

    def apical(
        self, v_apical: Float[Tensor, "B N"], teach: Float[Tensor, "B N"]
    ) -> Float[Tensor, "B N"]:
        return apical_step(v_apical, teach, self.params)
