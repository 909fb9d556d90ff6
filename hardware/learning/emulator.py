"""Learning on the chip, emulated bit for bit as Lava's learning engine computes it, at MNIST's
scale.

    state = learning_state.start(ChipLearningParams(samples=180_000))
    for record in learn(state, images, labels, epochs=3):
        print(record.samples, record.accuracy)

`learn` changes the state in place, sample by sample, as a chip would, and yields a record per
night. All of a run follows from
the parameters, the images and the state: stop after any record, `write_state`, `read_state`, and go
    on to the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .. import chip
from . import kernels as kernels
from .engine import Product, trace_keep
from .params import ROUNDINGS, ChipLearningParams
from .state import LearningState
from .streams import lava_uniforms

_STOCK_SEED = 2  # of Lava's ConnVarRandom, for every connection
_EVALUATE_AT_ONCE = 1000  # samples


@dataclass(frozen=True, kw_only=True)
class LearningRecord:
    """What happened since the record before; counts are int64 [1 + layers], entry 0 the input, as
    in OperationCounts.
    """

    samples: int  # learned from since the start of the run
    block: int  # samples of this record
    correct: int  # of them, predicted right before learning from them
    learned: int  # of them, with an error beyond the margins
    nights: int  # of this record
    seconds: float
    steps: int  # time steps, nights included
    synaptic_operations: np.ndarray  # spike x synapse; feedback counted at the layer it leads to
    # synapses whose rule was not 0 for want of a trace: x1 != 0, in samples that taught something
    synaptic_updates: np.ndarray
    # neuron x step, soma and apical dendrite one each, error neurons at the output
    neuron_updates: np.ndarray
    spikes: np.ndarray
    error_spikes: int
    night_operations: dict[str, int]  # the nights' share of the totals above
    saturated_traces: int  # y2 clipped to 7 bit
    saturated_weights: int  # updates that met a weight's end
    wrapped_currents: int

    @property
    def accuracy(self) -> float:
        """Fraction predicted right before learning, 0 to 1."""
        return self.correct / self.block if self.block else math.nan


def learn(
    state: LearningState,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int = 1,
) -> Iterator[LearningRecord]:
    """Learn online from every image, in a new order each epoch, and yield a record after each
    night.

    Args:
        images: uint8 [n, inputs]; labels: integers [n], 0 ... classes - 1.
        epochs: to reach, counted from the start of the run: a resumed run does what is left.
    Raises: ValueError for images or labels that do not fit, before anything is learned.
    """
    images, labels = checked(state.params, images, labels)
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}; need at least 1")
    return _learn(state, images, labels, len(images) * epochs)


def evaluate(state: LearningState, images: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of images classified right without learning, 0 to 1."""
    images, labels = checked(state.params, images, labels)
    counts = output_counts(state, images)
    return float(np.mean(counts.argmax(axis=1) == labels))


def output_counts(state: LearningState, images: np.ndarray) -> np.ndarray:
    """Spikes of the output neurons, int32 [n, classes]; nothing is learned."""
    images, labels = checked(state.params, images, np.zeros(len(images), dtype=np.int64))
    outputs = np.zeros((len(images), state.params.sizes[-1]), dtype=np.int32)
    for first in range(0, len(images), _EVALUATE_AT_ONCE):
        part = np.arange(first, min(first + _EVALUATE_AT_ONCE, len(images)))
        show(
            state, images, labels, part, False, no_counts(state), outputs[first : first + len(part)]
        )
    return outputs


def sleep(state: LearningState) -> LearningRecord:
    """One night: a sleep phase of each hidden layer."""
    begun, before = time.perf_counter(), state.clock
    counts = no_counts(state)
    _night(state, counts)
    return _record(state, counts, counts, 0, 1, state.clock - before, time.perf_counter() - begun)


def spike_masks(steps: int) -> np.ndarray:
    """Bit t of entry p: grey value p spikes in step t; s(t) = floor(p (t + 1) / 255 + 1/2) -
    floor(p t / 255 + 1/2). int64 [256].
    """
    grey = np.arange(256, dtype=np.int64)[:, None]
    sent = (2 * grey * np.arange(steps + 1) + 255) // 510
    return (np.diff(sent, axis=1) << np.arange(steps)).sum(axis=1)


def checked(
    params: ChipLearningParams, images: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    images, labels = np.asarray(images), np.asarray(labels)
    if images.dtype != np.uint8 or images.ndim < 2 or not len(images):
        raise ValueError(
            f"images are {images.dtype} of shape {images.shape}; need uint8 [n, inputs], n at"
            " least 1"
        )
    images = images.reshape(len(images), -1)
    if images.shape[1] != params.sizes[0]:
        raise ValueError(
            f"the images have {images.shape[1]} pixels, the net takes {params.sizes[0]}: set"
            f" sizes=({images.shape[1]}, ...)"
        )
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels are {labels.dtype} of shape {labels.shape}; need one whole number for each of"
            f" {len(images):,} images"
        )
    if int(labels.min()) < 0 or int(labels.max()) >= params.sizes[-1]:
        raise ValueError(
            f"labels reach from {labels.min()} to {labels.max()}; the net has classes 0 to"
            f" {params.sizes[-1] - 1}"
        )
    return np.ascontiguousarray(images), labels.astype(np.int64)


def _learn(
    state: LearningState, images: np.ndarray, labels: np.ndarray, total: int
) -> Iterator[LearningRecord]:
    params = state.params
    sleeps = params.feedback == "sleep"
    while state.samples < total:
        begun, before, nights = time.perf_counter(), state.clock, state.nights
        counts = no_counts(state)
        while sleeps and state.samples == 0 and state.nights < params.sleep.before:
            _night(state, counts)
        epoch, first = divmod(state.samples, len(images))
        order = np.random.default_rng([params.seed, 1, epoch]).permutation(len(images))
        part = order[
            first : first + params.sleep.every - state.samples % params.sleep.every
        ].astype(np.int64)
        days = no_counts(state)
        show(
            state,
            images,
            labels,
            part,
            True,
            days,
            np.zeros((len(part), params.sizes[-1]), dtype=np.int32),
        )
        if sleeps and state.samples % params.sleep.every == 0:
            _night(state, counts)
        yield _record(
            state,
            days + counts,
            counts,
            len(part),
            state.nights - nights,
            state.clock - before,
            time.perf_counter() - begun,
        )


def show(
    state: LearningState,
    images: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    learning: bool,
    counts: np.ndarray,
    outputs: np.ndarray,
) -> None:
    """Show samples `order`, and learn from them where `learning`; adds to counts, fills outputs,
    int32 [m, classes].
    """
    params = state.params
    epochs = params.period // params.epoch
    shape = (len(order), params.layers, epochs) if learning else (0, params.layers, epochs)
    uniforms, y_uniforms, stock = np.zeros(shape), np.zeros(shape[:2]), np.zeros(shape[:2])
    if learning:
        for layer in range(params.layers):
            seed = params.connection_seed(layer)
            numbers = lava_uniforms(
                seed, 2 * (state.clock + params.epoch), len(order) * epochs, 2 * params.epoch
            )
            uniforms[:, layer] = numbers.reshape(len(order), epochs)
            y_uniforms[:, layer] = lava_uniforms(
                seed + 2, 2 * (state.clock + params.period), len(order), 2 * params.period
            )
        if params.rounding == "stock":
            stock[:] = lava_uniforms(
                _STOCK_SEED, state.clock // params.epoch + epochs, len(order), epochs
            )[:, None]
    plastic = np.array(params.plastic or (True,) * params.layers, dtype=np.bool_)
    kernels.day(
        images, labels, order, spike_masks(params.steps), state.w, state.w_fb, state.x1, uniforms, y_uniforms, stock,
        _numbers(params), params.gains(state.samples), plastic, state.clock, learning, counts, outputs,
    )  # fmt: skip
    if learning:
        state.clock += len(order) * params.period
        state.samples += len(order)


def _night(state: LearningState, counts: np.ndarray) -> None:
    for layer in range(len(state.w_fb)):
        sleep_phase(state, layer, counts)
    state.nights += 1


def sleep_phase(state: LearningState, layer: int, counts: np.ndarray) -> None:
    """Let one hidden layer (from 0) sleep; adds to counts, int64 [kernels.COUNTS, 1 + layers]."""
    params = state.params
    rest = params.sleep
    length, populations = params.night, params.populations
    spiking = (0, rest.spike_step + 1) if populations == 2 else (-1, rest.spike_step)
    y_noise = np.array([spiking, (1, 1) if populations == 2 else (0, 0)], dtype=np.int64)
    *hebbian, forget = params.feedback_rule.products
    hebb = np.array(
        [(p.mantissa * params.feedback_impulse, *_shifts(p)) for p in hebbian], dtype=np.int64
    )
    fb = state.w_fb[layer]
    epochs = length // params.epoch
    uniforms = np.stack(
        [
            lava_uniforms(
                params.connection_seed(post),
                2 * (state.clock + params.epoch),
                epochs,
                2 * params.epoch,
            )
            for post in range(params.layers)
        ]
    )
    seeds = [params.connection_seed(layer, population) for population in range(populations)]
    y_uniforms = np.stack(
        [lava_uniforms(seed + 2, 2 * (state.clock + 1), length, 2) for seed in seeds]
    )
    stock = np.tile(lava_uniforms(_STOCK_SEED, state.clock + 1, length, 1), (populations, 1))
    kernels.night(
        state.w, fb, state.x1, state.means[layer], layer, (length, rest.rate, params.sleep_drive, rest.mean_shift), y_noise, hebb,
        (params.forget_trace, *_shifts(forget)), uniforms, y_uniforms, stock, _numbers(params), state.clock, counts,
    )  # fmt: skip
    state.clock += length


def _shifts(product: Product) -> tuple[int, int]:
    """Bits dropped from a product, then bits it is moved up, in 1/128 of a weight."""
    return product.shift, product.exponent + 7


def _numbers(params: ChipLearningParams) -> tuple:
    """What both kernels need, in their order."""
    return (
        params.steps,
        params.period,
        params.epoch,
        params.vth,
        chip.DECAY_UNITY - (params.du + 1),
        chip.DECAY_UNITY - params.dv,
        params.psi_window,
        params.margin_positive,
        params.margin_negative,
        trace_keep(params.x1_tau),
        params.x1_impulse,
        params.shift_hidden,
        params.shift_output,
        params.exponent + 7,
        ROUNDINGS.index(params.rounding),
        params.rounding_bits,
        params.weight_step,
        params.seed,
    )


def no_counts(state: LearningState) -> np.ndarray:
    return np.zeros((kernels.COUNTS, 1 + state.params.layers), dtype=np.int64)


def _record(
    state: LearningState,
    counts: np.ndarray,
    nightly: np.ndarray,
    block: int,
    nights: int,
    steps: int,
    seconds: float,
) -> LearningRecord:
    params = state.params
    # Every compartment is updated at every step: the soma, the apical dendrite of hidden neurons,
    # the error neurons.
    compartments = np.array(
        [0, *(2 * n for n in params.sizes[1:-1]), params.sizes[-1] * (1 + 2)], dtype=np.int64
    )
    return LearningRecord(
        samples=state.samples,
        block=block,
        correct=int(counts[kernels.CORRECT, 0]),
        learned=int(counts[kernels.LEARNED, 0]),
        nights=nights,
        seconds=seconds,
        steps=steps,
        synaptic_operations=counts[kernels.SYNAPTIC],
        synaptic_updates=counts[kernels.UPDATES],
        neuron_updates=compartments * steps,
        spikes=counts[kernels.SPIKES],
        error_spikes=int(counts[kernels.ERRORS, 0]),
        night_operations={
            "synaptic_operations": int(nightly[kernels.SYNAPTIC].sum()),
            "synaptic_updates": int(nightly[kernels.UPDATES].sum()),
            "neuron_updates": int(compartments.sum()) * nights * params.night * len(state.w_fb),
            "spikes": int(nightly[kernels.SPIKES].sum()),
        },
        saturated_traces=int(counts[kernels.SATURATED_Y].sum()),
        saturated_weights=int(counts[kernels.SATURATED_W].sum()),
        wrapped_currents=int(counts[kernels.WRAPPED].sum()),
    )
