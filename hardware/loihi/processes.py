"""Processes around Lava's stock LIF and Dense: a host that feeds and counts, and a recorder.

Time steps are Lava's, from 1. The host sends step i of the run (i = 0, 1, ...; sample i // T, its
step i % T) at time i + 1. A Dense delays by one step, so layer k works on it at time i + 1 + k, and
the host counts layer L's spikes at time i + 1 + L.
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
from lava.proc.lif.models import PyLifResetModelBitAcc
from lava.proc.lif.process import LIFReset


class Host(AbstractProcess):
    """Feed every sample's spikes to the first layer, and count the last layer's spikes.

    One Process rather than a source and a sink: each Process costs the simulation a tenth of a
    millisecond per step.

    Args:
        packed: uint8 [T B, ceil(n_in / 8)], spikes of the run's steps in order, bias axons
            included, packed by np.packbits.
        n_in: inputs, bias axons included.
        counts_path: raw file of int32 [B classes + 1], zeros at first: the counts, then the number
            of steps counted so far.
        steps: T, time steps per sample.
        delay: number of layers.
    """

    def __init__(
        self,
        *,
        packed: np.ndarray,
        n_in: int,
        counts_path: str,
        samples: int,
        classes: int,
        steps: int,
        delay: int,
    ) -> None:
        super().__init__(
            packed=packed,
            n_in=n_in,
            counts_path=counts_path,
            samples=samples,
            classes=classes,
            steps=steps,
            delay=delay,
        )
        self.s_out = OutPort(shape=(n_in,))
        self.s_in = InPort(shape=(classes,))


@implements(proc=Host, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyHostModel(PyLoihiProcessModel):
    """Send before receiving: received spikes stem from earlier steps, so there is no deadlock."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=1)
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.packed = proc_params["packed"]
        self.n_in = proc_params["n_in"]
        self.steps = proc_params["steps"]
        self.delay = proc_params["delay"]
        self.silence = np.zeros(self.n_in, dtype=np.int32)
        shape = (proc_params["samples"], proc_params["classes"])
        file = np.memmap(proc_params["counts_path"], dtype=np.int32, mode="r+")
        self.counts, self.counted = file[:-1].reshape(shape), file[-1:]

    def run_spk(self):
        sent = self.time_step - 1
        spikes = (
            np.unpackbits(self.packed[sent], count=self.n_in)
            if sent < len(self.packed)
            else self.silence
        )
        self.s_out.send(spikes)
        arrived = self.s_in.recv()
        counted = sent - self.delay
        if 0 <= counted < len(self.packed):
            self.counts[counted // self.steps] += arrived
            self.counted[0] = counted + 1


@implements(proc=LIFReset, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyRecordedLif(PyLifResetModelBitAcc):
    """Lava's own LIFReset, which also writes u, v and s of each step to a file, int32 [T B, 3, N].

    A Monitor of the same variables takes 14 microseconds per number; this costs one memory copy.
    """

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    vth: int = LavaPyType(int, np.int32, precision=17)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.delay = proc_params["record_delay"]
        self.record = np.memmap(
            proc_params["record_path"], dtype=np.int32, mode="r+", shape=proc_params["record_shape"]
        )

    def run_spk(self):
        super().run_spk()
        i = self.time_step - 1 - self.delay
        if 0 <= i < self.record.shape[0]:
            neurons = self.record.shape[2]
            self.record[i, 0] = self.u[:neurons]
            self.record[i, 1] = self.v[:neurons]
            self.record[i, 2] = self.spiked[:neurons]

    def reset_voltage(self, spike_vector):
        self.spiked = spike_vector
        super().reset_voltage(spike_vector)
