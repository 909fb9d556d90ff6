"""Output of a network of maps: event by event, to the spikes of products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..connections.taps import Wiring
from ..fast_path import NEURON, keeps
from ..kernels.rounding import MANY, rounding
from ..layers import Layer
from ..neurons import LeakyReadout, TwoCompartmentLIF, TwoCompartmentParams, soma_scan
from .drive import largest_drive
from .rolling import roll_maps

_LEAST = 2.0**-24  # a window must be above 0


@torch.no_grad()
def fire_maps_output(
    spikes: Tensor, layers: Sequence[Layer], wires: list[Wiring] | None
) -> tuple[Tensor, Tensor] | None:
    """Roll spikes through all layers, and find the samples whose spikes rounding may have changed.

    Voltages of a readout differ from those of products in their last bits.

    Args:
        spikes: [T, B, N], 0 or 1, or the same at every step.
        wires: of the layers (`firing.wirings`); None where the loops do not know one.
    Returns: what `firing.fire_output` does. None for another neuron in the output, too.
    """
    output = layers[-1].neuron
    fires = keeps(output, TwoCompartmentLIF, *NEURON)
    few = len(spikes) * spikes.shape[1] < MANY
    if wires is None or few or not (fires or type(output) is LeakyReadout):
        return None
    margins = [_margin(layer, spikes) for layer in layers]
    rolled = roll_maps(layers, wires, spikes, margins)
    if rolled is None:
        return None
    near = rolled.near
    if not fires:
        return layers[-1].scan(rolled.current).s, near.nonzero().flatten()
    assert isinstance(output, TwoCompartmentLIF)
    p = replace(output.params, window=margins[-1], surrogate="rectangular")
    s_out, close = soma_scan(TwoCompartmentLIF(p), rolled.current)
    return s_out, (near | close.bool().any(2).any(0)).nonzero().flatten()


def _margin(layer: Layer, spikes: Tensor) -> float:
    """Return how far apart sums in two orders may bring a layer's voltages, thresholds."""
    p = getattr(layer.neuron, "params", None)
    p = p if isinstance(p, TwoCompartmentParams) else TwoCompartmentParams()
    graded = max(1.0, float(spikes[0].abs().max()))  # inputs that last
    return max(rounding(graded * largest_drive(layer), p.alpha_u, p.alpha_v, len(spikes)), _LEAST)
