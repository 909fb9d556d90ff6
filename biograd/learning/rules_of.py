"""Rules that fit the neurons of a network."""

from __future__ import annotations

from ..network import Network
from ..neurons import AdaptiveLIF, MixedLIF, Neuron, TwoCompartmentLIF
from ..rules import Eligibility, Rule
from ..traces import TraceParams
from .per_synapse import SynapseEligibility


def like_neurons(net: Network) -> list[Rule]:
    """Return per-step eligibility for each layer, with traces that decay as its neurons do.

    Synapses onto neurons that differ from one another, or whose thresholds adapt, keep traces of
    their own (`SynapseEligibility`). For neurons of other models, the defaults of `TraceParams`.

    Example:
        >>> neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.0, alpha_v=0.9))
        >>> [rule.trace for rule in like_neurons(Network((784, 10), neuron=neuron))]
        [TraceParams(alpha_x=0.0, alpha_z=0.9)]
    """
    return [like_neuron(layer.neuron) for layer in net.layers]


def like_neuron(neuron: Neuron) -> Rule:
    """Return per-step eligibility for the synapses onto such neurons; see `like_neurons`."""
    if isinstance(neuron, MixedLIF | AdaptiveLIF):
        return SynapseEligibility.like(neuron)
    if isinstance(neuron, TwoCompartmentLIF):
        return Eligibility(TraceParams.like(neuron.params))
    return Eligibility()
