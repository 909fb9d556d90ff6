"""Event-driven loops for maps on a CPU: a spike adds its kernel patch, an error its transposed one.

    forward   of a run of spikes, only the first and the step after the last change the currents
    errors    g of a position, gated by psi, sends its channels' rows to the inputs of its kernel;
              channels with g = 0 cost nothing
    update    as in `event_driven`, with the trace on the error's side: a presynaptic spike adds the
              filtered errors of the positions that it reaches to the rows of its taps

All mean what the connections' products mean; sums are taken in another order, so the last bits may
differ. A dense layer is a map of one position.

Sizes: T steps in W = ceil(T / 32) words, B samples. Before the synapses M neurons, channels first.
After them P positions of C channels, N = C P neurons; spikes are channels first, uint32 [W, B, N],
as all of BioGrad has them; currents, slopes and errors channels last, each position filled up to
`width` floats (`patch_sums.vectors`). `samples` are int32 numbers of samples in the batch.

`Taps` of a layer, int32: base, pixel [M], the first row of a neuron's channel in the table of
weights, and its pixel; start [pixels + 2], to, tap, length [all]: for each pixel, the lines that it
reaches: the first position, its row in the channel's table, and how many of both follow each other.
"""

from __future__ import annotations

import numba
import numpy as np

from .compiled import compiled
from .event_driven import _run_ends, _steps_inside
from .packed_spikes import WORD
from .patch_sums import add_line, blend_lines, take_line
from .row_sums import count_bits, lowest_bit

LIF_ROWS = 5  # rows of scratch memory, each [P, width]: three of currents, u and v


@compiled
def fire_maps(
    before, steps, w_t, bias, taps, w_rec, constants, tails, s, psi, slopes, samples, scratch
):
    """Roll samples through one layer, from rest: spikes and surrogate slopes.

    Args:
        before: uint32 [W, B, M], presynaptic spikes.
        steps: int64, T.
        w_t: float32 [rows, width], weights, thresholds per spike; zeros from channel C on.
        bias: float32 [width], thresholds per step; likewise.
        taps: `Taps`.
        w_rec: float32 [N, width], weights from the layer's own spikes of the step before, of a
            single position; no rows where it is not recurrent.
        constants: float32 [6], see `_advance`.
        tails: bool, slopes of an arctangent, into `slopes`; else rectangular, into `psi`.
        s: uint32 [W, B, N], filled.
        psi: uint32 [W, B, P width], filled where not `tails`.
        slopes: float32 [B, T, P width], filled where `tails`.
        scratch: float32 [LIF_ROWS, P, width], overwritten.
    """
    words, _, inputs = before.shape
    length = min(WORD, steps)
    begins = np.empty((length, inputs), np.int32)
    ends = np.empty((length, inputs), np.int32)
    spikes = np.empty((length, inputs), np.int32)
    counts = np.empty((3, length), np.int64)
    lasting, momentary = scratch[0], scratch[1]
    u, v, own = scratch[2].ravel(), scratch[3].ravel(), scratch[4].ravel()
    bits = np.empty(len(u), np.uint32)
    recurrent, loops = len(w_rec), w_rec.ravel()
    for b in samples:
        scratch[2:] = np.float32(0)
        for word in range(words):
            length = min(WORD, steps - WORD * word)
            _list_events(before[word, b], _steps_inside(length), begins, ends, spikes, counts)
            lasting[:] = bias
            bits[:] = np.uint32(0)
            slope = psi[word, b]
            slope[:] = np.uint32(0)
            for t in range(length):
                _add_patches(lasting, w_t, taps, begins[t], counts[0, t])
                _take_patches(lasting, w_t, taps, ends[t], counts[1, t])
                if counts[2, t] or recurrent:
                    momentary[:] = lasting
                    _add_patches(momentary, w_t, taps, spikes[t], counts[2, t])
                    current = momentary.ravel()
                else:
                    current = lasting.ravel()
                if recurrent:
                    add_line(current, 0, own, 0, len(own))
                _advance(current, u, v, constants, np.uint32(t), bits)
                if recurrent:
                    own[:] = np.float32(0)
                    for n in range(recurrent):
                        if np.uint32(bits[n] >> np.uint32(t)) & np.uint32(1):
                            add_line(own, 0, loops, n * len(own), len(own))
                if tails:
                    _arctangent(v, constants[5], slopes[b, WORD * word + t])
                else:
                    _rectangle(v, constants[5], np.uint32(t), slope)
            _channels_first(bits, bias, s[word, b])


@compiled
def fire_currents(current, steps, constants, tails, width, s, psi, slopes, samples, scratch):
    """Roll samples through one layer on given currents, from rest: spikes and slopes.

    Args:
        current: float32 [n, T, P width], thresholds per step; or [n, 1, P width], the same at every
            step.
        width: float32 [width], of any content.
    The others are those of `fire_maps`.
    """
    u, v = scratch[2].ravel(), scratch[3].ravel()
    bits = np.empty(len(u), np.uint32)
    for k in range(len(samples)):
        b = samples[k]
        scratch[2:] = np.float32(0)
        for word in range(s.shape[0]):
            bits[:] = np.uint32(0)
            slope = psi[word, b]
            slope[:] = np.uint32(0)
            for t in range(min(WORD, steps - WORD * word)):
                step = WORD * word + t
                at_step = current[k, step if current.shape[1] > 1 else 0]
                _advance(at_step, u, v, constants, np.uint32(t), bits)
                if tails:
                    _arctangent(v, constants[5], slopes[b, step])
                else:
                    _rectangle(v, constants[5], np.uint32(t), slope)
            _channels_first(bits, width, s[word, b])


@compiled
def unpack_maps(words, samples, s):
    """Unpack spikes of maps.

    Args:
        words: uint32 [W, B, channels pixels].
        samples: int32 [n].
        s: float32 [n, T, pixels, channels], filled: 0. and 1.
    """
    _, steps, pixels, channels = s.shape
    last = np.empty(pixels * channels, np.uint32)
    for k in range(len(samples)):
        for t in range(steps):
            if t % WORD == 0:
                trains = words[t // WORD, samples[k]]
                for q in range(pixels):
                    for c in range(channels):
                        last[q * channels + c] = trains[c * pixels + q]
            place, into = np.uint32(t % WORD), s[k, t].ravel()
            for n in range(len(last)):
                into[n] = np.float32(np.uint32(np.uint32(last[n] >> place) & np.uint32(1)))


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
def drive_maps(before, steps, w_t, bias, taps, current, samples, scratch):
    """Write the currents of one layer, float32 [T, B, width], for a single position.

    The others are those of `fire_maps`.
    """
    words, _, inputs = before.shape
    length = min(WORD, steps)
    begins = np.empty((length, inputs), np.int32)
    ends = np.empty((length, inputs), np.int32)
    spikes = np.empty((length, inputs), np.int32)
    counts = np.empty((3, length), np.int64)
    lasting, momentary = scratch[0], scratch[1]
    for b in samples:
        for word in range(words):
            length = min(WORD, steps - WORD * word)
            _list_events(before[word, b], _steps_inside(length), begins, ends, spikes, counts)
            lasting[:] = bias
            for t in range(length):
                _add_patches(lasting, w_t, taps, begins[t], counts[0, t])
                _take_patches(lasting, w_t, taps, ends[t], counts[1, t])
                momentary[:] = lasting
                _add_patches(momentary, w_t, taps, spikes[t], counts[2, t])
                current[WORD * word + t, b] = momentary[0]


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
        inside = _steps_inside(min(WORD, steps - WORD * word))
        for b in range(s.shape[1]):
            for n in range(s.shape[2]):
                carry = np.uint32(0) if word == 0 else np.uint32(s[word - 1, b, n] >> np.uint32(31))
                later = np.uint32(np.uint32(s[word, b, n] << np.uint32(1)) | carry)
                delayed[word, b, n] = np.uint32(later & inside)


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


@compiled
def _list_events(trains, inside, begins, ends, spikes, counts):
    """List, for each step of a word, the neurons whose run of spikes begins, or has ended, and
    those that spike on their own.

    Args:
        trains: uint32 [M], spikes of one word.
        inside: uint32, the word's steps.
        begins, ends, spikes: int32 [32, M], changed; counts: int64 [3, 32], filled: entries.
    """
    counts[:] = 0
    for i in range(len(trains)):
        train = trains[i]
        if train == np.uint32(0):
            continue
        begin, end = _run_ends(train, inside)
        if count_bits(begin) + count_bits(end) < count_bits(train):
            while begin != np.uint32(0):
                t = lowest_bit(begin)
                begins[t, counts[0, t]] = i
                counts[0, t] += 1
                begin = np.uint32(begin & np.uint32(begin - np.uint32(1)))
            while end != np.uint32(0):
                t = lowest_bit(end)
                ends[t, counts[1, t]] = i
                counts[1, t] += 1
                end = np.uint32(end & np.uint32(end - np.uint32(1)))
        else:
            while train != np.uint32(0):
                t = lowest_bit(train)
                spikes[t, counts[2, t]] = i
                counts[2, t] += 1
                train = np.uint32(train & np.uint32(train - np.uint32(1)))


@numba.njit(nogil=True)
def _add_patches(current, w_t, taps, neurons, count):
    """Add the patches of some neurons' spikes to currents [P, width]."""
    base, pixel, start, to, tap, length = taps
    width = current.shape[1]
    total, table = current.ravel(), w_t.ravel()
    for k in range(count):
        i = neurons[k]
        for j in range(start[pixel[i]], start[pixel[i] + 1]):
            source = (base[i] + tap[j]) * width
            add_line(total, to[j] * width, table, source, length[j] * width)


@numba.njit(nogil=True)
def _take_patches(current, w_t, taps, neurons, count):
    """Take the patches of some neurons' spikes off currents [P, width]."""
    base, pixel, start, to, tap, length = taps
    width = current.shape[1]
    total, table = current.ravel(), w_t.ravel()
    for k in range(count):
        i = neurons[k]
        for j in range(start[pixel[i]], start[pixel[i] + 1]):
            source = (base[i] + tap[j]) * width
            take_line(total, to[j] * width, table, source, length[j] * width)


@numba.njit(nogil=True)
def _advance(current, u, v, constants, t, bits):
    """Advance somata by one step: `neurons.soma_step`; v stays as it was before its reset.

    Args:
        current: float32 [n], thresholds per step; u, v: float32 [n], changed.
        constants: alpha_u, alpha_v; zero, subtract, late, 1 for the kind of reset, else 0; window.
        t: uint32, step of the word; bits: uint32 [n], changed: spikes.
    """
    alpha_u, alpha_v, zero, subtract, late = constants[:5]
    one, none = np.float32(1), np.float32(0)
    bit = np.uint32(np.uint32(1) << t)
    for n in range(len(u)):
        u[n] = alpha_u * u[n] + current[n]
        before = v[n]
        fired = one if before > one else none
        kept = alpha_v * (before - fired * (zero * before + subtract)) - late * fired
        voltage = kept + u[n]
        v[n] = voltage
        bits[n] = np.uint32(bits[n] | (bit if voltage > one else np.uint32(0)))


@numba.njit(nogil=True)
def _rectangle(v, window, t, slope):
    """Set bit t of slopes, uint32 [n], where |v - 1| < window."""
    bit = np.uint32(np.uint32(1) << t)
    for n in range(len(v)):
        near = abs(v[n] - np.float32(1)) < window
        slope[n] = np.uint32(slope[n] | (bit if near else np.uint32(0)))


@numba.njit(nogil=True)
def _arctangent(v, window, slope):
    """Write slopes with tails, float32 [n]: `neurons.surrogate_slope`."""
    one = np.float32(1)
    for n in range(len(v)):
        far = (v[n] - one) / window
        slope[n] = one / (one + far * far)


@numba.njit(nogil=True)
def _channels_first(bits, row, s):
    """Copy words [P, width], of which `row` is one, to [C, P]."""
    width = len(row)
    positions = len(bits) // width
    for c in range(len(s) // positions):
        for p in range(positions):
            s[c * positions + p] = bits[p * width + c]


@compiled
def pool_spikes(before, pool_of, pooled, samples):
    """Pool spikes by maximum: "any fired".

    Args:
        before: uint32 [W, B, channels pixels].
        pool_of: int32 [pixels], pooled pixel of each; -1 for none.
        pooled: uint32 [W, B, channels pooled pixels], filled for these samples.
    """
    pixels = len(pool_of)
    channels = before.shape[2] // pixels
    size = pooled.shape[2] // channels
    for word in range(before.shape[0]):
        for b in samples:
            into, trains = pooled[word, b], before[word, b]
            into[:] = np.uint32(0)
            for c in range(channels):
                for q in range(pixels):
                    if pool_of[q] >= 0:
                        into[c * size + pool_of[q]] |= trains[c * pixels + q]


@compiled
def spread_maps(below, pool_of, maximum, before, pooled, g, samples):
    """Send errors of pooled pixels back to the pixels of their windows: to all of them alike, or
    to the maximum alone, the first of several.

    Args:
        below: float32 [n, T, pooled pixels, width].
        pool_of: int32 [pixels].
        maximum: bool; else `before` and `pooled` are not read.
        before, pooled: as in `pool_spikes`.
        g: float32 [n, T, pixels, width], filled.
        samples: int32 [n].
    """
    pixels, width = g.shape[2], g.shape[3]
    size, channels = below.shape[2], before.shape[2] // pixels
    none = np.uint32(0)
    routes = np.empty((pixels, width), np.uint32)  # steps at which a neuron takes its error
    rest = np.empty(size * channels, np.uint32)  # steps whose error has not been taken
    quiet = np.empty(size * channels, np.bool_)  # no pixel of the window has been met
    for k in range(len(samples)):
        for t in range(g.shape[1]):
            if maximum and t % WORD == 0:
                word = t // WORD
                routes[:] = none
                rest[:] = np.uint32(0xFFFFFFFF)
                quiet[:] = True
                for c in range(channels):
                    for q in range(pixels):
                        if pool_of[q] < 0:
                            continue
                        window = c * size + pool_of[q]
                        fired = before[word, samples[k], c * pixels + q]
                        taken = np.uint32(fired & rest[window])
                        rest[window] = np.uint32(rest[window] & ~fired)
                        if quiet[window]:  # the first pixel takes the error of a silent window
                            taken = np.uint32(taken | ~pooled[word, samples[k], window])
                            quiet[window] = False
                        routes[q, c] = taken
            bit = np.uint32(np.uint32(1) << np.uint32(t % WORD))
            for q in range(pixels):
                into = g[k, t, q]
                if pool_of[q] < 0:
                    into[:] = np.float32(0)
                    continue
                errors, route = below[k, t, pool_of[q]], routes[q]
                for n in range(width):
                    passes = not maximum or np.uint32(route[n] & bit) != none
                    into[n] = errors[n] if passes else np.float32(0)
