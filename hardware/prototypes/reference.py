"""Reference of a prototype layer, for tests alone: every synapse, step by step, as Lava works."""

from __future__ import annotations

import numpy as np

from ..learning.inputs import sample_masks
from ..learning.reference import Connection
from .neurons import EnergyNeuron, PrototypeNeurons
from .params import PrototypeParams
from .state import PrototypeState


class ReferencePrototypes:
    """A layer of prototypes, its energy neuron and its synapses."""

    def __init__(self, params: PrototypeParams) -> None:
        self.params = params
        w = np.zeros((params.inputs, params.prototypes), dtype=np.int64)
        self.synapses = Connection(params, w, 0, None)  # type: ignore[arg-type]  # the same fields
        self.energy = EnergyNeuron(params)
        self.neurons = PrototypeNeurons(params)
        self.clock = 0

    def learn(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Learn from samples; return the answers before learning, int64 [n]."""
        answers = []
        masks = sample_masks(images, self.params.steps)
        for spikes, label in zip(masks, labels, strict=True):
            for k in range(1, self.params.period + 1):
                self.clock += 1
                s_in = (spikes >> (k - 1)) & 1 if k <= self.params.steps else 0 * spikes
                energy = self.energy.step(k, s_in)
                y = self.neurons.step(k, self.synapses.send(), energy, int(label))
                self.synapses.step(self.clock, s_in, y)
            answers.append(self.neurons.answer)
        return np.array(answers)

    def differences(self, state: PrototypeState) -> list[str]:
        """Return the names of all arrays that differ from an emulated state's."""
        pairs = {
            "w": self.synapses.w,
            "x1": self.synapses.x1,
            "means": self.neurons.means,
            "seen": self.neurons.seen,
            "classes": self.neurons.classes,
        }
        return [name for name, array in pairs.items() if (array != getattr(state, name)).any()]
