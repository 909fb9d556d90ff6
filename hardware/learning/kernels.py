"""Compiled loops of learning on the chip: a day of samples and a night of sleep, in the engine's
integers, event driven.

Only what happens costs time: spikes, synapses whose trace and third factor are both not 0.
`learning_neurons` holds the same arithmetic step by step in plain NumPy; a test holds the two
equal, and another holds both equal to Lava. Weights lie [pre, post] here, so that one spike reads
one row; the last row of a forward matrix belongs to the always-on bias axon.
"""

from __future__ import annotations

import numba
import numpy as np

from .. import chip
from .streams import FEEDBACK, FORWARD, NOISE, Integer, mix, row_key, stream_key
from .synapses import (
    accumulate,
    advance_traces,
    decay_tables,
    fixed_number,
    forget_feedback,
    held_trace,
    hold_y,
    learn_feedback,
    update,
)

# What a block adds up; int64 [COUNTS, 1 + layers], entry 0 the input, except CORRECT and LEARNED,
# which use entry 0.
CORRECT, LEARNED, SYNAPTIC, UPDATES, SPIKES, ERRORS, SATURATED_Y, SATURATED_W, WRAPPED = range(9)
COUNTS = 9
_TRACE = chip.MAX_TRACE


@numba.njit(nogil=True, cache=True)
def day(
    images: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    spike_masks: np.ndarray,
    ws: tuple,
    fbs: tuple,
    x1s: tuple,
    uniforms: np.ndarray,
    y_uniforms: np.ndarray,
    stock: np.ndarray,
    numbers: tuple,
    gains: tuple,
    plastic: np.ndarray,
    clock: Integer,
    learning: bool,
    counts: np.ndarray,
    outputs: np.ndarray,
) -> None:
    """Show samples `order` one by one, and learn from each where `learning`.

    Args:
        images: uint8 [n, inputs]; labels: int64 [n]; spike_masks: int64 [256], bit t is set where
            that grey value spikes in step t.
        ws: int16 [in + 1, out] a layer; fbs: int16 [populations, classes, N] a hidden layer; x1s:
            int64 [in + 1] a layer. All changed.
        uniforms, y_uniforms, stock: Lava's random numbers, float64 [samples, layers, epochs],
            [samples, layers], [samples, layers].
        numbers: see `learning_emulator._numbers`. gains: (hidden, output).
        clock: time steps done before the first sample.
        counts: int64 [COUNTS, 1 + layers], added to. outputs: int32 [samples, classes], spikes of
            the output neurons.
    """
    (
        steps,
        period,
        epoch,
        vth,
        keep_u,
        keep_v,
        window,
        margin_p,
        margin_n,
        x1_keep,
        impulse,
        shift_h,
        shift_o,
        up,
        rounding,
        bits,
        step,
        seed,
    ) = numbers
    layers = len(ws)
    widest = 0
    for layer in range(layers):
        widest = max(widest, ws[layer].shape[1])
    classes = ws[layers - 1].shape[1]
    sums = np.zeros((steps, widest), dtype=np.int32)
    # bit t: spike in step t
    masks = np.zeros((layers + 1, max(widest, images.shape[1]) + 1), dtype=np.int64)
    psi = np.zeros((layers, widest), dtype=np.int64)
    u, v = np.zeros(widest, dtype=np.int64), np.zeros(widest, dtype=np.int64)
    err, y = np.zeros(classes, dtype=np.int64), np.zeros(widest, dtype=np.int32)
    decays = np.zeros((period // epoch, 3, 128), dtype=np.int64)
    always = (1 << steps) - 1
    for q in range(order.shape[0]):
        sample = order[q]
        label = labels[sample]
        inputs = images.shape[1]
        for i in range(inputs):
            masks[0, i] = spike_masks[images[sample, i]]
        for layer in range(layers):
            fan_in, neurons = ws[layer].shape[0] - 1, ws[layer].shape[1]
            masks[layer, fan_in] = always
            arrived = accumulate(ws[layer], masks[layer], steps, sums)
            counts[SYNAPTIC, layer + 1] += arrived * neurons
            counts[SPIKES, layer] += arrived - steps
            counts[WRAPPED, layer + 1] += _integrate(
                sums,
                steps,
                neurons,
                keep_u,
                keep_v,
                vth,
                window,
                u,
                v,
                masks[layer + 1],
                psi[layer],
            )
        for c in range(classes):
            outputs[q, c] = _bits(masks[layers, c])
            counts[SPIKES, layers] += outputs[q, c]
        best = 0
        for c in range(1, classes):
            if outputs[q, c] > outputs[q, best]:
                best = c
        counts[CORRECT, 0] += best == label
        if not learning:
            continue
        errors = 0
        for c in range(classes):
            err[c] = (
                max(0, steps - outputs[q, c] - margin_p)
                if c == label
                else -max(0, outputs[q, c] - margin_n)
            )
            errors += abs(err[c])
        counts[ERRORS, 0] += errors
        counts[LEARNED, 0] += errors > 0
        for layer in range(layers):
            decay_tables(x1_keep, uniforms[q, layer], epoch, impulse, decays)
            advance_traces(x1s[layer], masks[layer], layer, epoch, impulse, decays)
        if errors == 0:
            continue
        for layer in range(layers):
            neurons = ws[layer].shape[1]
            if layer < layers - 1:
                counts[SYNAPTIC, layer + 1] += errors * neurons
                saturated = _hidden_third_factor(fbs[layer], err, psi[layer], gains[0], shift_h, y)
            else:
                saturated = _output_third_factor(err, gains[1], shift_o, y)
            counts[SATURATED_Y, layer + 1] += saturated
            if not plastic[layer]:
                continue
            hold_y(y, neurons, y_uniforms[q, layer], epoch, fbs[0].shape[0] == 2)
            key = stream_key(seed, FORWARD, layer, 0, clock + (q + 1) * period)
            fixed = fixed_number(rounding, stock[q, layer], bits)
            updated, clipped = update(ws[layer], x1s[layer], y, up, key, fixed, bits, step)
            counts[UPDATES, layer + 1] += updated
            counts[SATURATED_W, layer + 1] += clipped


@numba.njit(nogil=True, cache=True)
def night(
    ws: tuple,
    fb: np.ndarray,
    x1s: tuple,
    means: np.ndarray,
    layer: Integer,
    sleep: tuple,
    y_noise: np.ndarray,
    hebb: np.ndarray,
    forget: tuple,
    uniforms: np.ndarray,
    y_uniforms: np.ndarray,
    stock: np.ndarray,
    numbers: tuple,
    clock: Integer,
    counts: np.ndarray,
) -> None:
    """One sleep phase: noise in hidden layer `layer` (from 0) teaches the feedback weights that
    lead to it.

    Args:
        fb: int16 [populations, classes, N], changed. x1s: as in `day`: forward traces go on. means:
            int64 [layers, widest], running mean currents, changed.
        sleep: (steps, rate, drive, mean_shift).
        y_noise: int64 [2, 2], trace y1, y2 (row) of a neuron without and with a noise spike
            (column).
        hebb: int64 [products, 3], signed x1, shift right, shift left of the products x1 y1, x1 y2.
        forget: (y3, shift right, shift left) of the product -w y3, applied at the last step.
        uniforms: float64 [layers, learning epochs]; y_uniforms, stock: float64 [populations,
            steps].
    """
    (
        _,
        _,
        epoch,
        vth,
        keep_u,
        keep_v,
        _,
        _,
        _,
        x1_keep,
        impulse,
        _,
        _,
        _,
        rounding,
        bits,
        step,
        seed,
    ) = numbers
    length, rate, drive, mean_shift = sleep
    layers = len(ws)
    delay = layers - 1 - layer  # steps from the noise to the output's spike
    populations, classes, neurons = fb.shape
    u, v = np.zeros(means.shape, dtype=np.int64), np.zeros(means.shape, dtype=np.int64)
    s = np.zeros(means.shape, dtype=np.uint8)
    noise = np.zeros((delay + 1, neurons), dtype=np.uint8)  # of the last steps
    # spikes onto each layer in this learning epoch
    within = np.zeros((layers, max(means.shape[1], x1s[0].shape[0])), dtype=np.int64)
    table = np.zeros((1, 3, 128), dtype=np.int64)
    held = np.zeros((2, 2), dtype=np.int64)
    for t in range(1, length + 1):
        # The layers behind, last first: each takes the spikes that the layer before it sent one
        # step earlier.
        for post in range(layers - 1, layer, -1):
            if t <= post - layer:
                continue
            pre = noise[(t - 1) % (delay + 1)] if post == layer + 1 else s[post - 1]
            arrived = _sleep_layer(
                ws[post],
                pre,
                means[post],
                mean_shift,
                drive,
                keep_u,
                keep_v,
                vth,
                u[post],
                v[post],
                s[post],
            )
            counts[SYNAPTIC, post + 1] += arrived * ws[post].shape[1]
        for i in range(neurons):
            key = stream_key(seed, NOISE, layer, 0, clock + t)
            spike = (
                t <= length - delay and (mix(np.uint32(key + np.uint32(i))) >> np.uint32(16)) < rate
            )
            noise[t % (delay + 1), i] = spike
            counts[SPIKES, layer + 1] += spike
            within[layer + 1, i] |= np.int64(spike) << ((t - 1) % epoch)
        for post in range(layer + 2, layers):
            for i in range(ws[post - 1].shape[1]):
                counts[SPIKES, post] += s[post - 1, i]
                within[post, i] |= np.int64(s[post - 1, i]) << ((t - 1) % epoch)
        for c in range(classes):
            counts[SPIKES, layers] += s[layers - 1, c]
            counts[ERRORS, 0] += s[layers - 1, c] * populations
        for population in range(populations):
            key = stream_key(seed, FEEDBACK, layer, population, clock + t)
            fixed = fixed_number(rounding, stock[population, t - 1], bits)
            uniform = y_uniforms[population, t - 1]
            if t == length:
                y3 = held_trace(forget[0], uniform, 1)
                for c in range(classes):
                    forget_feedback(
                        fb[population, c],
                        y3,
                        forget[1],
                        forget[2],
                        row_key(key, c),
                        fixed,
                        bits,
                        step,
                    )
                counts[UPDATES, layer + 1] += classes * neurons
            elif t > delay:
                for row in range(2):
                    for column in range(2):
                        held[row, column] = held_trace(y_noise[row, column], uniform, 1)
                for c in range(classes):
                    if s[layers - 1, c]:
                        learn_feedback(
                            fb[population, c],
                            noise[(t - delay) % (delay + 1)],
                            held,
                            hebb,
                            row_key(key, c),
                            fixed,
                            bits,
                            step,
                        )
                        counts[SYNAPTIC, layer + 1] += neurons
                        counts[UPDATES, layer + 1] += neurons
        if t % epoch == 0:
            for post in range(layers):
                decay_tables(
                    x1_keep, uniforms[post, t // epoch - 1 : t // epoch], epoch, impulse, table
                )
                advance_traces(x1s[post], within[post], 0, epoch, impulse, table)
            within[:] = 0


@numba.njit(inline="always")
def _bits(mask: Integer) -> Integer:
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@numba.njit(inline="always")
def _kept(x: Integer, keep: Integer) -> Integer:
    """keep/4096 of x, its magnitude rounded down."""
    product = x * keep
    return (product + ((product >> 63) & 4095)) >> 12


@numba.njit(nogil=True, cache=True)
def _integrate(
    sums: np.ndarray,
    steps: Integer,
    neurons: Integer,
    keep_u: Integer,
    keep_v: Integer,
    vth: Integer,
    window: Integer,
    u: np.ndarray,
    v: np.ndarray,
    masks: np.ndarray,
    psi: np.ndarray,
) -> Integer:
    """All steps of one layer from rest: writes spikes into masks and steps within the window into
    psi; returns wrapped currents.
    """
    top, threshold = chip.MAX_STATE, vth << chip.INPUT_SHIFT
    wrapped = 0
    for j in range(neurons):
        u[j] = v[j] = masks[j] = psi[j] = 0
    for t in range(steps):
        for j in range(neurons):
            current = _kept(u[j], keep_u) + (np.int64(sums[t, j]) << chip.INPUT_SHIFT)
            wrapped += (current > top) + (current <= -top)
            current += 2 * top * ((current <= -top) - np.int64(current > top))
            voltage = min(max(_kept(v[j], keep_v) + current, 1 - top), top - 1)
            psi[j] += abs(voltage - threshold) < window
            spike = voltage > threshold
            masks[j] |= np.int64(spike) << t
            u[j] = current
            v[j] = 0 if spike else voltage
    return wrapped


@numba.njit(nogil=True, cache=True)
def _sleep_layer(
    w: np.ndarray,
    s_pre: np.ndarray,
    means: np.ndarray,
    mean_shift: Integer,
    drive: Integer,
    keep_u: Integer,
    keep_v: Integer,
    vth: Integer,
    u: np.ndarray,
    v: np.ndarray,
    s: np.ndarray,
) -> Integer:
    """One step of a layer behind the noise: its mean current is replaced by a constant drive.
    Returns spikes that arrived.
    """
    top, threshold = chip.MAX_STATE, vth << chip.INPUT_SHIFT
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
        means[j] += (a - means[j]) >> mean_shift
        x = _kept(u[j], keep_u) + a - means[j] + drive
        x += 2 * top * ((x <= -top) - np.int64(x > top))
        voltage = min(max(_kept(v[j], keep_v) + x, 1 - top), top - 1)
        s[j] = voltage > threshold
        u[j] = x
        v[j] = 0 if s[j] else voltage
    return arrived


@numba.njit(nogil=True, cache=True)
def _hidden_third_factor(
    fb: np.ndarray, err: np.ndarray, psi: np.ndarray, gain: Integer, shift: Integer, y: np.ndarray
) -> Integer:
    """y = saturate((v_apical psi gain) >> shift), rounded; population 0 carries positive errors,
    the last one negative.
    """
    populations, classes, neurons = fb.shape
    saturated = 0
    for j in range(neurons):
        y[j] = 0
        if psi[j] == 0:
            continue
        apical = 0
        for c in range(classes):
            apical += fb[0 if err[c] > 0 else populations - 1, c, j] * err[c]
        product = (apical * psi[j] * gain + (1 << (shift - 1))) >> shift
        saturated += abs(product) > _TRACE
        y[j] = min(max(product, -_TRACE), _TRACE)
    return saturated


@numba.njit(nogil=True, cache=True)
def _output_third_factor(err: np.ndarray, gain: Integer, shift: Integer, y: np.ndarray) -> Integer:
    saturated = 0
    for c in range(err.shape[0]):
        product = (err[c] * gain + (1 << (shift - 1))) >> shift
        saturated += abs(product) > _TRACE
        y[c] = min(max(product, -_TRACE), _TRACE)
    return saturated
