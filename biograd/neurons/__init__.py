"""Neurons: models of the soma and the apical dendrite, and their runs over whole sequences."""

from .leaky_readout import LeakyReadout
from .model import (
    NEURONS,
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

__all__ = [
    "NEURONS",
    "HasSpikes",
    "LeakyReadout",
    "Neuron",
    "NeuronParams",
    "SomaState",
    "TwoCompartmentLIF",
    "TwoCompartmentParams",
    "apical_scan",
    "apical_step",
    "lif_params",
    "resets_to_zero",
    "soma_scan",
    "soma_step",
    "soma_voltages",
    "surrogate_slope",
]
