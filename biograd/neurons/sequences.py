"""Neurons over whole sequences: their steps, or compiled loops that equal them to the bit."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..fast_path import SOMA, compiled_loops, keeps
from ..inputs import trusted
from ..kernels import scans as cpu_loops
from .adaptive import AdaptiveLIF
from .mixed import MixedLIF
from .model import (
    Neuron,
    TwoCompartmentLIF,
    TwoCompartmentParams,
    lif_params,
    resets_to_zero,
)

_STOCK = TwoCompartmentLIF, MixedLIF, AdaptiveLIF  # neurons of one apical step


def soma_scan(
    neuron: Neuron, current: Float[Tensor, "T B N"], *, compiled: bool = True
) -> tuple[Float[Tensor, "T B N"], Bool[Tensor, "T B N"] | Float[Tensor, "T B N"]]:
    """Advance a layer over all its steps from rest.

    The two-compartment LIF in float32 takes a compiled loop on a CPU and a kernel on a GPU, equal
    to the steps to the bit. Any other neuron is stepped, and so is a subclass with a `rest`, `soma`
    or `slope` of its own.

    Args:
        compiled: False: step every neuron.
    Returns: spikes s, 0 or 1, [T, B, N]; slopes psi, [T, B, N] (boolean from a compiled loop).
    """
    loops = compiled_loops(current) if compiled else None
    if loops is not None and resets_to_zero(neuron) and keeps(neuron, TwoCompartmentLIF, *SOMA):
        p = lif_params(neuron)
        return loops.soma(current.detach(), p.alpha_u, p.alpha_v, p.window)
    if loops is cpu_loops and keeps(neuron, TwoCompartmentLIF, *SOMA):
        q: TwoCompartmentParams = neuron.params  # type: ignore[assignment]  # of a TwoCompartmentLIF
        constants = q.alpha_u, q.alpha_v, q.window
        return cpu_loops.soma_of(current.detach(), *constants, q.reset, q.surrogate == "tails")
    state = neuron.rest(current[0])
    s, psi = torch.empty_like(current), torch.empty_like(current)
    for t in range(current.shape[0]):
        with trusted(t > 0):  # as the first step, which is checked
            state = neuron.soma(state, current[t])
            s[t], psi[t] = state.s, neuron.slope(state)
    return s, psi


def soma_voltages(
    neuron: TwoCompartmentLIF | MixedLIF, current: Float[Tensor, "T B N"]
) -> Float[Tensor, "T B N"]:
    """Return soma voltages before each reset, by pure steps from rest, thresholds, [T, B, N]."""
    state = neuron.rest(current[0])
    v = torch.empty_like(current)
    for t in range(current.shape[0]):
        state = neuron.soma(state, current[t])
        v[t] = state.v
    return v


def apical_scan(neuron: Neuron, teach: Float[Tensor, "T B N"]) -> Float[Tensor, "T B N"]:
    """Return the apical voltages over all steps, from zero, [T, B, N], thresholds.

    They are `teach` itself, not a copy, where a stock neuron keeps nothing (alpha_a = 0).
    """
    if any(keeps(neuron, kind, "apical") for kind in _STOCK) and neuron.params.alpha_a == 0:  # type: ignore[attr-defined]  # of stock neurons
        return teach
    v_apical = torch.zeros_like(teach[0])
    out = torch.empty_like(teach)
    for t in range(teach.shape[0]):
        with trusted(t > 0):
            out[t] = v_apical = neuron.apical(v_apical, teach[t])
    return out
