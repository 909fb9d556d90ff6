"""Rules that fit the neurons of a network."""

from __future__ import annotations

from ..network import Network
from ..neurons import TwoCompartmentLIF
from ..rules import Eligibility, Rule
from ..traces import TraceParams


def like_neurons(net: Network) -> list[Rule]:
    """Return per-step eligibility for each layer, with traces that decay as its neurons do.

    For neurons other than the two-compartment LIF, the defaults of `TraceParams`.

    Example:
        >>> neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.0, alpha_v=0.9))
        >>> [rule.trace for rule in like_neurons(Network((784, 10), neuron=neuron))]
        [TraceParams(alpha_x=0.0, alpha_z=0.9)]
    """
    neurons = (layer.neuron for layer in net.layers)
    return [
        Eligibility(
            TraceParams.like(neuron.params) if isinstance(neuron, TwoCompartmentLIF) else None
        )
        for neuron in neurons
    ]
