"""One learning step of convolutional and deep networks, event by event.

Every layer fires from packed spikes; the errors then go down from layer to layer, a few samples at
a time, so that what one layer leaves is still in the processor's cache when the next one takes it.
Samples without errors are skipped. Each convolution takes events or products, whichever are cheaper
at the batch's rates (`maps.costs`); events are float32, products as the learner's precision says.

Threads work on samples of their own; sums over parts are taken in order, so the last bits depend on
the number of threads alone.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..connections.taps import Wiring
from ..errors import errors_over_time
from ..kernels.packed_spikes import PackedSpikes, count_all
from ..kernels.threads import share_out, side_by_side
from ..maps.firing import TOGETHER, Batch, Place
from ..maps.layouts import channels_last
from ..maps.memory import MapMemory
from ..maps.rolling import inputs_of
from .by_steps import PartResult, Teaching
from .learning_maps import LearningMaps


@torch.no_grad()
def teach_maps(
    teaching: Teaching,
    wires: list[Wiring],
    spikes: Tensor | PackedSpikes,
    target: Tensor,
    threads: int,
    memory: MapMemory,
) -> PartResult | None:
    """Learn from a batch.

    None where the inputs are neither zeros and ones nor the same at each step, or feedback has no
    weights.

    Args:
        spikes: input spikes, flat; the loops trust their size (`inputs.spikes_for`).
        target: wanted spikes per step of the output neurons, [B, C].
        threads: parts that the batch is split into.
    """
    hidden = range(len(wires) - 1)
    w_fb = [w for n in hidden if (w := teaching.feedback.weights(n)) is not None]
    inputs = inputs_of(spikes, teaching.net.layers[0])
    if inputs is None or len(w_fb) < len(hidden):
        return None
    words, lasting, steps, _ = inputs
    parts = [np.arange(*part, dtype=np.int32) for part in share_out(len(target), threads)]
    batch = Batch(steps, len(target), len(parts), teaching.dtype, learns=True)
    layers: list[LearningMaps] = []
    for number, (layer, made) in enumerate(zip(teaching.net.layers, wires, strict=True)):
        before = layers[-1].s if layers else words
        image = None if layers else lasting
        place = Place(layer, made, batch, before, image, memory, number)
        layers.append(LearningMaps(place, teaching.rules[number]))
    errors = _Errors(layers, teaching.feedback.layered, w_fb, batch, memory)
    side_by_side(lambda part: errors.fire(parts[part], part), len(parts))
    for fired in layers:
        if fired.layer.w_rec is not None:
            fired.delay()
    output = teaching.net.layers[-1]
    s_out = output.scan(torch.from_numpy(errors.current[..., : output.size]).contiguous()).s
    err = errors_over_time(teaching.error, s_out, target)
    errors.load(err)
    side_by_side(lambda part: errors.learn(parts[part], part), len(parts))
    updates = [layer.update() for layer in layers]
    rates = [count_all(layer.s) / (steps * layer.s[0].size) for layer in layers[:-1]]
    rates.append(float(s_out.mean() * output.neuron.fires))
    return PartResult(s_out.sum(0), err.abs().mean(), torch.tensor(rates), updates)


class _Errors:
    """The way of a batch up through the layers, and of its errors down."""

    def __init__(
        self,
        layers: list[LearningMaps],
        layered: bool,
        w_fb: list[Tensor],
        batch: Batch,
        memory: MapMemory,
    ) -> None:
        self._layers, self._layered, self._steps = layers, layered, batch.steps
        width = layers[-1].width
        self.current = memory.take("current", (batch.steps, batch.samples, width))
        self._err = memory.take("err", (batch.samples, batch.steps, 1, width))
        self._direct: list[Tensor] = []  # feedback weights from the output, [C, P width]
        for hidden, weights in enumerate(w_fb):
            layer = layers[hidden]
            if layered:
                layers[hidden + 1].load_feedback(weights, layer.width)
            else:
                rows = channels_last(weights.T, layer.wires.places, layer.width)
                self._direct.append(rows)

    def fire(self, samples: np.ndarray, part: int) -> None:
        """Roll a part's samples through all layers."""
        for layer in self._layers[:-1]:
            layer.fire(samples, part)
        self._layers[-1].drive(samples, part, self.current)

    def load(self, err: Tensor) -> None:
        """Take the errors of the output, [T, B, C]."""
        self._err[..., err.shape[2] :] = 0
        self._err[:, :, 0, : err.shape[2]] = err.transpose(0, 1).numpy()

    def learn(self, samples: np.ndarray, part: int) -> None:
        """Send the errors of a part's samples down, and sum its updates."""
        taught = samples[(self._err[samples] != 0).any((1, 2, 3))]
        for first in range(0, len(taught), TOGETHER):
            few = taught[first : first + TOGETHER]
            g = self._err[few]
            for number in reversed(range(1, len(self._layers))):
                layer, below = self._layers[number], self._layers[number - 1]
                if self._layered:
                    carried = layer.back(g, below, few)
                else:
                    carried = self._projected(number - 1, few)
                layer.learn(g, few, part)
                below.gate(carried, few)
                g = below.at_synapses(carried, few)
            self._layers[0].learn(g, few, part)

    def _projected(self, hidden: int, samples: np.ndarray) -> np.ndarray:
        """Return the currents of direct feedback, [n, T, P, width]."""
        layer, rows = self._layers[hidden], self._direct[hidden]
        err = torch.from_numpy(self._err[samples]).flatten(0, 2)[:, : len(rows)]
        shape = len(samples), self._steps, layer.wires.places, layer.width
        return (err @ rows).numpy().reshape(shape)
