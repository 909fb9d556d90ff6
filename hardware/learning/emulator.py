"""Learning on the chip, emulated bit for bit as Lava's learning engine computes it.

    state = start(ChipLearningParams(samples=180_000))
    for record in learn(state, images, labels, epochs=3):
        print(record.samples, record.accuracy)

`learn` changes the state in place, sample by sample, as a chip would, and yields a record per
night; it is fast enough for all of MNIST. All of a run follows from the parameters, the images and
the state: stop after any record, `write_state`, `read_state`, and go on to the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from ..border.checks import instance_of, whole_number
from .constants import Gains, chip_constants, sleep_constants
from .day import ChipMemory, DayNumbers, Samples, day
from .faults import fail_feedback, masks
from .inputs import checked, coding, shifted, shifts
from .night import NightNumbers, night
from .records import LearningRecord, no_counts, record
from .state import LearningState
from .streams import lava_uniforms

_STOCK_SEED = 2  # of Lava's ConnVarRandom, for every connection
_EVALUATE_AT_ONCE = 1000  # samples


def learn(
    state: LearningState,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int = 1,
) -> Iterator[LearningRecord]:
    """Learn from every image in turn, in a new order each epoch; yield a record after each night.

    Args:
        images: uint8 [n, inputs], grey values; or uint64 [n, inputs], spikes of frozen layers: bit
            t is the spike of step t.
        labels: integers [n], 0 ... classes - 1.
        epochs: to reach, counted from the start of the run; a resumed run learns only the rest.
    Raises: ValueError for images or labels that do not fit, before anything is learned.
    """
    _check_state(state)
    images, labels = checked(state.params, images, labels)
    epochs = whole_number(epochs, "epochs", 1)
    return _learn(state, images, labels, len(images) * epochs)


def evaluate(state: LearningState, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the fraction of images classified right, 0 to 1; nothing is learned."""
    _check_state(state)
    images, labels = checked(state.params, images, labels)
    counts = output_counts(state, images)
    return float(np.mean(counts.argmax(axis=1) == labels))


def output_counts(state: LearningState, images: np.ndarray) -> np.ndarray:
    """Return the spikes of the output neurons, int32 [n, classes]; nothing is learned."""
    _check_state(state)
    images = np.asarray(images)
    blank = np.zeros(len(images) if images.ndim else 0, dtype=np.int64)
    images, labels = checked(state.params, images, blank)
    outputs = np.zeros((len(images), state.params.sizes[-1]), dtype=np.int32)
    for first in range(0, len(images), _EVALUATE_AT_ONCE):
        part = np.arange(first, min(first + _EVALUATE_AT_ONCE, len(images)))
        into = outputs[first : first + len(part)]
        show(state, images, labels, part, False, no_counts(state), into)
    return outputs


def sleep(state: LearningState) -> LearningRecord:
    """Sleep for one night: a sleep phase of each hidden layer."""
    _check_state(state)
    begun, before, counts = time.perf_counter(), state.clock, no_counts(state)
    _night(state, counts)
    steps, seconds = state.clock - before, time.perf_counter() - begun
    by_day = no_counts(state)
    return record(state, by_day, counts, block=0, nights=1, steps=steps, seconds=seconds)


def _check_state(state: object) -> None:
    instance_of(state, LearningState, "state", "a state, e.g. start(ChipLearningParams())")


def _learn(
    state: LearningState, images: np.ndarray, labels: np.ndarray, total: int
) -> Iterator[LearningRecord]:
    params = state.params
    sleeps, every = params.sleeps, params.sleep.every
    while state.samples < total:
        begun, before, nights = time.perf_counter(), state.clock, state.nights
        by_day, by_night = no_counts(state), no_counts(state)
        while sleeps and state.samples == 0 and state.nights < params.sleep.before:
            _night(state, by_night)
        epoch, first = divmod(state.samples, len(images))
        order = np.random.default_rng([params.seed, 1, epoch]).permutation(len(images))
        part = order[first : first + every - state.samples % every].astype(np.int64)
        outputs = np.zeros((len(part), params.sizes[-1]), dtype=np.int32)
        if params.shift:
            moves = shifts(params.seed, epoch, len(images), params.shift)[part]
            everyone = np.arange(len(part))
            block = shifted(images[part], moves), labels[part], everyone
            show(state, *block, True, by_day, outputs)
        else:
            show(state, images, labels, part, True, by_day, outputs)
        if sleeps and state.samples % every == 0:
            _night(state, by_night)
        yield record(
            state,
            by_day,
            by_night,
            block=len(part),
            nights=state.nights - nights,
            steps=state.clock - before,
            seconds=time.perf_counter() - begun,
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
    """Show samples, and learn from them where `learning`.

    Args:
        images, labels: as `checked` returns them. order: int64 [m], which of them.
        counts: int64 [COUNTS, 1 + layers], added to.
        outputs: int32 [m, classes], filled: spikes of the output neurons.
    """
    params = state.params
    day(
        samples=Samples(images, labels, order, coding(images, params.steps)),
        memory=_memory(state),
        numbers=_day_numbers(state, len(order) if learning else 0),
        constants=chip_constants(params),
        gains=Gains(*params.gains(state.samples)),
        faults=masks(state),
        plastic=np.array(params.plastic or (True,) * params.layers, dtype=np.bool_),
        clock=state.clock,
        learning=learning,
        counts=counts,
        outputs=outputs,
    )
    if learning:
        state.clock += len(order) * params.period
        state.samples += len(order)


def sleep_phase(state: LearningState, layer: int, counts: np.ndarray) -> None:
    """Let one hidden layer (from 0) sleep; adds to counts, int64 [COUNTS, 1 + layers]."""
    params = state.params
    night(
        memory=_memory(state),
        means=state.means[layer],
        layer=layer,
        numbers=_night_numbers(state, layer),
        constants=chip_constants(params),
        sleep=sleep_constants(params),
        faults=masks(state),
        clock=state.clock,
        counts=counts,
    )
    fail_feedback(state, layer)
    state.clock += params.night


def _memory(state: LearningState) -> ChipMemory:
    """Return the arrays that a loop changes; a net without hidden layers has no feedback."""
    params = state.params
    none = (np.zeros((params.populations, params.sizes[-1], 0), dtype=np.int16),)
    return ChipMemory(w=state.w, w_fb=state.w_fb or none, x1=state.x1)


def _night(state: LearningState, counts: np.ndarray) -> None:
    for layer in range(len(state.w_fb)):
        sleep_phase(state, layer, counts)
    state.nights += 1


def _day_numbers(state: LearningState, samples: int) -> DayNumbers:
    """Return the numbers that Lava draws for the next samples."""
    params = state.params
    layers, epoch, period = range(params.layers), params.epoch, params.period
    epochs = period // epoch
    seeds = [params.connection_seed(layer) for layer in layers]
    x1, y = np.zeros((samples, params.layers, epochs)), np.zeros((samples, params.layers))
    stock = np.zeros((samples, params.layers))
    for layer, seed in zip(layers, seeds, strict=True):
        first = 2 * (state.clock + epoch)
        drawn = lava_uniforms(seed, first, samples * epochs, 2 * epoch)
        x1[:, layer] = drawn.reshape(samples, epochs)
        y[:, layer] = lava_uniforms(seed + 2, 2 * (state.clock + period), samples, 2 * period)
    if params.rounding == "stock":
        first = state.clock // epoch + epochs
        stock[:] = lava_uniforms(_STOCK_SEED, first, samples, epochs)[:, None]
    return DayNumbers(x1, y, stock)


def _night_numbers(state: LearningState, layer: int) -> NightNumbers:
    """Return the numbers that Lava draws for a sleep phase of a hidden layer."""
    params, length, first = state.params, state.params.night, 2 * (state.clock + state.params.epoch)
    epochs, populations = length // params.epoch, range(params.populations)
    forward = [params.connection_seed(post) for post in range(params.layers)]
    feedback = [params.connection_seed(layer, population) for population in populations]
    x1 = [lava_uniforms(seed, first, epochs, 2 * params.epoch) for seed in forward]
    y = [lava_uniforms(seed + 2, 2 * (state.clock + 1), length, 2) for seed in feedback]
    stock = lava_uniforms(_STOCK_SEED, state.clock + 1, length, 1)
    return NightNumbers(np.stack(x1), np.stack(y), np.tile(stock, (len(populations), 1)))
