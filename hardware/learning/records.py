"""Counts of a learning run on the chip, and the record made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .state import LearningState

# Rows of counts, int64 [COUNTS, 1 + layers]; column 0 is the input, and holds all of CORRECT,
# LEARNED and ERRORS.
CORRECT, LEARNED, SYNAPTIC, UPDATES, SPIKES, ERRORS, SATURATED_Y, SATURATED_W, WRAPPED = range(9)
COUNTS = 9


@dataclass(frozen=True, kw_only=True)
class LearningRecord:
    """Counts since the previous record; arrays are int64 [1 + layers], as in OperationCounts."""

    samples: int  # learned from since the start of the run
    block: int  # samples of this record
    correct: int  # of them, predicted right before learning from them
    learned: int  # of them, with an error beyond the margins
    nights: int  # of this record
    seconds: float
    steps: int  # time steps, nights included
    synaptic_operations: np.ndarray  # spike x synapse; feedback counted at the layer it leads to
    # synapses with a trace, x1 != 0, in samples with an error; those without learn nothing
    synaptic_updates: np.ndarray
    # neuron x step: soma and apical dendrite count one each, and so do error neurons at the output
    neuron_updates: np.ndarray
    spikes: np.ndarray
    error_spikes: int
    night_operations: dict[str, int]  # the nights' share of the totals above
    saturated_traces: int  # y2 clipped to 7 bits
    saturated_weights: int  # updates that reached the end of a weight's range
    wrapped_currents: int

    @property
    def accuracy(self) -> float:
        """Fraction predicted right before learning, 0 to 1."""
        return self.correct / self.block if self.block else math.nan


def no_counts(state: LearningState) -> np.ndarray:
    """Return counts of 0, int64 [COUNTS, 1 + layers]."""
    return np.zeros((COUNTS, 1 + state.params.layers), dtype=np.int64)


def record(
    state: LearningState,
    by_day: np.ndarray,
    by_night: np.ndarray,
    *,
    block: int,
    nights: int,
    steps: int,
    seconds: float,
) -> LearningRecord:
    """Return the record of counts, int64 [COUNTS, 1 + layers], of days and of nights."""
    params, counts = state.params, by_day + by_night
    # Every compartment is updated at every step: the soma, the apical dendrite of hidden neurons,
    # and both error neurons of each class.
    compartments = np.array(
        [0, *(2 * n for n in params.sizes[1:-1]), params.sizes[-1] * (1 + 2)], dtype=np.int64
    )
    return LearningRecord(
        samples=state.samples,
        block=block,
        correct=int(counts[CORRECT, 0]),
        learned=int(counts[LEARNED, 0]),
        nights=nights,
        seconds=seconds,
        steps=steps,
        synaptic_operations=counts[SYNAPTIC],
        synaptic_updates=counts[UPDATES],
        neuron_updates=compartments * steps,
        spikes=counts[SPIKES],
        error_spikes=int(counts[ERRORS, 0]),
        night_operations={
            "synaptic_operations": int(by_night[SYNAPTIC].sum()),
            "synaptic_updates": int(by_night[UPDATES].sum()),
            "neuron_updates": int(compartments.sum()) * nights * params.night * len(state.w_fb),
            "spikes": int(by_night[SPIKES].sum()),
        },
        saturated_traces=int(counts[SATURATED_Y].sum()),
        saturated_weights=int(counts[SATURATED_W].sum()),
        wrapped_currents=int(counts[WRAPPED].sum()),
    )
