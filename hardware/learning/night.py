"""Compiled loop of a sleep phase: noise in one hidden layer teaches the feedback weights onto it.

Event driven, as `day`; `neurons` and `reference` hold the same arithmetic step by step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import chip
from ..compiled import compiled
from . import somas
from .constants import ChipConstants, SleepConstants
from .day import ChipMemory
from .faults import FaultMasks
from .records import ERRORS, SPIKES, SYNAPTIC, UPDATES
from .streams import FEEDBACK, NOISE, Integer, mix, row_key, stream_key
from .synapses import fixed_number, forget_feedback, learn_feedback
from .traces import advance_traces, decay_tables, held_trace


class NightNumbers(NamedTuple):
    """Lava's random numbers of a sleep phase, 0 to 1."""

    x1: np.ndarray  # float64 [layers, learning epochs], round forward traces
    y: np.ndarray  # float64 [populations, steps], round the feedback synapses' y traces
    stock: np.ndarray  # float64 [populations, steps], round weights where all share a number


@compiled
def night(
    memory: ChipMemory,
    means: np.ndarray,
    layer: Integer,
    numbers: NightNumbers,
    constants: ChipConstants,
    sleep: SleepConstants,
    faults: FaultMasks,
    clock: Integer,
    counts: np.ndarray,
) -> None:
    """Run one sleep phase.

    Args:
        memory: `w_fb[layer]` and `x1` are changed: forward traces go on.
        means: int64 [layers, widest], changed: running mean currents, 1/64 of a weight's unit.
        layer: int64, the hidden layer, from 0.
        clock: int64, time steps before the phase.
        counts: int64 [COUNTS, 1 + layers], added to.
    """
    c, w, fb = constants, memory.w, memory.w_fb[layer]
    layers = len(w)
    delay = layers - 1 - layer  # steps from the noise to the output's spike
    populations, classes, neurons = fb.shape
    u, v = np.zeros(means.shape, dtype=np.int64), np.zeros(means.shape, dtype=np.int64)
    s = np.zeros(means.shape, dtype=np.uint8)
    noise = np.zeros((delay + 1, neurons), dtype=np.uint8)  # of the last steps
    # spikes onto each layer in this learning epoch
    within = np.zeros((layers, max(means.shape[1], memory.x1[0].shape[0])), dtype=np.int64)
    table = np.zeros((1, 3, 128), dtype=np.int64)
    held = np.zeros((2, 2), dtype=np.int64)
    for t in range(1, sleep.steps + 1):
        # The layers behind, last first: each takes the spikes that the layer before it sent one
        # step earlier.
        for post in range(layers - 1, layer, -1):
            if t <= post - layer:
                continue
            pre = noise[(t - 1) % (delay + 1)] if post == layer + 1 else s[post - 1]
            arrived = _sleep_layer(w[post], pre, means[post], c, sleep, u[post], v[post], s[post])
            for j in range(w[post].shape[1]):
                s[post, j] = (s[post, j] and not faults.dead[post, j]) or faults.stuck[post, j]
            counts[SYNAPTIC, post + 1] += arrived * w[post].shape[1]
        key = stream_key(c.seed, NOISE, layer, 0, clock + t)
        for i in range(neurons):
            number = mix(np.uint32(key + np.uint32(i))) >> np.uint32(16)
            spike = t <= sleep.steps - delay and number < sleep.rate
            spike = (spike and not faults.dead[layer, i]) or faults.stuck[layer, i]
            noise[t % (delay + 1), i] = spike
            counts[SPIKES, layer + 1] += spike
            within[layer + 1, i] |= np.int64(spike) << ((t - 1) % c.epoch)
        for post in range(layer + 2, layers):
            for i in range(w[post - 1].shape[1]):
                counts[SPIKES, post] += s[post - 1, i]
                within[post, i] |= np.int64(s[post - 1, i]) << ((t - 1) % c.epoch)
        for n in range(classes):
            counts[SPIKES, layers] += s[layers - 1, n]
            counts[ERRORS, 0] += s[layers - 1, n] * populations
        for population in range(populations):
            key = stream_key(c.seed, FEEDBACK, layer, population, clock + t)
            fixed = fixed_number(c.rounding, numbers.stock[population, t - 1], c.bits)
            uniform = numbers.y[population, t - 1]
            if t == sleep.steps:
                y3, right, left = sleep.forget_y3, sleep.forget_right, sleep.forget_left
                y3 = held_trace(y3, uniform, 1)
                for n in range(classes):
                    row = row_key(key, n)
                    forget_feedback(fb[population, n], y3, right, left, row, fixed, c.bits, c.step)
                counts[UPDATES, layer + 1] += classes * neurons
            elif t > delay:
                past = noise[(t - delay) % (delay + 1)]
                for trace in range(2):
                    for spike in range(2):
                        held[trace, spike] = held_trace(sleep.y_noise[trace, spike], uniform, 1)
                for n in range(classes):
                    if s[layers - 1, n]:
                        row = row_key(key, n)
                        learn_feedback(
                            fb[population, n], past, held, sleep.hebb, row, fixed, c.bits, c.step
                        )
                        counts[SYNAPTIC, layer + 1] += neurons
                        counts[UPDATES, layer + 1] += neurons
        if t % c.epoch == 0:
            for post in range(layers):
                uniforms = numbers.x1[post, t // c.epoch - 1 : t // c.epoch]
                decay_tables(c.x1_keep, uniforms, c.epoch, c.x1_impulse, table)
                advance_traces(memory.x1[post], within[post], 0, c.epoch, c.x1_impulse, table)
            within[:] = 0


@compiled
def _sleep_layer(
    w: np.ndarray,
    s_pre: np.ndarray,
    means: np.ndarray,
    constants: ChipConstants,
    sleep: SleepConstants,
    u: np.ndarray,
    v: np.ndarray,
    s: np.ndarray,
) -> Integer:
    """Run one step of a layer behind the noise; return the number of spikes that arrived.

    The mean current is replaced by a constant drive.

    Args:
        w: int16 [in + 1, out], weight units.
        s_pre: uint8 [in or more], spikes.
        means, u, v: int64 [out or more], changed, 1/64 of a weight's unit.
        s: uint8 [out or more], filled: spikes.
    """
    threshold = constants.vth << chip.INPUT_SHIFT
    rows, neurons = w.shape
    current = np.zeros(neurons, dtype=np.int64)
    arrived = 0
    for i in range(rows - 1):
        if s_pre[i]:
            arrived += 1
            for j in range(neurons):
                current[j] += w[i, j]
    for j in range(neurons):
        a = current[j] << chip.INPUT_SHIFT
        means[j] += (a - means[j]) >> sleep.mean_shift
        u[j], voltage, spike, _ = somas.advance(
            u[j], v[j], a - means[j] + sleep.drive, constants.keep_u, constants.keep_v, threshold
        )
        s[j] = spike
        v[j] = 0 if spike else voltage
    return arrived
