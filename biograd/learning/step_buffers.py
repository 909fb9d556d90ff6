"""Memory of event-driven learning steps, kept from one batch to the next.

Sizes: T steps in W = ceil(T / 32) words, B samples in parts, one per thread, C classes; of a layer
M inputs and N neurons.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..kernels.event_driven import FIRE_ROWS
from ..kernels.packed_spikes import WORD
from ..kernels.row_sums import padded
from ..kernels.threads import share_out
from ..neurons import TwoCompartmentParams
from ..traces import TraceParams
from .update_sums import EligibilitySums, FactorisedSums, LayerShape, aligned

# shapes of batches whose buffers are kept: an epoch has batches of one size, and a smaller last one
KEPT = 2


class StepKey(NamedTuple):
    """All that the shapes and constants of a step's memory depend on."""

    sizes: tuple[int, ...]  # neurons of each population
    params: tuple[TwoCompartmentParams, ...]  # of every layer's neurons
    traces: tuple[TraceParams | None, ...]  # of every layer's synapses; None: `Factorised`
    steps: int
    batch: int
    threads: int
    block: int  # neurons of a layer whose updates are summed up together


class StepBuffers:
    """Memory of a learning step on batches of one shape.

    Attributes:
        steps, batch: T and B.
        parts: first sample of each part of a batch, and the one after its last.
        packed: uint32 [W, B, M], input spikes, for a batch that is not packed yet.
        layers: memory of each layer.
        layer_groups: numbers of the layers that learn and write together. One thread alone goes
            layer by layer, so that each update may be used while the next one is computed; several
            threads meet once for all layers.
        neuron_steps: int64 [layers], neurons times steps times samples.
    """

    def __init__(self, key: StepKey) -> None:
        self.steps, self.batch = key.steps, key.batch
        self.parts = share_out(key.batch, key.threads)
        self.packed = np.empty((-(-key.steps // WORD), key.batch, key.sizes[0]), np.uint32)
        layers = range(len(key.params))
        self.layers = [LayerBuffers(key, layer, len(self.parts)) for layer in layers]
        self.layer_groups = [[n] for n in layers] if len(self.parts) == 1 else [list(layers)]
        self.neuron_steps = key.batch * key.steps * np.array(key.sizes[1:])


class LayerBuffers:
    """Memory of one layer; width is `padded(N)`.

    Attributes:
        w_t: float32 [M, width], weights, thresholds per spike; zeros from column N on.
        b: float32 [width], thresholds per step; zeros from N on.
        s, psi: uint32 [W, B, N], spikes and slopes.
        constants: float32 alpha_u and alpha_v, kept per step, and window, thresholds.
        scratch: float32 [parts, FIRE_ROWS, width].
        sums: memory of the layer's update.
    """

    def __init__(self, key: StepKey, layer: int, parts: int) -> None:
        inputs, out, p = key.sizes[layer], key.sizes[layer + 1], key.params[layer]
        width, shape = padded(out), (-(-key.steps // WORD), key.batch, out)
        self.w_t, self.b = aligned(inputs, width), np.zeros(width, np.float32)
        self.w_t[:, out:] = 0
        self.s, self.psi = np.empty(shape, np.uint32), np.empty(shape, np.uint32)
        self.constants = np.float32(p.alpha_u), np.float32(p.alpha_v), np.float32(p.window)
        self.scratch = aligned(parts, FIRE_ROWS, width)
        self.sums = _sums(key, layer, parts)


class BufferCache:
    """Buffers of a learner, which learns from one batch at a time.

    A copy of it starts empty: nothing in these buffers outlives a step.
    """

    def __init__(self) -> None:
        self._kept: dict[StepKey, StepBuffers] = {}
        self.of_one: object = None  # `one_sample.OneSample`

    def __reduce__(self) -> tuple[type[BufferCache], tuple[()]]:
        return BufferCache, ()

    def fit(self, key: StepKey) -> StepBuffers:
        """Return the buffers of this key, as they were left, or new ones in place of the oldest."""
        if key not in self._kept:
            while len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = StepBuffers(key)
        return self._kept[key]


def _sums(key: StepKey, layer: int, parts: int) -> EligibilitySums | FactorisedSums:
    neurons = key.sizes[layer], key.sizes[layer + 1], key.sizes[-1]
    shape, trace = LayerShape(*neurons, key.steps, key.batch, parts), key.traces[layer]
    # The output's own errors last one step.
    alpha_a = 0.0 if layer == len(key.params) - 1 else key.params[layer].alpha_a
    if trace is None:
        return FactorisedSums(shape, alpha_a=alpha_a)
    return EligibilitySums(shape, trace, alpha_a=alpha_a, block=key.block)
