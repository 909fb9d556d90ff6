"""Processes of a prototype layer in Lava: host with its energy neuron, prototypes.

The neurons are those of `hardware.prototypes.neurons`; the synapses are Lava's `LearningDense`, as
`learning_processes` completes it. Safe to import: Lava imports every sibling of such a file.
"""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from hardware.learning.inputs import sample_masks
from hardware.learning.plan import Segment
from hardware.loihi.learning_processes import Clock
from hardware.prototypes.neurons import EnergyNeuron, PrototypeNeurons
from hardware.prototypes.params import PrototypeParams

_RECEIVES = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
_SENDS = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)


class PrototypeHost(AbstractProcess):
    """Send the samples' spikes, and the energy neuron's graded spike at the end of each."""

    def __init__(
        self, *, params: PrototypeParams, segments: list[Segment], images: np.ndarray
    ) -> None:
        super().__init__(params=params, segments=segments, images=images)
        self.s_out = OutPort(shape=(params.inputs,))
        self.energy_out = OutPort(shape=(1,))


class Prototypes(AbstractProcess):
    """The prototype neurons; `y` ports go to their synapses.

    Args:
        answers_path: raw file of int32 [segments], the class answered at each sample.
    """

    def __init__(
        self,
        *,
        params: PrototypeParams,
        segments: list[Segment],
        labels: np.ndarray,
        answers_path: str,
    ) -> None:
        super().__init__(params=params, segments=segments, labels=labels, answers_path=answers_path)
        shape = (params.prototypes,)
        self.a_in, self.energy_in = InPort(shape=shape), InPort(shape=(1,))
        self.y1, self.y2, self.y3 = OutPort(shape=shape), OutPort(shape=shape), OutPort(shape=shape)


@implements(proc=PrototypeHost, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyPrototypeHost(PyLoihiProcessModel):
    s_out: PyOutPort = _SENDS
    energy_out: PyOutPort = _SENDS

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.params = proc_params["params"]
        self.clock = Clock(proc_params["segments"])
        self.masks = sample_masks(proc_params["images"], self.params.steps)
        self.energy = EnergyNeuron(self.params)

    def run_spk(self):
        k, segment = self.clock.at(self.time_step)
        spikes = np.zeros(self.params.inputs, dtype=np.int32)
        if k <= self.params.steps:
            spikes[:] = (self.masks[segment.sample] >> (k - 1)) & 1
        energy = self.energy.step(k, spikes)
        self.s_out.send(spikes)
        self.energy_out.send(np.array([energy], dtype=np.int32))


@implements(proc=Prototypes, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyPrototypes(PyLoihiProcessModel):
    a_in: PyInPort = _RECEIVES
    energy_in: PyInPort = _RECEIVES
    y1: PyOutPort = _SENDS
    y2: PyOutPort = _SENDS
    y3: PyOutPort = _SENDS

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.clock = Clock(proc_params["segments"])
        self.labels = proc_params["labels"]
        self.neurons = PrototypeNeurons(proc_params["params"])
        self.answers = np.memmap(proc_params["answers_path"], dtype=np.int32, mode="r+")

    def run_spk(self):
        k, segment = self.clock.at(self.time_step)
        a_in = self.a_in.recv().astype(np.int64)
        energy = int(self.energy_in.recv()[0])
        y = self.neurons.step(k, a_in, energy, int(self.labels[segment.sample]))
        for port, trace in zip((self.y1, self.y2, self.y3), y, strict=True):
            port.send(trace)
        if k == segment.length:
            self.answers[self.clock.index] = self.neurons.answer
