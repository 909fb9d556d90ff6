"""Decays of presynaptic traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..checks import real_fields, text_of


@runtime_checkable
class HasDecays(Protocol):
    """Constants of a neuron whose current and voltage decay, e.g. `TwoCompartmentParams`."""

    @property
    def alpha_u(self) -> float: ...
    @property
    def alpha_v(self) -> float: ...


@dataclass(frozen=True, kw_only=True)
class TraceParams:
    """Decay of a synapse's presynaptic trace.

    Example:
        >>> TraceParams(alpha_z=0.0).alpha_x    # a single exponential trace, as on the chip
        0.5
        >>> TraceParams.like(TwoCompartmentParams(alpha_v=0.9))    # decays as its neuron does
        TraceParams(alpha_x=0.5, alpha_z=0.9)
    """

    alpha_x: float = 0.5  # first filter, kept per step, 1; the soma's alpha_u
    # second filter, kept per step, 1; the soma's alpha_v; 0: one exponential, as on the chip
    alpha_z: float = 0.75

    @classmethod
    def like(cls, neuron: HasDecays) -> TraceParams:
        """Return a soma's own filters, for the synapses onto it; see `trace_step`."""
        if isinstance(neuron, type) or not isinstance(neuron, HasDecays):
            raise TypeError(
                f"neuron is {text_of(neuron)}; need the constants of a neuron that decays, with"
                " alpha_u and alpha_v, e.g. TwoCompartmentParams()"
            )
        return cls(alpha_x=neuron.alpha_u, alpha_z=neuron.alpha_v)

    def __post_init__(self) -> None:
        why = "the fraction kept per step"
        real_fields(self, "alpha_x", table="trace", least=0, below=1, why=why)
        real_fields(self, "alpha_z", table="trace", least=0, most=1, why=f"{why}; 1: for ever")
