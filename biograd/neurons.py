"""The two-compartment neuron: a spiking soma, and an apical dendrite that integrates the error.

The apical compartment teaches and never drives: it has no path into the soma of its own neuron.
That is why a layer's somata can be advanced over all time steps before the first error is known
(`soma_scan`), and why both evaluation orders mean the same.

Voltages are in units of the threshold (v_th = 1), time in steps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .kernels import gpu, scans


@dataclass(frozen=True, kw_only=True)
class TwoCompartmentParams:
    """Constants of the two-compartment neuron.

    Example:
        >>> TwoCompartmentParams(alpha_v=0.9).alpha_u
        0.5
    """

    # synaptic current kept per step, 1; Source: the paper's lab, its other public code (v_th 0.5)
    alpha_u: float = 0.5
    alpha_v: float = 0.75  # soma voltage kept per step, 1; same source
    # apical voltage kept per step, 1; ours: 0 and 0.5 learn equally well, 0 needs no state
    alpha_a: float = 0.0
    # half-width of the surrogate slope around the threshold, thresholds; same source (0.5 at v_th
    # 0.5)
    window: float = 1.0

    def __post_init__(self) -> None:
        for name in ("alpha_u", "alpha_v", "alpha_a"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"neuron.{name} is {getattr(self, name)}; need 0 <= {name} < 1 (the fraction"
                    " kept per step)"
                )
        if not self.window > 0:
            raise ValueError(f"neuron.window is {self.window}; need window > 0 (thresholds)")


class SomaState(NamedTuple):
    """Somata after a step, each [B, N]: current `u` and voltage `v` in thresholds, spikes `s` 0 or
    1.

    Example:
        >>> zero = torch.zeros(1, 2)
        >>> SomaState(u=zero, v=zero, s=zero).s.tolist()
        [[0.0, 0.0]]
    """

    u: Tensor
    v: Tensor
    s: Tensor


def soma_step(
    state: SomaState, current: Float[Tensor, "B N"], p: TwoCompartmentParams
) -> SomaState:
    """Advance the somata by one time step.

        u[t] = alpha_u u[t-1] + current[t]
        v[t] = alpha_v v[t-1] (1 - s[t-1]) + u[t]
        s[t] = 1 where v[t] > 1, else 0

    Args:
        current: synaptic input of this step, bias included, [B, N], thresholds.
    Source: current-based LIF with hard reset as in Tang et al. 2021 (arXiv 2110.14092) and their
    lab's public code; the order of operations is Loihi's (Davies et al. 2018), so that the chip's
    integers follow the same steps.

    Example:
        >>> zero = torch.zeros(1, 1)
        >>> state = soma_step(SomaState(zero, zero, zero), torch.full((1, 1), 0.75), TwoCompartmentParams())
        >>> state.v.item(), soma_step(state, torch.full((1, 1), 0.75), TwoCompartmentParams()).s.item()    # 0.75, then 1.6875: a spike
        (0.75, 1.0)
    """
    u = p.alpha_u * state.u + current
    v = p.alpha_v * (state.v * (1 - state.s)) + u
    return SomaState(u, v, (v > 1).to(v.dtype))


def apical_step(
    v_apical: Float[Tensor, "B N"], teach: Float[Tensor, "B N"], p: TwoCompartmentParams
) -> Float[Tensor, "B N"]:
    """Advance the apical dendrites by one step: v_apical[t] = alpha_a v_apical[t-1] + teach[t],
    thresholds.

    Args:
        teach: feedback from the error neurons, [B, N], thresholds.

    Example:
        >>> apical_step(torch.ones(1, 1), torch.full((1, 1), 0.5), TwoCompartmentParams(alpha_a=0.5)).item()
        1.0
    """
    return p.alpha_a * v_apical + teach


def surrogate_slope(v: Tensor, p: TwoCompartmentParams) -> Tensor:
    """psi = 1 where |v - 1| < window, else 0; any shape, v in thresholds. Source: rectangular
    surrogate of the lab's public code.

    Example:
        >>> surrogate_slope(torch.tensor([-0.5, 0.5, 1.5, 2.5]), TwoCompartmentParams(window=1.0)).tolist()
        [0.0, 1.0, 1.0, 0.0]
    """
    return ((v - 1).abs() < p.window).to(v.dtype)


@runtime_checkable
class HasSpikes(Protocol):
    """What the network asks of any neuron's state: the spikes, 0 or 1, [B, N]."""

    @property
    def s(self) -> Tensor: ...


class Neuron(ABC):
    """What a network asks of a neuron model. A new one is a class with these methods and a line in
    `NEURONS`.

    The state of the soma is any NamedTuple of [B, N] tensors with a field `s`; it is passed in and
    out, never kept.

    Example:
        >>> isinstance(TwoCompartmentLIF(), Neuron)
        True
    """

    @abstractmethod
    def rest(self, like: Float[Tensor, "B N"]) -> HasSpikes:
        """The soma before the first step, for a population of the shape, type and device of `like`."""

    @abstractmethod
    def soma(self, state: HasSpikes, current: Float[Tensor, "B N"]) -> HasSpikes:
        """The soma one step later."""

    @abstractmethod
    def slope(self, state: HasSpikes) -> Float[Tensor, "B N"]:
        """How much a spike at this step would change with the current: the surrogate slope psi, [B,
        N].
        """

    @abstractmethod
    def apical(
        self, v_apical: Float[Tensor, "B N"], teach: Float[Tensor, "B N"]
    ) -> Float[Tensor, "B N"]:
        """The apical voltage one step later. It may depend on nothing else: the soma never sees it."""


class TwoCompartmentLIF(Neuron):
    """The neuron of `soma_step`, `apical_step` and `surrogate_slope`.

    Example:
        >>> neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.5))
        >>> state = neuron.soma(neuron.rest(torch.zeros(1, 3)), torch.full((1, 3), 1.5))
        >>> state.s.tolist()
        [[1.0, 1.0, 1.0]]
    """

    def __init__(self, params: TwoCompartmentParams | None = None) -> None:
        self.params = params or TwoCompartmentParams()

    def rest(self, like: Float[Tensor, "B N"]) -> SomaState:
        zero = torch.zeros_like(like)
        return SomaState(zero, zero, zero)

    def soma(self, state: HasSpikes, current: Float[Tensor, "B N"]) -> SomaState:
        assert isinstance(state, SomaState)
        return soma_step(state, current, self.params)

    def slope(self, state: HasSpikes) -> Float[Tensor, "B N"]:
        assert isinstance(state, SomaState)
        return surrogate_slope(state.v, self.params)

    def apical(
        self, v_apical: Float[Tensor, "B N"], teach: Float[Tensor, "B N"]
    ) -> Float[Tensor, "B N"]:
        return apical_step(v_apical, teach, self.params)


def lif_params(neuron: Neuron) -> TwoCompartmentParams:
    """The constants of a two-compartment LIF, for what knows no other neuron."""
    assert isinstance(neuron, TwoCompartmentLIF)
    return neuron.params


def soma_scan(
    neuron: Neuron, current: Float[Tensor, "T B N"], *, compiled: bool = True
) -> tuple[Float[Tensor, "T B N"], Bool[Tensor, "T B N"] | Float[Tensor, "T B N"]]:
    """Advance a layer over all its steps from rest.

    The two-compartment LIF in float32 takes a compiled loop on a CPU and a kernel on a GPU, equal
    to the steps to the bit; any other neuron, or `compiled=False`, is stepped.

    Returns: spikes s, 0 or 1, [T, B, N]; slopes psi, [T, B, N] (a truth value from the compiled
    loop).
    """
    if (
        compiled
        and type(neuron) is TwoCompartmentLIF
        and (gpu.runs_on(current) or scans.runs_on(current))
    ):
        scan = gpu.soma if gpu.runs_on(current) else scans.soma
        return scan(current, neuron.params.alpha_u, neuron.params.alpha_v, neuron.params.window)
    state = neuron.rest(current[0])
    s, psi = torch.empty_like(current), torch.empty_like(current)
    for t in range(current.shape[0]):
        state = neuron.soma(state, current[t])
        s[t], psi[t] = state.s, neuron.slope(state)
    return s, psi


def apical_scan(neuron: Neuron, teach: Float[Tensor, "T B N"]) -> Float[Tensor, "T B N"]:
    """Apical voltages over all steps, from zero, [T, B, N], thresholds."""
    if type(neuron) is TwoCompartmentLIF and neuron.params.alpha_a == 0:
        return teach
    v_apical = torch.zeros_like(teach[0])
    out = torch.empty_like(teach)
    for t in range(teach.shape[0]):
        out[t] = v_apical = neuron.apical(v_apical, teach[t])
    return out


NEURONS: dict[str, type[TwoCompartmentLIF]] = {"two_compartment": TwoCompartmentLIF}
