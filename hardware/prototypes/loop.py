"""Compiled loop of a prototype layer: samples one by one, with learning or without.

Event driven, as `learning.day`; `neurons` and `reference` hold the same arithmetic step by step in
plain NumPy. Weights lie [pre, post]. Scalars are int64, unless said otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import chip
from ..compiled import compiled
from ..learning.engine import ACCUMULATOR_BITS
from ..learning.streams import FORWARD, Integer, row_key, stream_key
from ..learning.synapses import count_bits, rounded
from ..learning.traces import advance_traces, decay_tables, held_trace

# entries of counts, int64 [COUNTS]
CORRECT, SPIKES, SYNAPTIC, UPDATES, RECRUITED, ATTRACTED, REPELLED = range(7)
COUNTS = 7
RATE = 512  # y1 at which w would become 2 x1


class Stream(NamedTuple):
    """Samples to show, in an order."""

    # uint8 [n, inputs], grey values; or uint64, spikes: bit t is the spike of step t
    images: np.ndarray
    labels: np.ndarray  # int64 [n]
    order: np.ndarray  # int64 [samples], which of them
    spike_masks: np.ndarray  # int64 [256]: spikes of a grey value; [0]: images hold spikes


class PrototypeMemory(NamedTuple):
    """Arrays of a prototype layer that learning changes."""

    w: np.ndarray  # int16 [inputs, prototypes]
    x1: np.ndarray  # int64 [inputs], presynaptic traces, 0 .. 127
    means: np.ndarray  # int64 [prototypes], m
    seen: np.ndarray  # int64 [prototypes], samples recruited by or attracted to
    classes: np.ndarray  # int64 [prototypes], -1: free; recruited in order


class PrototypeConstants(NamedTuple):
    """Constants of a run; see `PrototypeParams`."""

    steps: int
    period: int
    epoch: int
    x1_keep: float
    x1_impulse: int
    energy_gain: int
    mean_shift: int
    novelty: int
    per_class: int
    y_min: int
    push: int
    recruit: int  # y2
    # int64 [3, 2]: shift right, shift left of the products -w y1, x1 y1, x1 y2
    shifts: np.ndarray
    bits: int  # of the accumulator below a weight's step
    step: int  # distance between neighbouring weights
    seed: int


class TraceNumbers(NamedTuple):
    """Lava's random numbers, 0 to 1; empty where nothing is learned."""

    x1: np.ndarray  # float64 [samples, learning epochs]
    y: np.ndarray  # float64 [samples]


@compiled
def show(
    stream: Stream,
    memory: PrototypeMemory,
    numbers: TraceNumbers,
    constants: PrototypeConstants,
    clock: Integer,
    learning: bool,
    counts: np.ndarray,
    answers: np.ndarray,
) -> Integer:
    """Show samples, and learn from each where `learning`.

    Args:
        memory: changed where `learning`.
        clock: time steps before the first sample.
        counts: int64 [COUNTS], added to.
        answers: int64 [samples], filled: classes, -1 where nothing is recruited yet.
    Returns: samples shown; fewer than all where a new class finds no free neuron.
    """
    c, inputs = constants, stream.images.shape[1]
    masks = np.zeros(inputs, dtype=np.int64)
    v = np.zeros(memory.w.shape[1], dtype=np.int64)
    used = 0
    while used < len(memory.classes) and memory.classes[used] >= 0:
        used += 1
    decays = np.zeros((c.period // c.epoch, 3, 128), dtype=np.int64)
    for q in range(stream.order.shape[0]):
        sample = stream.order[q]
        label = stream.labels[sample]
        for i in range(inputs):
            value = np.int64(stream.images[sample, i])
            masks[i] = stream.spike_masks[value] if stream.spike_masks.shape[0] else value
        spikes, energy = _integrate(memory.w, masks, used, v)
        nearest, nearest_own, own = _nearest(v, memory, used, label)
        answers[q] = memory.classes[nearest] if nearest >= 0 else -1
        if not learning:
            counts[CORRECT] += answers[q] == label
            counts[SPIKES] += spikes
            counts[SYNAPTIC] += spikes * used
            continue
        right = answers[q] == label
        full = used == memory.w.shape[1]
        if own == 0 and full:
            return q
        counts[CORRECT] += right
        counts[SPIKES] += spikes
        counts[SYNAPTIC] += spikes * used
        decay_tables(c.x1_keep, numbers.x1[q], c.epoch, c.x1_impulse, decays)
        advance_traces(memory.x1, masks, 0, c.epoch, c.x1_impulse, decays)
        key = stream_key(c.seed, FORWARD, 0, 0, clock + (q + 1) * c.period)
        scale = (energy * c.energy_gain) >> 6
        far = own == 0
        if own > 0:
            score = 2 * v[nearest_own] - memory.means[nearest_own]
            far = 16 * (scale - score) >= c.novelty * scale
        if not full and own < c.per_class and (far or not right):
            memory.classes[used], memory.seen[used] = label, 1
            memory.means[used] = scale
            y2 = held_trace(c.recruit, numbers.y[q], c.epoch)
            _update(memory.w, memory.x1, used, 0, y2, c, key)
            counts[RECRUITED] += 1
            counts[UPDATES] += inputs
            used += 1
            continue
        j = nearest_own
        memory.seen[j] += 1
        y1 = min(max(RATE // memory.seen[j], c.y_min), chip.MAX_TRACE)
        memory.means[j] += ((v[j] - memory.means[j]) * y1) >> c.mean_shift
        _update(memory.w, memory.x1, j, held_trace(y1, numbers.y[q], c.epoch), 0, c, key)
        counts[ATTRACTED] += 1
        counts[UPDATES] += inputs
        if not right and c.push > 0:
            y1 = held_trace(-c.push, numbers.y[q], c.epoch)
            _update(memory.w, memory.x1, nearest, y1, 0, c, key)
            counts[REPELLED] += 1
            counts[UPDATES] += inputs
    return stream.order.shape[0]


@compiled
def _integrate(
    w: np.ndarray, masks: np.ndarray, used: Integer, v: np.ndarray
) -> tuple[Integer, Integer]:
    """Fill v [:used] with the weighted spike counts; return all spikes, and their energy."""
    v[:used] = 0
    spikes = energy = 0
    for i in range(w.shape[0]):
        count = count_bits(masks[i])
        if count == 0:
            continue
        spikes += count
        energy += count * count
        row = w[i]
        for j in range(used):
            v[j] += np.int64(row[j]) * count
    return spikes, energy


@compiled
def _nearest(
    v: np.ndarray, memory: PrototypeMemory, used: Integer, label: Integer
) -> tuple[Integer, Integer, Integer]:
    """Return the nearest prototype, the nearest of class `label`, and the size of that class.

    -1 where there is none; the first of several.
    """
    nearest = nearest_own = -1
    best = best_own = own = np.int64(0)
    for j in range(used):
        score = 2 * v[j] - memory.means[j]
        if nearest < 0 or score > best:
            nearest, best = j, score
        if memory.classes[j] == label:
            own += 1
            if nearest_own < 0 or score > best_own:
                nearest_own, best_own = j, score
    return nearest, nearest_own, own


@compiled
def _update(
    w: np.ndarray,
    x1: np.ndarray,
    j: Integer,
    y1: Integer,
    y2: Integer,
    constants: PrototypeConstants,
    key: Integer,
) -> None:
    """Apply the rule to all synapses of neuron j."""
    shifts, limit = constants.shifts, np.int64(1 << ACCUMULATOR_BITS)
    for i in range(w.shape[0]):
        weight, x = np.int64(w[i, j]), x1[i]
        if weight == 0 and x == 0:
            continue
        total = weight << 7
        for k in range(3):
            product = -weight * y1 if k == 0 else (x * y1 if k == 1 else x * y2)
            product = (product >> shifts[k, 0]) << shifts[k, 1]
            total = min(max(total + product, -limit - 1), limit - 1)
        w[i, j] = rounded(
            weight, total - (weight << 7), row_key(key, i), j, -1, constants.bits, constants.step
        )
