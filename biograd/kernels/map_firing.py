"""Event-driven loops for maps on a CPU, forward: a spike adds its kernel patch.

Of a run of spikes, only the first and the step after the last change the currents. All mean what
the connections' products mean; sums are taken in another order, so the last bits may differ. A
dense layer is a map of one position.

Sizes: T steps in W = ceil(T / 32) words, B samples. Before the synapses M neurons, channels first.
After them P positions of C channels, N = C P neurons; a pool of the currents leaves Q positions
(`map_pools`), of which there are P where there is none. Spikes are channels first, uint32 [W, B,
N], as all of BioGrad has them; currents, slopes and errors channels last, each position filled up
to `width` floats (`patch_sums.vectors`). `samples` are int32 numbers of samples in the batch.

`Taps` of a layer, int32: base, pixel [M], the first row of a neuron's channel in the table of
weights, and its pixel; start [pixels + 2], to, tap, length [all]: for each pixel, the lines that it
reaches: the first position, its row in the channel's table, and how many of both follow each other.
"""

from __future__ import annotations

import numba
import numpy as np

from .compiled import compiled
from .event_driven import run_ends, steps_inside
from .map_pools import pool_currents
from .packed_spikes import WORD
from .patch_sums import add_line, take_line
from .row_sums import LANES, add_rows, count_bits, lowest_bit, take_rows

LIF_ROWS = 5  # rows of scratch memory, each [P, width]: of currents, u, v and loops


@compiled
def fire_maps(
    before, steps, w_t, bias, taps, w_rec, pool, constants, tails, s, psi, slopes, samples, scratch
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
        pool: windows, share and tie (`map_pools`), and uint8 routes [B, T, Q width], filled; of one
            sample and step where they are not wanted.
        constants: float32 [6], see `_advance`; a window of 0: no slopes.
        tails: bool, slopes of an arctangent, into `slopes`; else rectangular, into `psi`.
        s: uint32 [W, B, N], filled.
        psi: uint32 [W, B, Q width], filled where not `tails`.
        slopes: float32 [B, T, Q width], filled where `tails`.
        scratch: float32 [LIF_ROWS, P, width], overwritten.
    """
    words, _, inputs = before.shape
    lists = np.empty((3, min(WORD, steps), inputs), np.int32)
    counts = np.empty((3, min(WORD, steps)), np.int64)
    lasting, momentary = scratch[0], scratch[1]
    size = psi.shape[2]
    u, v, own = scratch[2].ravel()[:size], scratch[3].ravel()[:size], scratch[4].ravel()[:size]
    bits, pooled = np.empty(size, np.uint32), np.empty(size, np.float32)
    recurrent, loops = len(w_rec), w_rec.ravel()
    windows, share, tie, routes = pool
    # a dense layer: one row per neuron before it, and sums that stay in registers
    rows = len(lasting) == 1 and len(w_t) == inputs and len(bias) % LANES == 0
    for b in samples:
        scratch[2:] = np.float32(0)
        for word in range(words):
            length = min(WORD, steps - WORD * word)
            _list_events(before[word, b], steps_inside(length), lists, counts)
            lasting[:] = bias
            bits[:] = np.uint32(0)
            slope = psi[word, b]
            slope[:] = np.uint32(0)
            for t in range(length):
                if rows:
                    add_rows(lasting, 0, w_t, lists[0], t, counts[0, t])
                    take_rows(lasting, 0, w_t, lists[1], t, counts[1, t])
                else:
                    _add_patches(lasting, w_t, taps, lists[0, t], counts[0, t])
                    _take_patches(lasting, w_t, taps, lists[1, t], counts[1, t])
                if counts[2, t] or recurrent:
                    momentary[:] = lasting
                    if rows:
                        add_rows(momentary, 0, w_t, lists[2], t, counts[2, t])
                    else:
                        _add_patches(momentary, w_t, taps, lists[2, t], counts[2, t])
                    current = momentary.ravel()
                else:
                    current = lasting.ravel()
                if len(windows):
                    route = routes[b % len(routes), (WORD * word + t) % routes.shape[1]]
                    pool_currents(current, windows, share, tie, pooled, route)
                    current = pooled
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
                elif constants[5] > np.float32(0):
                    _rectangle(v, constants[5], np.uint32(t), slope)
            _channels_first(bits, len(bias), s[word, b])


@compiled
def fire_currents(current, steps, pool, constants, tails, width, s, psi, slopes, samples, scratch):
    """Roll samples through one layer on given currents, from rest: spikes and slopes.

    Args:
        current: float32 [n, T, P width], thresholds per step; or [n, 1, P width], the same at every
            step.
        width: int64.
    The others are those of `fire_maps`.
    """
    size = psi.shape[2]
    u, v = scratch[2].ravel()[:size], scratch[3].ravel()[:size]
    bits, pooled = np.empty(size, np.uint32), np.empty(size, np.float32)
    windows, share, tie, routes = pool
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
                if len(windows):
                    if step == 0 or current.shape[1] > 1:
                        route = routes[b % len(routes), step % routes.shape[1]]
                        pool_currents(at_step, windows, share, tie, pooled, route)
                    at_step = pooled
                _advance(at_step, u, v, constants, np.uint32(t), bits)
                if tails:
                    _arctangent(v, constants[5], slopes[b, step])
                elif constants[5] > np.float32(0):
                    _rectangle(v, constants[5], np.uint32(t), slope)
            _channels_first(bits, width, s[word, b])


@compiled
def drive_maps(before, steps, w_t, bias, taps, current, samples, scratch):
    """Write the currents of one layer, float32 [T, B, width], for a single position.

    The others are those of `fire_maps`.
    """
    words, _, inputs = before.shape
    lists = np.empty((3, min(WORD, steps), inputs), np.int32)
    counts = np.empty((3, min(WORD, steps)), np.int64)
    lasting, momentary = scratch[0], scratch[1]
    for b in samples:
        for word in range(words):
            length = min(WORD, steps - WORD * word)
            _list_events(before[word, b], steps_inside(length), lists, counts)
            lasting[:] = bias
            for t in range(length):
                _add_patches(lasting, w_t, taps, lists[0, t], counts[0, t])
                _take_patches(lasting, w_t, taps, lists[1, t], counts[1, t])
                momentary[:] = lasting
                _add_patches(momentary, w_t, taps, lists[2, t], counts[2, t])
                current[WORD * word + t, b] = momentary[0]


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
def _list_events(trains, inside, lists, counts):
    """List, for each step of a word, the neurons whose run of spikes begins, whose run has ended,
    and that spike on their own.

    Args:
        trains: uint32 [M], spikes of one word.
        inside: uint32, the word's steps.
        lists: int32 [3, 32, M], changed; counts: int64 [3, 32], filled: entries.
    """
    counts[:] = 0
    for i in range(len(trains)):
        train = trains[i]
        if train == np.uint32(0):
            continue
        begin, end = run_ends(train, inside)
        if count_bits(begin) + count_bits(end) < count_bits(train):
            _append(begin, i, lists, counts, 0)
            _append(end, i, lists, counts, 1)
        else:
            _append(train, i, lists, counts, 2)


# inlined: a call with arrays takes as long as several spikes
@numba.njit(inline="always")
def _append(train, neuron, lists, counts, kind):
    """Append a neuron to the list of each step at which a bit of `train`, uint32, is set."""
    while train != np.uint32(0):
        t = lowest_bit(train)
        lists[kind, t, counts[kind, t]] = neuron
        counts[kind, t] += 1
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
def _channels_first(bits, width, s):
    """Copy words, uint32 [P width], to s, [C P]."""
    positions = len(bits) // width
    for c in range(len(s) // positions):
        for p in range(positions):
            s[c * positions + p] = bits[p * width + c]
