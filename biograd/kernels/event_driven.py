"""Event-driven loops for a CPU: they compute nothing where no spike arrives and no error is made.

    forward   a spike adds its neuron's row of weights to the current; of a run of spikes, only the
              first and the step after the last change the current
    update    dw = sum over t of g(t) z(t)^T is rewritten with the trace on the other side: with
              z(t) = sum over t' of k(t - t') s(t'),

                  dw = sum over t' of G(t') s(t')^T,   G(t') = sum over t >= t' of k(t - t') g(t)

              so that a presynaptic spike adds one row to dw, and a sample without errors adds
              nothing and is skipped; G is called `filtered_error`

Both mean what `Network.step` and the rules' steps mean; sums are taken in another order, so the
last bits may differ (tests/sim/kernels/test_event_driven.py). They serve the two-compartment LIF in
float32 with the rules of this package; anything else takes the general path (`LocalLearner`).

Sizes: T steps in W = ceil(T / 32) words, B samples, C classes. Spikes and slopes are packed: bit
t % 32 of word t // 32 (`packed_spikes`). Arrays are contiguous; `width` is `row_sums.padded(out)`.
"""

from __future__ import annotations

import numba
import numpy as np

from . import lif
from .compiled import compiled
from .packed_spikes import WORD
from .row_sums import add_rows, count_bits, lowest_bit, take_rows

# Rows of scratch memory, each as wide as the layer; learning needs one more per step. The memory
# comes from torch, which aligns it to cache lines: unaligned rows take a third longer to add up.
FIRE_ROWS, LEARN_ROWS = 4, 2 * WORD + 3


@compiled
def fire_samples(before, steps, w_t, bias, alpha_u, alpha_v, window, s, psi, first, last, scratch):
    """Roll samples first .. last - 1 through one layer, from rest: spikes and surrogate slopes.

    Args:
        before: uint32 [W, B, in], presynaptic spikes.
        steps: int64, T.
        w_t: float32 [in, width], weights, thresholds per spike; zeros from column `out` on.
        bias: float32 [width], thresholds per step; zeros from `out` on.
        alpha_u, alpha_v: float32, fractions of current and voltage kept per step.
        window: float32, thresholds: the slope is 1 where |v - 1| is below it.
        s, psi: uint32 [W, B, out], filled: spikes and slopes.
        first, last: int64.
        scratch: float32 [FIRE_ROWS, width], overwritten.
    """
    words, _, inputs = before.shape
    out, width = s.shape[2], w_t.shape[1]
    zero, none = np.float32(0), np.uint32(0)
    current = scratch
    # Row 0: bias and runs of spikes, which last from step to step. Row 1: with the spikes of this
    # step alone.
    lasting, momentary = current[0], current[1]
    u, v = scratch[2], scratch[3]
    # Of each step of a word: neurons whose run of spikes begins, whose run has ended, and which
    # spike on their own.
    begins = np.empty((WORD, inputs), np.int32)
    ends = np.empty((WORD, inputs), np.int32)
    spikes = np.empty((WORD, inputs), np.int32)
    n_begins, n_ends, n_spikes = (
        np.empty(WORD, np.int64),
        np.empty(WORD, np.int64),
        np.empty(WORD, np.int64),
    )
    for b in range(first, last):
        u[:] = zero
        v[:] = zero
        for word in range(words):
            length = min(WORD, steps - WORD * word)
            inside = steps_inside(length)
            n_begins[:] = 0
            n_ends[:] = 0
            n_spikes[:] = 0
            for i in range(inputs):
                train = before[word, b, i]
                if train == none:
                    continue
                begin, end = run_ends(train, inside)
                if count_bits(begin) + count_bits(end) < count_bits(train):
                    _list_steps(begin, i, begins, n_begins)
                    _list_steps(end, i, ends, n_ends)
                else:
                    _list_steps(train, i, spikes, n_spikes)
            fired, slope = s[word, b], psi[word, b]
            fired[:] = none
            slope[:] = none
            for n in range(width):
                lasting[n] = bias[n]
            for t in range(length):
                add_rows(current, 0, w_t, begins, t, n_begins[t])
                take_rows(current, 0, w_t, ends, t, n_ends[t])
                for n in range(width):
                    momentary[n] = lasting[n]
                add_rows(current, 1, w_t, spikes, t, n_spikes[t])
                bit = np.uint32(np.uint32(1) << np.uint32(t))
                for n in range(out):
                    u[n], voltage, spike = lif.advance(u[n], v[n], momentary[n], alpha_u, alpha_v)
                    v[n] = zero if spike else voltage
                    fired[n] = np.uint32(fired[n] | (bit if spike else none))
                    near = abs(voltage - np.float32(1)) < window
                    slope[n] = np.uint32(slope[n] | (bit if near else none))


@compiled
def learn_samples(
    before, err, w_fb, psi, column, out, alpha_a, alpha_x, alpha_z, first, last, dw, db, scratch
):
    """Sum the updates of samples first .. last - 1 for neurons column .. column + out - 1 of a
    layer: `rules.Eligibility`, not yet divided by steps and samples.

    Args:
        before: uint32 [W, B, in], presynaptic spikes.
        err: float32 [T, B, C], spikes of the error neurons.
        w_fb: float32 [C, width], feedback weights onto these neurons, thresholds; zeros from column
            `out` on.
        psi: uint32 [W, B, N], slopes of the whole layer.
        column, out: int64.
        alpha_a: float32, fraction of the apical voltage kept per step.
        alpha_x, alpha_z: float32, fractions of the presynaptic trace's two filters kept per step.
        first, last: int64.
        dw: float32 [in, width], overwritten, thresholds; meaningless from column `out` on.
        db: float32 [width], overwritten, thresholds; likewise.
        scratch: float32 [LEARN_ROWS + T, width], overwritten.
    """
    words, _, inputs = before.shape
    steps = err.shape[0]
    dw[:] = np.float32(0)
    db[:] = np.float32(0)
    zero, none = np.float32(0), np.uint32(0)
    # Of one word: G of each step; behind them the sums of G from each step on, so that a run of
    # spikes takes the difference of two.
    filtered_error = scratch[: 2 * WORD + 1]
    x, z = scratch[2 * WORD + 1], scratch[2 * WORD + 2]
    v_apical = scratch[2 * WORD + 3 :]  # [T, width]
    filtered_error[:] = zero
    picks = np.empty((1, WORD), np.int32)
    for b in range(first, last):
        if not _has_error(err, b):
            continue
        _apical_voltages(err, b, w_fb, alpha_a, v_apical)
        x[:] = zero
        z[:] = zero
        for word in range(words - 1, -1, -1):
            length = min(WORD, steps - WORD * word)
            inside = steps_inside(length)
            filtered_error[WORD + length, :] = zero
            slope = psi[word, b, column : column + out]
            for t in range(length - 1, -1, -1):
                bit = np.uint32(np.uint32(1) << np.uint32(t))
                voltage, at_step = v_apical[WORD * word + t], filtered_error[t]
                from_step, from_next = filtered_error[WORD + t], filtered_error[WORD + t + 1]
                for n in range(out):
                    g = voltage[n] if np.uint32(slope[n] & bit) != none else zero
                    zn = alpha_z * z[n] + g
                    xn = alpha_x * x[n] + zn
                    z[n] = zn
                    x[n] = xn
                    at_step[n] = xn
                    from_step[n] = from_next[n] + xn
                    db[n] += xn
            for i in range(inputs):
                train = before[word, b, i]
                if train == none:
                    continue
                begin, end = run_ends(train, inside)
                if count_bits(begin) + count_bits(end) < count_bits(train):
                    add_rows(dw, i, filtered_error, picks, 0, _pick_steps(begin, WORD, picks))
                    take_rows(dw, i, filtered_error, picks, 0, _pick_steps(end, WORD, picks))
                else:
                    add_rows(dw, i, filtered_error, picks, 0, _pick_steps(train, 0, picks))


@compiled
def gate_samples(err, w_fb, psi, alpha_a, share, first, last, g):
    """Fill g with `share` times the sum over steps of v_apical psi, for samples first .. last - 1.

    Args:
        err: float32 [T, B, C], spikes of the error neurons.
        w_fb: float32 [C, N], feedback weights, thresholds.
        psi: uint32 [W, B, N], slopes.
        alpha_a: float32, fraction of the apical voltage kept per step.
        share: float32, 1.
        first, last: int64.
        g: float32 [B, N], thresholds.
    """
    steps = err.shape[0]
    out = g.shape[1]
    v_apical = np.empty((steps, out), np.float32)
    for b in range(first, last):
        total = g[b]
        total[:] = np.float32(0)
        if not _has_error(err, b):
            continue
        _apical_voltages(err, b, w_fb, alpha_a, v_apical)
        for t in range(steps):
            slope, voltage = psi[t >> 5, b], v_apical[t]
            bit = np.uint32(np.uint32(1) << np.uint32(t & 31))
            for n in range(out):
                gated = np.uint32(slope[n] & bit) != np.uint32(0)
                total[n] += voltage[n] if gated else np.float32(0)
        for n in range(out):
            total[n] *= share


@numba.njit(inline="always")
def steps_inside(length):
    """Return a word with the lowest `length` bits set, 1 <= length <= 32."""
    return np.uint32(np.uint32(0xFFFFFFFF) >> np.uint32(WORD - length))


@numba.njit(inline="always")
def run_ends(train, inside):
    """Return the first step of each run of spikes, and the step after its last, as words."""
    later = np.uint32(train << np.uint32(1))
    return np.uint32(train & ~later), np.uint32(later & ~train & inside)


@compiled
def _list_steps(train, neuron, lists, counts):
    """Append a neuron to the list of each step at which it spikes.

    Args:
        train: uint32, spikes of one word.
        neuron: int64.
        lists: int32 [32, neurons]; counts: int64 [32], entries of each list. Both changed.
    """
    while train != np.uint32(0):
        t = lowest_bit(train)
        lists[t, counts[t]] = neuron
        counts[t] += 1
        train = np.uint32(train & np.uint32(train - np.uint32(1)))


@compiled
def _pick_steps(train, offset, picks):
    """Write offset + t into picks for each step t with a spike; return how many.

    Args:
        train: uint32, spikes of one word.
        offset: int64.
        picks: int32 [1, 32], changed.
    """
    count = 0
    while train != np.uint32(0):
        picks[0, count] = lowest_bit(train) + offset
        count += 1
        train = np.uint32(train & np.uint32(train - np.uint32(1)))
    return count


@compiled
def _has_error(err, b):
    """Return whether any error neuron spikes in sample b; err: float32 [T, B, C]."""
    for t in range(err.shape[0]):
        for c in range(err.shape[2]):
            if err[t, b, c] != np.float32(0):
                return True
    return False


@compiled
def _apical_voltages(err, b, w_fb, alpha_a, v_apical):
    """Fill v_apical[t] = alpha_a v_apical[t-1] + w_fb err[t] of sample b, from rest.

    Args:
        err: float32 [T, B, C]; w_fb: float32 [C, width], thresholds.
        alpha_a: float32, fraction kept per step.
        v_apical: float32 [T, width], filled, thresholds.
    """
    steps, _, classes = err.shape
    width = w_fb.shape[1]
    for t in range(steps):
        voltage = v_apical[t]
        if t > 0 and alpha_a != np.float32(0):
            previous = v_apical[t - 1]
            for n in range(width):
                voltage[n] = alpha_a * previous[n]
        else:
            voltage[:] = np.float32(0)
        for c in range(classes):
            e = err[t, b, c]
            if e != np.float32(0):
                weights = w_fb[c]
                for n in range(width):
                    voltage[n] += e * weights[n]
