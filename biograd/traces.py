"""Presynaptic traces, and the eligibility of a synapse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from .checks import real_fields, text_of
from .fast_path import compiled_loops


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
        real_fields(self, "alpha_x", "alpha_z", table="trace", least=0, below=1, why=why)


class TraceState(NamedTuple):
    """The two filters of one presynaptic population, each [B, N]."""

    x: Tensor
    z: Tensor


def trace_step(state: TraceState, s: Float[Tensor, "B N"], p: TraceParams) -> TraceState:
    """Advance the traces by one step.

        x[t] = alpha_x x[t-1] + s[t]
        z[t] = alpha_z z[t-1] + x[t]

    With the soma's own constants z is what a spike, arriving through a weight of one, adds to the
    soma's voltage until it resets: the derivative of v by that weight. That makes `eligibility` the
    forward-mode derivative of the spike (reset path left out).

    Source: ours, after the eligibility traces of Tang et al. 2021 (arXiv 2110.14092, abstract);
    e-prop (Bellec et al. 2020) has the same form.

    Example:
        >>> state = trace_step(rest(torch.zeros(1, 1)), torch.ones(1, 1), TraceParams())
        >>> trace_step(state, torch.zeros(1, 1), TraceParams()).z.item()    # 0.75 * 1 + 0.5
        1.25
    """
    x = p.alpha_x * state.x + s
    return TraceState(x, p.alpha_z * state.z + x)


def trace_scan(s: Float[Tensor, "T B N"], p: TraceParams) -> Float[Tensor, "T B N"]:
    """Return z over all steps, from zero, [T, B, N].

    A compiled loop in float32 on a CPU, a kernel on a GPU, both equal to `trace_step` to the bit.
    """
    if (loops := compiled_loops(s)) is not None:
        return loops.trace(s, p.alpha_x, p.alpha_z)
    state = rest(s[0])
    z = torch.empty_like(s)
    for t in range(s.shape[0]):
        state = trace_step(state, s[t], p)
        z[t] = state.z
    return z


def rest(like: Float[Tensor, "B N"]) -> TraceState:
    """Return the traces before the first spike."""
    return TraceState(torch.zeros_like(like), torch.zeros_like(like))


def eligibility(psi: Float[Tensor, "B N"], z: Float[Tensor, "B M"]) -> Float[Tensor, "B N M"]:
    """Return e = psi z^T, one value per synapse and sample.

    For pictures and small nets: rules never build it, they sum it in one matrix product.
    """
    return psi.unsqueeze(-1) * z.unsqueeze(-2)
