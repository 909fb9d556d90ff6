"""The two-compartment neuron with decays that differ from neuron to neuron of a layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..tensors import check_shapes, check_state
from .decays import Decays
from .model import (
    Neuron,
    SomaState,
    State,
    TwoCompartmentParams,
    apical_step,
    integrated,
    surrogate_slope,
)


class OwnDecays(Neuron[State]):
    """Common parts of neurons that decay each in its own way; extend it as `Neuron`.

    Args:
        params: constants that all neurons share.
        alphas_u: current kept per step by each neuron of a dense layer, or each map of others; that
            of `params` where empty.
        alphas_v: the same for the voltage.
    """

    params: TwoCompartmentParams

    def __init__(
        self,
        params: TwoCompartmentParams | None = None,
        *,
        alphas_u: Sequence[float] | Tensor = (),
        alphas_v: Sequence[float] | Tensor = (),
    ) -> None:
        super().__init__(params)
        self.decays = Decays.of(self.params, alphas_u, alphas_v)

    def check_population(self, shape: tuple[int, ...]) -> None:
        self.decays.check_population(shape)

    def apical(
        self, v_apical: Float[Tensor, "B N"], teach: Float[Tensor, "B N"]
    ) -> Float[Tensor, "B N"]:
        return apical_step(v_apical, teach, self.params)

    @property
    def rheobase(self) -> tuple[float, ...]:
        """(1 - alpha_u)(1 - alpha_v) of each neuron or map, thresholds."""
        return self.decays.rheobase()


class MixedLIF(OwnDecays[SomaState]):
    """A two-compartment LIF whose neurons decay each in its own way: fast and slow in one layer.

    Steps and slope are those of `TwoCompartmentLIF`. A threshold of a neuron's own needs no
    constant: weights are in thresholds, so it divides the neuron's weights and bias.

    Args:
        params: constants that all neurons share.
        alphas_u: current kept per step by each neuron of a dense layer, or each map of others; that
            of `params` where empty.
        alphas_v: the same for the voltage.

    Example:
        >>> neuron = MixedLIF(TwoCompartmentParams(alpha_u=0.0), alphas_v=(0.5, 1.0))
        >>> state = neuron.soma(neuron.rest(torch.zeros(1, 2)), torch.full((1, 2), 0.5))
        >>> neuron.soma(state, torch.zeros(1, 2)).v.tolist()    # a step without current
        [[0.25, 0.5]]
    """

    Params = TwoCompartmentParams

    def rest(self, like: Float[Tensor, "B N"]) -> SomaState:
        check_shapes(("like", like, "*"))
        zero = torch.zeros_like(like)
        return SomaState(zero, zero, zero)

    def soma(self, state: SomaState, current: Float[Tensor, "B N"]) -> SomaState:
        check_state(state, SomaState._fields, "B N", ("current", current, "B N"))
        u, v = integrated(state, current, self.params, self.decays.kept(current))
        return SomaState(u, v, (v > 1).to(v.dtype))

    def slope(self, state: SomaState) -> Float[Tensor, "B N"]:
        check_state(state, ("v",), "*")
        return surrogate_slope(state.v, self.params)
