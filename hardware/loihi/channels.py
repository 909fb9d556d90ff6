"""Lava's channels without their helper threads, which cuts the waiting to a third.

Lava 0.10.0 gives each end of each channel a thread that turns semaphore counts into queue entries,
so that every message costs two thread switches on either side
(`lava/magma/compiler/channels/pypychannel.py`). The ports below wait on the semaphore itself, with
the same shared memory. What is computed, in which order and by which ProcessModel stays the same.
`install` swaps the classes for this interpreter, before anything is compiled. A Process that waits
for several channels at once polls them.
"""

import threading
import time
from typing import Any

import lava.magma.core.model.py.model as py_model
import lava.magma.runtime.runtime as lava_runtime
import lava.magma.runtime.runtime_services.runtime_service as runtime_service
import numpy as np
from lava.magma.compiler.channels import pypychannel
from scipy.sparse import csr_matrix

_POLL_SECONDS = 20e-6


class DirectSendPort(pypychannel.CspSendPort):
    """Send while fewer than `size` messages are unacknowledged, else wait until they are."""

    _idx: int

    def start(self):
        self._array = _slots(self)
        self._credit = self._size

    def probe(self):
        if self._credit == 0 and self._ack.acquire(block=False):
            self._credit = 1
        return self._credit > 0

    def send(self, data):
        if data.shape != self._shape:
            raise AssertionError(f"{data.shape=} {self._shape=} Mismatch")
        if isinstance(data, csr_matrix):
            data = pypychannel.find(data, explicit_zeros=True)[2]
        if self._credit:
            self._credit -= 1
        else:
            self._ack.acquire()
        self._array[self._idx][:] = data[:]
        self._idx = (self._idx + 1) % self._size
        self._req.release()

    def join(self):
        self._done = True


class DirectRecvPort(pypychannel.CspRecvPort):
    """Receive by waiting on the request semaphore; `_held`: a message is there, not yet taken."""

    _idx: int
    _dtype: Any  # any: Lava's builders put a type here, or a value of its own C enumeration

    def start(self):
        if self._dtype == 4:  # Lava's own C enumeration for int32
            self._dtype = np.int32
        self._array = _slots(self)
        self._held = False

    def probe(self):
        self._held = self._held or self._req.acquire(block=False)
        return self._held

    def wait(self):
        if not self._held:
            self._held = self._req.acquire()

    def peek(self):
        self.wait()
        return self._array[self._idx].copy()

    def recv(self):
        self.wait()
        self._held = False
        result = self._array[self._idx].copy()
        self._idx = (self._idx + 1) % self._size
        self._ack.release()
        return result

    def join(self):
        self._done = True


class DirectSelector:
    """Wait for one channel, or poll several."""

    def select(self, *channel_actions):
        if len(channel_actions) == 1:
            channel, action = channel_actions[0]
            channel.wait()
            return action()
        while True:
            for channel, action in channel_actions:
                if channel.probe():
                    return action()
            time.sleep(_POLL_SECONDS)


def install() -> None:
    """Make all networks compiled from now on in this interpreter use the ports above."""
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(
            "channels.install swaps classes of Lava: call it from the main thread, before compiling"
        )
    pypychannel.CspSendPort, pypychannel.CspRecvPort = DirectSendPort, DirectRecvPort
    for module in (pypychannel, py_model, lava_runtime, runtime_service):
        module.CspSelector = DirectSelector


def _slots(port):
    """Return the channel's message slots in shared memory, one array each."""
    return [
        np.ndarray(
            shape=port._shape,
            dtype=port._dtype,
            buffer=port._shm.buf[port._nbytes * i : port._nbytes * (i + 1)],
        )
        for i in range(port._size)
    ]
