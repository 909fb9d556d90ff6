"""Compiled loop of a day: the chip sees samples one by one, and learns from each.

Event driven: only spikes cost time, and synapses whose trace and third factor are both not 0.
`neurons` and `reference` hold the same arithmetic step by step in plain NumPy; a test holds both
equal, and another holds them equal to Lava. Weights lie [pre, post] here, so that one spike reads
one row; the last row of a forward matrix belongs to the always-on bias axon.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import chip
from ..compiled import compiled
from . import somas
from .constants import ChipConstants, Gains
from .faults import FaultMasks
from .records import (
    CORRECT,
    ERRORS,
    LEARNED,
    SATURATED_W,
    SATURATED_Y,
    SPIKES,
    SYNAPTIC,
    UPDATES,
    WRAPPED,
)
from .streams import FORWARD, Integer, stream_key
from .synapses import accumulate, count_bits, fixed_number, update
from .traces import advance_traces, decay_tables, hold_y

_TRACE = chip.MAX_TRACE


class Samples(NamedTuple):
    """Images to show, in an order."""

    # uint8 [n, inputs], grey values; or uint64, spikes: bit t is the spike of step t
    images: np.ndarray
    labels: np.ndarray  # int64 [n]
    order: np.ndarray  # int64 [samples], which images
    spike_masks: np.ndarray  # int64 [256]: spikes of a grey value; [0]: images hold spikes


class ChipMemory(NamedTuple):
    """Arrays of a learning chip that a day changes; weights in units of 1/vth thresholds."""

    w: tuple[np.ndarray, ...]  # int16 [in + 1, out] per layer
    w_fb: tuple[np.ndarray, ...]  # int16 [populations, classes, N] per hidden layer
    x1: tuple[np.ndarray, ...]  # int64 [in + 1] per layer, presynaptic traces, 0 .. 127


class DayNumbers(NamedTuple):
    """Lava's random numbers of a day, 0 to 1; empty where nothing is learned."""

    x1: np.ndarray  # float64 [samples, layers, learning epochs], round presynaptic traces
    y: np.ndarray  # float64 [samples, layers], round postsynaptic traces
    stock: np.ndarray  # float64 [samples, layers], round weights where all synapses share a number


@compiled
def day(
    samples: Samples,
    memory: ChipMemory,
    numbers: DayNumbers,
    constants: ChipConstants,
    gains: Gains,
    faults: FaultMasks,
    plastic: np.ndarray,
    clock: Integer,
    learning: bool,
    counts: np.ndarray,
    outputs: np.ndarray,
) -> None:
    """Show samples one by one, and learn from each where `learning`.

    Args:
        memory: changed where `learning`.
        plastic: bool [layers], which layers learn.
        clock: int64, time steps before the first sample.
        counts: int64 [COUNTS, 1 + layers], added to.
        outputs: int32 [samples, classes], filled: spikes of the output neurons.
    """
    c, w = constants, memory.w
    layers, inputs = len(w), samples.images.shape[1]
    widest = 0
    for layer in range(layers):
        widest = max(widest, w[layer].shape[1])
    classes = w[layers - 1].shape[1]
    sums = np.zeros((c.steps, widest), dtype=np.int32)
    # bit t: spike in step t
    masks = np.zeros((layers + 1, max(widest, inputs) + 1), dtype=np.int64)
    psi = np.zeros((layers, widest), dtype=np.int64)
    u, v = np.zeros(widest, dtype=np.int64), np.zeros(widest, dtype=np.int64)
    err, y = np.zeros(classes, dtype=np.int64), np.zeros(widest, dtype=np.int32)
    decays = np.zeros((c.period // c.epoch, 3, 128), dtype=np.int64)
    always = (1 << c.steps) - 1
    for q in range(samples.order.shape[0]):
        sample = samples.order[q]
        label = samples.labels[sample]
        for i in range(inputs):
            value = np.int64(samples.images[sample, i])
            masks[0, i] = samples.spike_masks[value] if samples.spike_masks.shape[0] else value
        for layer in range(layers):
            fan_in, neurons = w[layer].shape[0] - 1, w[layer].shape[1]
            masks[layer, fan_in] = always
            arrived = accumulate(w[layer], masks[layer], c.steps, sums)
            counts[SYNAPTIC, layer + 1] += arrived * neurons
            counts[SPIKES, layer] += arrived - c.steps
            counts[WRAPPED, layer + 1] += _integrate(
                sums, neurons, c, u, v, masks[layer + 1], psi[layer]
            )
            _break(masks[layer + 1], faults.dead[layer], faults.stuck[layer], always)
        for n in range(classes):
            outputs[q, n] = count_bits(masks[layers, n])
            counts[SPIKES, layers] += outputs[q, n]
        counts[CORRECT, 0] += _most(outputs[q]) == label
        if not learning:
            continue
        errors = _errors(outputs[q], label, c, err)
        counts[ERRORS, 0] += errors
        counts[LEARNED, 0] += errors > 0
        for layer in range(layers):
            decay_tables(c.x1_keep, numbers.x1[q, layer], c.epoch, c.x1_impulse, decays)
            advance_traces(memory.x1[layer], masks[layer], layer, c.epoch, c.x1_impulse, decays)
        if errors == 0:
            continue
        for layer in range(layers):
            if not plastic[layer]:
                continue
            neurons = w[layer].shape[1]
            if layer < layers - 1:
                counts[SYNAPTIC, layer + 1] += errors * neurons
                saturated = _hidden_third_factor(
                    memory.w_fb[layer], err, psi[layer], gains.hidden, c.shift_hidden, y
                )
            else:
                saturated = _output_third_factor(err, gains.output, c.shift_output, y)
            counts[SATURATED_Y, layer + 1] += saturated
            hold_y(y, neurons, numbers.y[q, layer], c.epoch, memory.w_fb[0].shape[0] == 2)
            key = stream_key(c.seed, FORWARD, layer, 0, clock + (q + 1) * c.period)
            fixed = fixed_number(c.rounding, numbers.stock[q, layer], c.bits)
            updated, clipped = update(
                w[layer], memory.x1[layer], y, c.up, key, fixed, c.bits, c.step
            )
            counts[UPDATES, layer + 1] += updated
            counts[SATURATED_W, layer + 1] += clipped
            failed = faults.failed[layer]
            for k in range(failed.shape[0]):
                w[layer][failed[k, 0], failed[k, 1]] = 0


@compiled
def _break(masks: np.ndarray, dead: np.ndarray, stuck: np.ndarray, always: Integer) -> None:
    """Change intact neurons' spikes, masks as in `_integrate`, to those that leave faulty ones."""
    for j in range(dead.shape[0]):
        if stuck[j]:
            masks[j] = always
        elif dead[j]:
            masks[j] = 0


@compiled
def _integrate(
    sums: np.ndarray,
    neurons: Integer,
    constants: ChipConstants,
    u: np.ndarray,
    v: np.ndarray,
    masks: np.ndarray,
    psi: np.ndarray,
) -> Integer:
    """Run all steps of one layer from rest; return how many currents wrapped.

    Args:
        sums: int32 [steps, neurons or more], what arrives in each step, weight units.
        neurons: int64.
        u, v: int64 [neurons or more], overwritten, 1/64 of a weight's unit.
        masks: int64 [neurons or more], filled: bit t is the spike of step t.
        psi: int64 [neurons or more], filled: steps within the window.
    """
    threshold = constants.vth << chip.INPUT_SHIFT
    wrapped = 0
    for j in range(neurons):
        u[j] = v[j] = masks[j] = psi[j] = 0
    for t in range(constants.steps):
        for j in range(neurons):
            arriving = np.int64(sums[t, j]) << chip.INPUT_SHIFT
            u[j], voltage, spike, wraps = somas.advance(
                u[j], v[j], arriving, constants.keep_u, constants.keep_v, threshold
            )
            wrapped += wraps
            psi[j] += abs(voltage - threshold) < constants.psi_window
            masks[j] |= np.int64(spike) << t
            v[j] = 0 if spike else voltage
    return wrapped


@compiled
def _most(spikes: np.ndarray) -> Integer:
    """Return the class with the most spikes, the lowest of several; spikes: int32 [classes]."""
    best = 0
    for n in range(1, spikes.shape[0]):
        if spikes[n] > spikes[best]:
            best = n
    return best


@compiled
def _errors(
    spikes: np.ndarray, label: Integer, constants: ChipConstants, err: np.ndarray
) -> Integer:
    """Fill err with the error neurons' spikes, signed; return their number.

    Args:
        spikes: int32 [classes], of the output neurons. label: int64.
        err: int64 [classes], filled.
    """
    errors = 0
    for n in range(err.shape[0]):
        if n == label:
            err[n] = max(0, constants.steps - spikes[n] - constants.margin_positive)
        else:
            err[n] = -max(0, spikes[n] - constants.margin_negative)
        errors += abs(err[n])
    return errors


@compiled
def _hidden_third_factor(
    fb: np.ndarray, err: np.ndarray, psi: np.ndarray, gain: Integer, shift: Integer, y: np.ndarray
) -> Integer:
    """Fill y = saturate((v_apical psi gain) >> shift), rounded; return how many saturated.

    Args:
        fb: int16 [populations, classes, N], feedback weights, weight units; population 0 carries
            positive errors, the last one negative.
        err: int64 [classes], spikes of the error neurons, signed.
        psi: int64 [N or more], steps within the window.
        gain, shift: int64; shift in bits.
        y: int32 [N or more], filled, -127 .. 127.
    """
    populations, classes, neurons = fb.shape
    saturated = 0
    for j in range(neurons):
        y[j] = 0
        if psi[j] == 0:
            continue
        apical = 0
        for n in range(classes):
            apical += fb[0 if err[n] > 0 else populations - 1, n, j] * err[n]
        product = (apical * psi[j] * gain + (1 << (shift - 1))) >> shift
        saturated += abs(product) > _TRACE
        y[j] = min(max(product, -_TRACE), _TRACE)
    return saturated


@compiled
def _output_third_factor(err: np.ndarray, gain: Integer, shift: Integer, y: np.ndarray) -> Integer:
    """Fill y = saturate((err gain) >> shift), rounded; arguments as in `_hidden_third_factor`."""
    saturated = 0
    for n in range(err.shape[0]):
        product = (err[n] * gain + (1 << (shift - 1))) >> shift
        saturated += abs(product) > _TRACE
        y[n] = min(max(product, -_TRACE), _TRACE)
    return saturated
