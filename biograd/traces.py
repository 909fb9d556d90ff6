"""Presynaptic traces, and the eligibility of a synapse."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from .checks import instance_of
from .fast_path import compiled_loops
from .params.trace import HasDecays as HasDecays
from .params.trace import TraceParams as TraceParams
from .tensors import check_state, floats_like


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
    s = floats_like(s, getattr(state, "x", s), "s")
    check_state(state, TraceState._fields, "B N", ("s", s, "B N"))
    instance_of(p, TraceParams, "p", "TraceParams()")
    x = p.alpha_x * state.x + s
    return TraceState(x, p.alpha_z * state.z + x)


def trace_scan(s: Float[Tensor, "T B N"], p: TraceParams) -> Float[Tensor, "T B N"]:
    """Return z over all steps, from zero, [T, B, N].

    A compiled loop in float32 on a CPU, a kernel on a GPU, both equal to `trace_step` to the bit.
    """
    if (loops := compiled_loops(s)) is not None:
        return loops.trace(s.detach(), p.alpha_x, p.alpha_z)
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
