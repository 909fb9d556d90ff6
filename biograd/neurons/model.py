"""The two-compartment neuron: a spiking soma, and an apical dendrite that integrates the error.

The apical compartment teaches and never drives: it has no path into the soma of its own neuron.
That is why a layer's somata can be advanced over all time steps before the first error is known
(`sequences.soma_scan`), and why both evaluation orders mean the same.

Voltages are in units of the threshold (v_th = 1), time in steps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import ClassVar, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from ..checks import instance_of
from ..params.neuron import NeuronParams as NeuronParams
from ..params.neuron import TwoCompartmentParams as TwoCompartmentParams
from ..tensors import check_shapes, check_state
from ..texts import described


class SomaState(NamedTuple):
    """Somata after a step, each [B, N]: current and voltage in thresholds, spikes 0 or 1.

    Example:
        >>> zero = torch.zeros(1, 2)
        >>> SomaState(u=zero, v=zero, s=zero).s.tolist()
        [[0.0, 0.0]]
    """

    u: Tensor
    v: Tensor
    s: Tensor


class Kept(NamedTuple):
    """Fractions kept per step as a step multiplies by them: of all neurons, or of each, [N]."""

    u: float | Tensor  # of the synaptic current
    v: float | Tensor  # of the soma voltage


def soma_step(
    state: SomaState, current: Float[Tensor, "B N"], p: TwoCompartmentParams
) -> SomaState:
    """Advance the somata by one time step.

        u[t] = alpha_u u[t-1] + current[t]
        v[t] = alpha_v v[t-1] (1 - s[t-1]) + u[t]      reset "zero"
               alpha_v (v[t-1] - s[t-1]) + u[t]        "subtract"
               alpha_v v[t-1] - s[t-1] + u[t]          "subtract_late"
               alpha_v v[t-1] + u[t]                   "none"
        s[t] = 1 where v[t] > 1, else 0

    Args:
        current: synaptic input of this step, bias included, [B, N], thresholds.
    Source: current-based LIF with hard reset as in Tang et al. 2021 (arXiv 2110.14092) and their
    lab's public code; the order of operations is Loihi's (Davies et al. 2018), so that the chip's
    integers follow the same steps.

    Example:
        >>> zero, p = torch.zeros(1, 1), TwoCompartmentParams()
        >>> state = soma_step(SomaState(zero, zero, zero), torch.full((1, 1), 0.75), p)
        >>> after = soma_step(state, torch.full((1, 1), 0.75), p)
        >>> state.v.item(), after.v.item(), after.s.item()    # the second step spikes
        (0.75, 1.6875, 1.0)
    """
    check_state(state, SomaState._fields, "B N", ("current", current, "B N"))
    instance_of(p, TwoCompartmentParams, "p", "TwoCompartmentParams()")
    u, v = integrated(state, current, p, Kept(p.alpha_u, p.alpha_v))
    return SomaState(u, v, (v > 1).to(v.dtype))


def integrated(
    state: SomaState, current: Tensor, p: TwoCompartmentParams, kept: Kept
) -> tuple[Tensor, Tensor]:
    """Return u[t] and v[t] of `soma_step`, by the decays of all neurons or of each."""
    u = kept.u * state.u + current
    return u, after_reset(state, p, kept.v) + u


def after_reset(
    state: SomaState, p: TwoCompartmentParams, alpha_v: float | Tensor | None = None
) -> Tensor:
    """Return what is kept of the voltages of the step before, resets done; see `soma_step`."""
    alpha_v = p.alpha_v if alpha_v is None else alpha_v
    if p.reset == "zero":
        return alpha_v * (state.v * (1 - state.s))
    if p.reset == "subtract":
        return alpha_v * (state.v - state.s)
    kept = alpha_v * state.v
    return kept - state.s if p.reset == "subtract_late" else kept


def apical_step(
    v_apical: Float[Tensor, "B N"], teach: Float[Tensor, "B N"], p: TwoCompartmentParams
) -> Float[Tensor, "B N"]:
    """Advance the apical dendrites by one time step.

        v_apical[t] = alpha_a v_apical[t-1] + teach[t]

    Args:
        teach: feedback from the error neurons, [B, N], thresholds.

    Example:
        >>> p = TwoCompartmentParams(alpha_a=0.5)
        >>> apical_step(torch.ones(1, 1), torch.full((1, 1), 0.5), p).item()
        1.0
    """
    check_shapes(("v_apical", v_apical, "B N"), ("teach", teach, "B N"))
    instance_of(p, TwoCompartmentParams, "p", "TwoCompartmentParams()")
    return p.alpha_a * v_apical + teach


def surrogate_slope(v: Tensor, p: TwoCompartmentParams) -> Tensor:
    """Return psi of voltages of any shape, thresholds.

        psi = 1 where |v - 1| < window, else 0      "rectangular"
              1 / (1 + ((v - 1) / window)^2)        "tails"

    Source: rectangular surrogate of the lab's public code; the slope with tails is the derivative
    of an arctangent (Fang et al. 2021, arXiv 2007.05785), with a maximum of 1.

    Example:
        >>> v = torch.tensor([-0.5, 0.5, 1.5, 2.5])
        >>> surrogate_slope(v, TwoCompartmentParams(window=1.0)).tolist()
        [0.0, 1.0, 1.0, 0.0]
    """
    check_shapes(("v", v, "*"))
    instance_of(p, TwoCompartmentParams, "p", "TwoCompartmentParams()")
    if p.surrogate == "tails":
        return 1 / (1 + ((v - 1) / p.window) ** 2)
    return ((v - 1).abs() < p.window).to(v.dtype)


@runtime_checkable
class HasSpikes(Protocol):
    """The one field that the network reads of any neuron's state: spikes, 0 or 1, [B, N]."""

    @property
    def s(self) -> Tensor: ...


State = TypeVar("State", bound=HasSpikes)


class Neuron(ABC, Generic[State]):
    """A neuron model: how somata and apical dendrites advance. Extend it to add one.

    The state of the soma is any NamedTuple of [B, N] tensors with a field `s`; it is passed in and
    out, never kept. A model with constants names their class `Params` (a frozen dataclass that
    extends `NeuronParams`); `self.params` holds them, and a run's configuration sets them in its
    table `neuron`. One line in `NEURONS` makes the model known to configurations by name. What the
    compiled loops do not know is stepped (see `fast_path`).

    Example:
        >>> from dataclasses import dataclass
        >>> class Threshold(Neuron[SomaState]):
        ...     @dataclass(frozen=True, kw_only=True)
        ...     class Params(NeuronParams):
        ...         theta: float = 1.0    # thresholds
        ...
        ...     def rest(self, like):
        ...         return SomaState(*(torch.zeros_like(like) for _ in range(3)))
        ...
        ...     def soma(self, state, current):
        ...         return SomaState(current, current, (current > self.params.theta).float())
        ...
        ...     def slope(self, state):
        ...         return ((state.v - self.params.theta).abs() < 1).float()
        ...
        ...     def apical(self, v_apical, teach):
        ...         return teach
        >>> neuron = Threshold(Threshold.Params(theta=0.5))
        >>> Network((4, 3, 2), neuron=neuron)(torch.ones(5, 1, 4)).shape
        torch.Size([5, 1, 2])
    """

    Params: ClassVar[type[NeuronParams]] = NeuronParams
    fires: ClassVar[bool] = True  # False: `s` is a graded answer, for the last layer alone

    def __init__(self, params: NeuronParams | None = None) -> None:
        kind = self.Params
        self.params = (
            kind() if params is None else instance_of(params, kind, "params", f"{kind.__name__}()")
        )
        unknown = {field.name: field.default for field in fields(self.params)}
        for field in fields(kind):
            del unknown[field.name]
        for name, default in unknown.items():
            if (value := getattr(self.params, name)) != default:
                raise ValueError(
                    f"params has {name} = {value!r}, which {type(self).__name__} does not know:"
                    f" need {kind.__name__}(...)"
                )

    def __repr__(self) -> str:
        return described(self)

    @abstractmethod
    def rest(self, like: Float[Tensor, "B N"]) -> State:
        """Return the somata before the first step, of the shape, type and device of `like`."""

    @abstractmethod
    def soma(self, state: State, current: Float[Tensor, "B N"]) -> State:
        """Advance the somata by one step."""

    @abstractmethod
    def slope(self, state: State) -> Float[Tensor, "B N"]:
        """Return psi, [B, N]: how much a spike of this step would change with the current."""

    @abstractmethod
    def apical(
        self, v_apical: Float[Tensor, "B N"], teach: Float[Tensor, "B N"]
    ) -> Float[Tensor, "B N"]:
        """Advance the apical voltages by one step; they depend on nothing else."""

    @property
    def rheobase(self) -> float | tuple[float, ...] | None:
        """Constant current whose voltage tends to exactly one threshold; None: it cannot sleep.

        One for all neurons, or one for each neuron or map.
        """
        return None

    def check_population(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError where this neuron does not fit a population of this shape.

        Any shape fits, unless a neuron that holds one value per neuron or map says otherwise.
        """


class TwoCompartmentLIF(Neuron[SomaState]):
    """The neuron of `soma_step`, `apical_step` and `surrogate_slope`.

    Example:
        >>> neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.5))
        >>> state = neuron.soma(neuron.rest(torch.zeros(1, 3)), torch.full((1, 3), 1.5))
        >>> state.s.tolist()
        [[1.0, 1.0, 1.0]]
    """

    Params = TwoCompartmentParams
    params: TwoCompartmentParams

    def rest(self, like: Float[Tensor, "B N"]) -> SomaState:
        check_shapes(("like", like, "*"))
        zero = torch.zeros_like(like)
        return SomaState(zero, zero, zero)

    def soma(self, state: SomaState, current: Float[Tensor, "B N"]) -> SomaState:
        return soma_step(state, current, self.params)

    def slope(self, state: SomaState) -> Float[Tensor, "B N"]:
        check_state(state, ("v",), "*")
        return surrogate_slope(state.v, self.params)

    def apical(
        self, v_apical: Float[Tensor, "B N"], teach: Float[Tensor, "B N"]
    ) -> Float[Tensor, "B N"]:
        return apical_step(v_apical, teach, self.params)

    @property
    def rheobase(self) -> float:
        """(1 - alpha_u)(1 - alpha_v), thresholds; it never fires, since s needs v > 1."""
        return (1 - self.params.alpha_u) * (1 - self.params.alpha_v)


def resets_to_zero(neuron: Neuron) -> bool:
    """Return whether a neuron is a two-compartment LIF with reset to zero and rectangular slope."""
    if not isinstance(neuron, TwoCompartmentLIF):
        return False
    return neuron.params.reset == "zero" and neuron.params.surrogate == "rectangular"


def lif_params(neuron: Neuron) -> TwoCompartmentParams:
    """Return the constants of a two-compartment LIF that resets to zero, with rectangular slope.

    Raises: ValueError for any other neuron, reset or slope: fast paths know no other.
    """
    if not isinstance(neuron, TwoCompartmentLIF):
        raise ValueError(
            f"{type(neuron).__name__} is no two-compartment LIF, and only its constants are known"
            " here: use neuron_model 'two_compartment'"
        )
    p = neuron.params
    if p.reset != "zero" or p.surrogate != "rectangular":
        raise ValueError(
            f"the neuron has reset {p.reset!r} and surrogate {p.surrogate!r}, and only 'zero' and"
            " 'rectangular' are known here: train with those"
        )
    return p
