"""Event-driven loops for maps on a CPU, backward: errors go down, and synapses learn.

    errors    g of a position, gated by psi, sends its channels' rows to the inputs of its kernel;
              channels with g = 0 cost nothing
    update    as in `event_driven`, with the trace on the error's side: a presynaptic spike adds the
              filtered errors of the positions that it reaches to the rows of its taps

Sizes and `Taps` as in `map_firing`; sums are taken in another order than by the connections'
products, so the last bits may differ.
"""

from __future__ import annotations

import numpy as np

from .compiled import compiled
from .event_driven import steps_inside
from .packed_spikes import WORD
from .patch_sums import add_line, blend_lines
from .row_sums import lowest_bit


@compiled
def gate_maps(g, psi, slopes, tails, alpha_a, samples):
    """Turn currents of errors in the apical dendrites into gated errors, in place.

    Args:
        g: float32 [n, T, P width]: v_apical[t] = alpha_a v_apical[t-1] + g[t], times the slope.
        psi, slopes, tails: as `fire_maps` filled them.
        alpha_a: float32, fraction of the apical voltage kept per step.
        samples: int32 [n].
    """
    zero = np.float32(0)
    count, steps, neurons = g.shape
    v_apical = np.empty(neurons, np.float32)
    for k in range(count):
        b = samples[k]
        v_apical[:] = zero
        for t in range(steps):
            at_step = g[k, t]
            if alpha_a != zero:
                for n in range(neurons):
                    v_apical[n] = alpha_a * v_apical[n] + at_step[n]
                    at_step[n] = v_apical[n]
            if tails:
                slope = slopes[b, t]
                for n in range(neurons):
                    at_step[n] *= slope[n]
            else:
                word = psi[t >> 5, b]
                bit = np.uint32(np.uint32(1) << np.uint32(t & 31))
                for n in range(neurons):
                    at_step[n] = at_step[n] if np.uint32(word[n] & bit) != np.uint32(0) else zero


@compiled
def back_maps(g, table, outputs, kernel, start, pixel, tap, length, below):
    """Send gated errors back through kernels: below[pixel] += sum of g w_fb over its positions.

    Args:
        g: float32 [n, T, P, width].
        table: float32 [kernel rows C kernel columns width below], feedback weights, thresholds.
        outputs: int64, C.
        kernel: int64, columns of a kernel.
        start: int32 [P + 1]; pixel, tap, length: int32 [all]: for each position, the lines of its
            kernel: first pixel, row kernel + column, and pixels.
        below: float32 [n, T, pixels, width below], overwritten.
    """
    count, steps, positions, _ = g.shape
    wide = below.shape[3]
    stride = kernel * wide
    picks = np.empty(outputs, np.int32)
    shares = np.empty(outputs, np.float32)
    for k in range(count):
        for t in range(steps):
            into = below[k, t].ravel()
            into[:] = np.float32(0)
            for p in range(positions):
                errors, active = g[k, t, p], 0
                for c in range(outputs):
                    picks[active] = c
                    shares[active] = errors[c]
                    active += errors[c] != np.float32(0)
                if active == 0:
                    continue
                for j in range(start[p], start[p + 1]):
                    row, column = tap[j] // kernel, tap[j] % kernel
                    first = row * outputs * stride + column * wide
                    at, floats = pixel[j] * wide, length[j] * wide
                    blend_lines(into, at, table, first, stride, picks, shares, active, floats)


@compiled
def learn_biases(g, alpha_x, alpha_z, db):
    """Filter gated errors from the last step to the first, in place, and add them to the biases'.

    Args:
        g: float32 [n, T, P, width], changed.
        alpha_x, alpha_z: float32, fractions of the presynaptic trace's two filters kept per step.
        db: float32 [width], changed, thresholds.
    """
    count, steps, positions, width = g.shape
    for k in range(count):
        _filter_back(g[k].reshape(steps, positions * width), alpha_x, alpha_z)
        errors = g[k].ravel()
        for row in range(steps * positions):
            add_line(db, 0, errors, row * width, width)


@compiled
def learn_maps(before, steps, g, taps, samples, dw):
    """Add the updates of samples: `rules.Eligibility`, not yet divided by steps and samples.

    Args:
        before: uint32 [W, B, M], presynaptic spikes.
        g: float32 [n, T, P, width], gated errors, filtered by `learn_biases`.
        taps: `Taps`.
        samples: int32 [n].
        dw: float32 [rows, width], changed, thresholds.
    """
    base, pixel, start, to, tap, length = taps
    words, _, inputs = before.shape
    positions, width = g.shape[2], g.shape[3]
    into = dw.ravel()
    for k in range(len(samples)):
        errors = g[k].ravel()
        for word in range(words):
            for i in range(inputs):
                train = before[word, samples[k], i]
                if train == np.uint32(0):
                    continue
                first, last = start[pixel[i]], start[pixel[i] + 1]
                while train != np.uint32(0):
                    step = (WORD * word + lowest_bit(train)) * positions
                    train = np.uint32(train & np.uint32(train - np.uint32(1)))
                    for j in range(first, last):
                        at, source = (base[i] + tap[j]) * width, (step + to[j]) * width
                        add_line(into, at, errors, source, length[j] * width)


@compiled
def weigh_steps(g, weights, samples, total):
    """Write the weighted sum over steps of gated errors.

    Args:
        g: float32 [n, T, P width].
        weights: float32 [T].
        samples: int32 [n].
        total: float32 [B, P width], filled for these samples.
    """
    for k in range(len(samples)):
        into = total[samples[k]]
        into[:] = np.float32(0)
        for t in range(g.shape[1]):
            for n in range(g.shape[2]):
                into[n] += weights[t] * g[k, t, n]


@compiled
def delay_spikes(s, steps, delayed):
    """Write the spikes of the step before each step; none before the first.

    Args:
        s, delayed: uint32 [W, B, N].
        steps: int64, T.
    """
    for word in range(s.shape[0]):
        inside = steps_inside(min(WORD, steps - WORD * word))
        for b in range(s.shape[1]):
            for n in range(s.shape[2]):
                carry = np.uint32(0) if word == 0 else np.uint32(s[word - 1, b, n] >> np.uint32(31))
                later = np.uint32(np.uint32(s[word, b, n] << np.uint32(1)) | carry)
                delayed[word, b, n] = np.uint32(later & inside)


@compiled
def filter_maps(s, alpha_x, alpha_z):
    """Turn spikes [n, T, m] into presynaptic traces, in place: `traces.trace_step`."""
    for k in range(len(s)):
        for alpha in (alpha_x, alpha_z):
            for t in range(1, s.shape[1]):
                before, at_step = s[k, t - 1], s[k, t]
                for n in range(s.shape[2]):
                    at_step[n] += alpha * before[n]


@compiled
def _filter_back(g, alpha_x, alpha_z):
    """Filter errors [T, n] from the last step to the first, in place."""
    for t in range(len(g) - 2, -1, -1):
        for n in range(g.shape[1]):
            g[t, n] += alpha_z * g[t + 1, n]
    if alpha_x != np.float32(0):
        for t in range(len(g) - 2, -1, -1):
            for n in range(g.shape[1]):
                g[t, n] += alpha_x * g[t + 1, n]
