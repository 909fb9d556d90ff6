"""Neurons of a prototype layer, one time step at a time, in plain NumPy: short, the reference.

Tests hold the compiled loop equal to these, and Lava's Processes run these very objects. k counts
the steps of a sample from 1. Spikes arrive one step after they were sent.
"""

from __future__ import annotations

import numpy as np

from .. import chip
from .loop import RATE
from .params import RECRUIT, PrototypeParams


class EnergyNeuron:
    """One neuron that squares the spike count of each input, and sends the sum at the end."""

    def __init__(self, params: PrototypeParams) -> None:
        self.params = params
        self.counts = np.zeros(params.inputs, dtype=np.int64)

    def step(self, k: int, s_in: np.ndarray) -> int:
        """Take the spikes of step k, uint8 [inputs]; return the energy from step `steps` on."""
        if k == 1:
            self.counts[:] = 0
        self.counts += s_in
        return int((self.counts**2).sum()) if k >= self.params.steps else 0


class PrototypeNeurons:
    """The prototypes: voltages, running means, classes, and the traces of their synapses."""

    def __init__(self, params: PrototypeParams) -> None:
        self.params = params
        self.v = np.zeros(params.prototypes, dtype=np.int64)
        self.means = np.zeros(params.prototypes, dtype=np.int64)
        self.seen = np.zeros(params.prototypes, dtype=np.int64)
        self.classes = np.full(params.prototypes, -1, dtype=np.int64)
        self.answer = -1  # class of the last sample

    def step(self, k: int, a_in: np.ndarray, energy: int, label: int) -> np.ndarray:
        """Advance by step k of a sample.

        Args:
            a_in: int [N], what arrives, weight units.
            energy: of the energy neuron, read at the last step.
            label: class of the sample.
        Returns: traces y1, y2, y3 of the synapses, int32 [3, N].
        """
        if k == 1:
            self.v[:] = 0
        self.v += a_in
        y = np.zeros((3, self.params.prototypes), dtype=np.int32)
        if k == self.params.period:
            self._learn(y, (energy * self.params.first_gain) >> 6, label)
        return y

    def _learn(self, y: np.ndarray, scale: int, label: int) -> None:
        """Answer, recruit, attract or repel; set traces y1 and y2."""
        params, used = self.params, int((self.classes >= 0).sum())
        score = 2 * self.v[:used] - self.means[:used]
        own = np.flatnonzero(self.classes[:used] == label)
        nearest = int(score.argmax()) if used else -1
        self.answer = int(self.classes[nearest]) if used else -1
        right = self.answer == label
        far = not len(own) or 16 * (scale - score[own].max()) >= params.novelty * scale
        if used < params.prototypes and len(own) < params.per_class and (far or not right):
            self.classes[used], self.seen[used], self.means[used] = label, 1, scale
            y[1, used] = RECRUIT
            return
        j = int(own[score[own].argmax()])
        self.seen[j] += 1
        y[0, j] = min(max(RATE // int(self.seen[j]), params.y_min), chip.MAX_TRACE)
        self.means[j] += ((self.v[j] - self.means[j]) * y[0, j]) >> params.mean_shift
        if not right:
            y[0, nearest] = -params.push
