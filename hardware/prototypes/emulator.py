"""Prototypes that learn on the chip, emulated bit for bit as Lava's learning engine computes them.

    state = start(PrototypeParams())
    learn(state, images, labels)          # one task after another, in any order of classes
    answers(state, test_images)

Samples are learned once, in the order given; a resumed run goes on to the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..border.checks import instance_of
from ..learning.engine import trace_keep
from ..learning.inputs import spike_masks
from ..learning.streams import lava_uniforms
from . import loop
from .loop import PrototypeConstants, PrototypeMemory, Stream, TraceNumbers
from .params import RECRUIT, PrototypeParams
from .state import PrototypeState

_AT_ONCE = 1000  # samples


@dataclass(frozen=True, kw_only=True)
class PrototypeRecord:
    """Counts of the samples that one call of `learn` showed."""

    samples: int
    correct: int  # answered right before learning from them
    recruited: int
    attracted: int
    repelled: int
    spikes: int  # of the input
    synaptic_operations: int  # spike x synapse of recruited neurons
    synaptic_updates: int
    neuron_updates: int  # recruited neuron x step
    steps: int  # time steps


def learn(state: PrototypeState, images: np.ndarray, labels: np.ndarray) -> PrototypeRecord:
    """Learn from every sample once, in the order given.

    Args:
        images: uint8 [n, inputs], grey values; or uint64 [n, inputs], spikes of a front: bit t is
            the spike of step t.
        labels: integers [n], 0 ... classes - 1.
    Raises: ValueError for samples that do not fit, before anything is learned, and where a new
        class finds no free neuron; what came before it is learned then.
    """
    instance_of(state, PrototypeState, "state", "a state, e.g. start(PrototypeParams())")
    images, labels = checked(state.params, images, labels)
    params, total = state.params, np.zeros(loop.COUNTS, dtype=np.int64)
    neuron_updates, before = 0, state.samples
    for first in range(0, len(images), _AT_ONCE):
        order = np.arange(first, min(first + _AT_ONCE, len(images)))
        counts = np.zeros(loop.COUNTS, dtype=np.int64)
        shown = _show(state, images, labels, order, True, counts)[0]
        state.samples += shown
        state.clock += shown * params.period
        total += counts
        neuron_updates += shown * params.period * (state.recruited + 1)
        if shown < len(order):
            raise ValueError(
                f"class {labels[first + shown]} is new at sample {state.samples + 1}, and all"
                f" {params.prototypes} prototypes are recruited: start with more prototypes, or"
                " with fewer per class"
            )
    return PrototypeRecord(
        samples=state.samples - before,
        correct=int(total[loop.CORRECT]),
        recruited=int(total[loop.RECRUITED]),
        attracted=int(total[loop.ATTRACTED]),
        repelled=int(total[loop.REPELLED]),
        spikes=int(total[loop.SPIKES]),
        synaptic_operations=int(total[loop.SYNAPTIC]),
        synaptic_updates=int(total[loop.UPDATES]),
        neuron_updates=neuron_updates,
        steps=(state.samples - before) * params.period,
    )


def answers(state: PrototypeState, images: np.ndarray) -> np.ndarray:
    """Return the class of each sample, int64 [n], -1 where nothing is recruited; nothing changes.

    images: as in `learn`.
    """
    instance_of(state, PrototypeState, "state", "a state, e.g. start(PrototypeParams())")
    images = np.asarray(images)
    blank = np.zeros(len(images) if images.ndim else 0, dtype=np.int64)
    images, labels = checked(state.params, images, blank)
    counts = np.zeros(loop.COUNTS, dtype=np.int64)
    return _show(state, images, labels, np.arange(len(images)), False, counts)[1]


def checked(
    params: PrototypeParams, images: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return images [n, inputs] and labels as int64 [n].

    Raises: ValueError for samples that do not fit the layer.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if images.dtype not in (np.uint8, np.uint64) or images.ndim < 2 or not len(images):
        raise ValueError(
            f"images are {images.dtype} of shape {images.shape}; need uint8 [n, inputs] (grey"
            " values) or uint64 (spikes), n at least 1"
        )
    images = images.reshape(len(images), -1)
    if images.shape[1] != params.inputs:
        raise ValueError(
            f"the images have {images.shape[1]} inputs, the layer takes {params.inputs}: set"
            f" inputs={images.shape[1]}"
        )
    if images.dtype == np.uint64 and int(images.max()) >> params.steps:
        raise ValueError(
            f"a sample spikes after step {params.steps}: set steps to those of the front"
        )
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels are {labels.dtype} of shape {labels.shape}; need one whole number for each of"
            f" {len(images):,} samples"
        )
    if int(labels.min()) < 0 or int(labels.max()) >= params.classes:
        raise ValueError(
            f"labels reach from {labels.min()} to {labels.max()}; the layer has classes 0 to"
            f" {params.classes - 1}"
        )
    return np.ascontiguousarray(images), labels.astype(np.int64)


def constants(params: PrototypeParams) -> PrototypeConstants:
    """Return the constants of the compiled loop."""
    shifts = [(product.shift, product.exponent + 7) for product in params.forward_rule.products]
    return PrototypeConstants(
        steps=params.steps,
        period=params.period,
        epoch=params.epoch,
        x1_keep=trace_keep(params.x1_tau),
        x1_impulse=params.x1_impulse,
        energy_gain=params.first_gain,
        mean_shift=params.mean_shift,
        novelty=params.novelty,
        per_class=params.per_class,
        y_min=params.y_min,
        push=params.push,
        recruit=RECRUIT,
        shifts=np.array(shifts, dtype=np.int64),
        bits=params.rounding_bits,
        step=params.weight_step,
        seed=params.seed,
    )


def _show(
    state: PrototypeState,
    images: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    learning: bool,
    counts: np.ndarray,
) -> tuple[int, np.ndarray]:
    """Show samples `order`; return how many were shown, and their answers."""
    params = state.params
    grey = images.dtype == np.uint8
    filled = np.zeros(len(order), dtype=np.int64)
    shown = loop.show(
        stream=Stream(
            images, labels, order, spike_masks(params.steps) if grey else np.zeros(0, np.int64)
        ),
        memory=PrototypeMemory(state.w, state.x1, state.means, state.seen, state.classes),
        numbers=_numbers(state, len(order) if learning else 0),
        constants=constants(params),
        clock=state.clock,
        learning=learning,
        counts=counts,
        answers=filled,
    )
    return int(shown), filled


def _numbers(state: PrototypeState, samples: int) -> TraceNumbers:
    """Return the numbers that Lava draws for the next samples."""
    params, seed = state.params, state.params.connection_seed()
    epochs = params.period // params.epoch
    first = 2 * (state.clock + params.epoch)
    x1 = lava_uniforms(seed, first, samples * epochs, 2 * params.epoch)
    y = lava_uniforms(seed + 2, 2 * (state.clock + params.period), samples, 2 * params.period)
    return TraceNumbers(x1.reshape(samples, epochs), y)
