"""Processes of a net that learns in Lava: host, neurons with an apical dendrite, synapses.

The neurons are those of `hardware.learning.neurons`, wrapped in a Lava Process. The learning engine
is Lava's own: `LearningDense`, its traces, its rule and its rounding; one variant rounds each
synapse by its own random number. Every Process follows the plan of days and nights by its own
clock. Safe to import: Lava imports every sibling of a file that defines a Process.
"""

from types import SimpleNamespace

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.models import PyLearningDenseModelBitApproximate
from lava.proc.dense.process import LearningDense

from hardware.learning.inputs import sample_masks
from hardware.learning.neurons import HiddenNeurons, OutputNeurons
from hardware.learning.params import ChipLearningParams
from hardware.learning.plan import DAY, Segment
from hardware.learning.state import digest
from hardware.learning.streams import stream_key, synapse_bits

_RECEIVES = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
_SENDS = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)


class Clock:
    """Position of a Process in the plan; after the last segment it stays silent."""

    def __init__(self, segments: list[Segment]) -> None:
        self.segments, self.index = segments, 0

    def at(self, time_step: int) -> tuple[int, Segment]:
        """Return the step within the segment, from 1, and the segment."""
        while time_step > self.segments[self.index].last_step:
            self.index += 1
        segment = self.segments[self.index]
        return time_step - segment.last_step + segment.length, segment


class LearningHost(AbstractProcess):
    """Send the samples' spikes, then the first layer's bias axon."""

    def __init__(
        self, *, params: ChipLearningParams, segments: list[Segment], images: np.ndarray
    ) -> None:
        super().__init__(params=params, segments=segments, images=images)
        self.s_out = OutPort(shape=(params.sizes[0] + 1,))


class LearningHidden(AbstractProcess):
    """One hidden layer; `y` ports go to its forward synapses, `z` ports to its feedback synapses.

    Args:
        counts_path: raw file of int32 [segments, N], spikes per neuron and segment.
    """

    def __init__(
        self, *, params: ChipLearningParams, segments: list[Segment], layer: int, counts_path: str
    ) -> None:
        super().__init__(params=params, segments=segments, layer=layer, counts_path=counts_path)
        shape = (params.sizes[layer + 1],)
        self.a_in = InPort(shape=shape)
        self.a_fb_0, self.a_fb_1 = InPort(shape=shape), InPort(shape=shape)
        self.s_out = OutPort(shape=(shape[0] + 1,))
        self.y1, self.y2, self.y3 = OutPort(shape=shape), OutPort(shape=shape), OutPort(shape=shape)
        self.z1, self.z2, self.z3 = OutPort(shape=shape), OutPort(shape=shape), OutPort(shape=shape)


class LearningOutput(AbstractProcess):
    """The output layer with its error neurons; `e_0` and `e_1` are the error populations."""

    def __init__(
        self,
        *,
        params: ChipLearningParams,
        segments: list[Segment],
        labels: np.ndarray,
        counts_path: str,
    ) -> None:
        super().__init__(params=params, segments=segments, labels=labels, counts_path=counts_path)
        shape = (params.sizes[-1],)
        self.a_in = InPort(shape=shape)
        self.e_0, self.e_1 = OutPort(shape=shape), OutPort(shape=shape)
        self.y1, self.y2, self.y3 = OutPort(shape=shape), OutPort(shape=shape), OutPort(shape=shape)


@implements(proc=LearningHost, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyLearningHost(PyLoihiProcessModel):
    s_out: PyOutPort = _SENDS

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.params = proc_params["params"]
        self.clock = Clock(proc_params["segments"])
        self.masks = sample_masks(proc_params["images"], self.params.steps)

    def run_spk(self):
        k, segment = self.clock.at(self.time_step)
        spikes = np.zeros(self.params.sizes[0] + 1, dtype=np.int32)
        if segment.asleep == DAY and k <= self.params.steps:
            spikes[:-1] = (self.masks[segment.sample] >> (k - 1)) & 1
            spikes[-1] = 1
        self.s_out.send(spikes)


@implements(proc=LearningHidden, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyLearningHidden(PyLoihiProcessModel):
    a_in: PyInPort = _RECEIVES
    a_fb_0: PyInPort = _RECEIVES
    a_fb_1: PyInPort = _RECEIVES
    s_out: PyOutPort = _SENDS
    y1: PyOutPort = _SENDS
    y2: PyOutPort = _SENDS
    y3: PyOutPort = _SENDS
    z1: PyOutPort = _SENDS
    z2: PyOutPort = _SENDS
    z3: PyOutPort = _SENDS

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.clock = Clock(proc_params["segments"])
        self.neurons = HiddenNeurons(proc_params["params"], proc_params["layer"])
        self.counts = np.memmap(proc_params["counts_path"], dtype=np.int32, mode="r+").reshape(
            -1, self.neurons.size
        )

    def run_spk(self):
        k, segment = self.clock.at(self.time_step)
        a_in = self.a_in.recv().astype(np.int64)
        ports = (self.a_fb_0, self.a_fb_1)[: self.neurons.params.populations]
        a_fb = tuple(port.recv().astype(np.int64) for port in ports)
        s, y, z = self.neurons.step(self.time_step, k, segment, a_in, a_fb)
        self.s_out.send(s.astype(np.int32))
        for port, trace in zip(
            (self.y1, self.y2, self.y3, self.z1, self.z2, self.z3), (*y, *z), strict=True
        ):
            port.send(trace)
        if k == segment.length:
            self.counts[self.clock.index] = self.neurons.count


@implements(proc=LearningOutput, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyLearningOutput(PyLoihiProcessModel):
    a_in: PyInPort = _RECEIVES
    e_0: PyOutPort = _SENDS
    e_1: PyOutPort = _SENDS
    y1: PyOutPort = _SENDS
    y2: PyOutPort = _SENDS
    y3: PyOutPort = _SENDS

    def __init__(self, proc_params):
        super().__init__(proc_params)
        params = proc_params["params"]
        self.clock = Clock(proc_params["segments"])
        self.labels = proc_params["labels"]
        self.neurons = OutputNeurons(params, params.layers - 1)
        self.counts = np.memmap(proc_params["counts_path"], dtype=np.int32, mode="r+").reshape(
            -1, self.neurons.size
        )

    def run_spk(self):
        k, segment = self.clock.at(self.time_step)
        errors, y = self.neurons.step(
            k, segment, int(self.labels[segment.sample]), self.a_in.recv().astype(np.int64)
        )
        for port, spikes in zip((self.e_0, self.e_1), errors, strict=False):
            port.send(spikes.astype(np.int32))
        for port, trace in zip((self.y1, self.y2, self.y3), y, strict=True):
            port.send(trace)
        if k == segment.length:
            self.counts[self.clock.index] = self.neurons.count


@implements(proc=LearningDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyStockLearningDense(PyLearningDenseModelBitApproximate):
    """Lava's own model, which also stores a digest of its weights and traces after each segment.

    So no variable has to be read out while the network runs.
    """

    # graded error spikes are signed
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.clock = Clock(proc_params["segments"])
        self.digests = np.memmap(proc_params["digests_path"], dtype=np.uint64, mode="r+")
        self.final = np.memmap(proc_params["final_path"], dtype=np.int16, mode="r+").reshape(
            self._shape[::-1]
        )
        self.feedback = proc_params["feedback"]

    def run_lrn(self):
        super().run_lrn()
        k, segment = self.clock.at(self.time_step)
        if k == segment.length:
            x1 = np.zeros(0, dtype=np.int64) if self.feedback else self.x1
            self.digests[self.clock.index] = digest(self.weights.T, x1)
            if segment is self.clock.segments[-1]:
                self.final[:] = self.weights.T


@implements(proc=LearningDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyPerSynapseLearningDense(PyStockLearningDense):
    """Lava's model, except that each synapse rounds its weight by its own random number.

    Stock Lava rounds a whole matrix with one number, and keeps odd weights, which 8 bits with a
    sign cannot store; here weights stay within their bits.
    """

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.params = proc_params["params"]
        self.stream = proc_params["stream"]  # purpose, layer, population

    def _update_synaptic_variable_random(self):
        bits = self.params.rounding_bits
        if self.params.rounding != "synapse":
            numbers = (
                (1 << (bits - 1)) - 1 if self.params.rounding == "nearest" else (1 << bits) - 1
            )
        elif self.y1.any() or self.y2.any() or self.y3.any():
            purpose, layer, population = self.stream
            key = int(stream_key(self.params.seed, purpose, layer, population, self.time_step))
            numbers = synapse_bits(key, self._shape[1], self._shape[0], bits).T
        else:
            numbers = 0  # no third factor, so no remainder to round
        self._conn_var_random = SimpleNamespace(random_stochastic_round=numbers / (1 << bits))

    def _stochastic_round_synaptic_variable(self, syn_var_name, syn_var_values, random):
        unit = 1 << self.params.rounding_bits
        whole, remainder = syn_var_values // unit, (syn_var_values % unit) / unit
        return (whole + (random < remainder)) * unit

    def _saturate_synaptic_variable(self, syn_var_name, syn_var_val):
        return np.minimum(
            super()._saturate_synaptic_variable(syn_var_name, syn_var_val),
            256 - self.params.weight_step,
        )
