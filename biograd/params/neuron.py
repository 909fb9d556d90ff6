"""Constants of neuron models."""

from __future__ import annotations

from dataclasses import dataclass

from ..checks import real_fields, word_of


@dataclass(frozen=True, kw_only=True)
class NeuronParams:
    """Constants of a neuron model: numbers and strings. A model with constants extends this class.

    Example:
        >>> isinstance(TwoCompartmentParams(), NeuronParams)
        True
    """


MAX_DELAY = 62  # steps, as the chip's synapses hold them; Davies et al. 2018
RESETS = ("zero", "subtract", "subtract_late", "none")
SURROGATES = ("rectangular", "tails")


@dataclass(frozen=True, kw_only=True)
class TwoCompartmentParams(NeuronParams):
    """Constants of the two-compartment neuron.

    Source of alpha_u, alpha_v and window: the public code of the paper's lab, where v_th is 0.5.

    Example:
        >>> TwoCompartmentParams(alpha_v=0.9).alpha_u
        0.5
    """

    alpha_u: float = 0.5  # synaptic current kept per step, 1
    alpha_v: float = 0.75  # soma voltage kept per step, 1; 1: integrate-and-fire, without leak
    # apical voltage kept per step, 1; ours: 0 and 0.5 learn equally well, and 0 needs no state
    alpha_a: float = 0.0
    window: float = 1.0  # half-width of the surrogate slope around the threshold, thresholds
    # after a spike: zero (v starts again at 0), subtract (v loses one threshold, then decays),
    # subtract_late (v decays, then loses one threshold: snnTorch's default) or none
    reset: str = "zero"
    # slope around the threshold: rectangular, or tails (1 / (1 + ((v - 1) / window)^2))
    surrogate: str = "rectangular"

    def __post_init__(self) -> None:
        word_of(self.reset, RESETS, "neuron.reset")
        word_of(self.surrogate, SURROGATES, "neuron.surrogate")
        why = "the fraction kept per step"
        real_fields(self, "alpha_u", "alpha_a", table="neuron", least=0, below=1, why=why)
        real_fields(self, "alpha_v", table="neuron", least=0, most=1, why=f"{why}; 1: no leak")
        real_fields(self, "window", table="neuron", above=0, finite=False, why="thresholds")


@dataclass(frozen=True, kw_only=True)
class AdaptiveParams(TwoCompartmentParams):
    """Constants of a two-compartment neuron whose threshold rises with its own spikes.

    Example:
        >>> AdaptiveParams(rise=0.5).alpha_h
        0.95
    """

    # kept of the threshold's rise per step, 1; ours: a time constant of 20 steps, about as long as
    # a vowel at 10 ms per step
    alpha_h: float = 0.95
    rise: float = 0.1  # of the threshold after each spike, thresholds

    def __post_init__(self) -> None:
        super().__post_init__()
        why = "the fraction kept per step"
        real_fields(self, "alpha_h", table="neuron", least=0, below=1, why=why)
        real_fields(self, "rise", table="neuron", least=0, why="thresholds")
