"""Neurons: models of the soma and the apical dendrite, and their runs over whole sequences."""

from .adaptive import AdaptiveLIF, AdaptiveParams, AdaptiveState
from .decays import Decays, mixed_decays
from .leaky_readout import LeakyReadout
from .mixed import MixedLIF
from .model import (
    HasSpikes,
    Neuron,
    NeuronParams,
    SomaState,
    TwoCompartmentLIF,
    TwoCompartmentParams,
    apical_step,
    lif_params,
    resets_to_zero,
    soma_step,
    surrogate_slope,
)
from .sequences import apical_scan, soma_scan, soma_voltages

NEURONS: dict[str, type[Neuron]] = {
    "two_compartment": TwoCompartmentLIF,
    "adaptive": AdaptiveLIF,
}

__all__ = [
    "NEURONS",
    "AdaptiveLIF",
    "AdaptiveParams",
    "AdaptiveState",
    "Decays",
    "HasSpikes",
    "LeakyReadout",
    "MixedLIF",
    "Neuron",
    "NeuronParams",
    "SomaState",
    "TwoCompartmentLIF",
    "TwoCompartmentParams",
    "apical_scan",
    "apical_step",
    "lif_params",
    "mixed_decays",
    "resets_to_zero",
    "soma_scan",
    "soma_step",
    "soma_voltages",
    "surrogate_slope",
]
