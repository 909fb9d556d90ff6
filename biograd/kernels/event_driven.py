"""The fast way on a CPU: nothing is computed where no spike arrives and no error is made.

    forward   a spike adds its neuron's row of weights to the current; of a run of spikes only its two ends are added and taken away
    update    dw = sum over t of g(t) z(t)^T is rewritten with the trace on the other side: with z(t) = sum over t' of k(t - t') s(t'),

                  dw = sum over t' of G(t') s(t')^T,   G(t') = sum over t >= t' of k(t - t') g(t)

              so that a presynaptic spike adds one row to dw, and a sample without errors adds
              nothing and is skipped

Both mean what `Network.step` and the rule's steps mean; sums are taken in another order, so the
last bits may differ (tests/sim/kernels/test_event_driven.py). It serves the two-compartment LIF in
float32 with the rules of this package; anything else takes the general way (`LocalLearner`).
"""

from __future__ import annotations

import numba
import numpy as np

from .packed_spikes import WORD
from .row_sums import add_rows, count_bits, lowest_bit, take_rows

# Rows of scratch memory, each as wide as the layer; learning needs one more per step. The memory
# comes from torch, which aligns it to cache lines: unaligned rows take a third longer to add up.
FIRE_ROWS, LEARN_ROWS = 4, 2 * WORD + 3


@numba.njit(cache=True, nogil=True)
def fire_samples(before, steps, w, bias, alpha_u, alpha_v, window, s, psi, first, last, scratch):
    """`fire`, of samples first .. last - 1."""
    words, _, inputs = before.shape
    out, width = s.shape[2], w.shape[1]
    one, zero, none = np.float32(1), np.float32(0), np.uint32(0)
    current = scratch
    # bias and runs of spikes, from step to step; and with the spikes of this step
    lasting, momentary = current[0], current[1]
    u, v = scratch[2], scratch[3]
    begin, end, now = (
        np.empty((WORD, inputs), np.int32),
        np.empty((WORD, inputs), np.int32),
        np.empty((WORD, inputs), np.int32),
    )
    n_begin, n_end, n_now = (
        np.empty(WORD, np.int64),
        np.empty(WORD, np.int64),
        np.empty(WORD, np.int64),
    )
    for b in range(first, last):
        u[:] = zero
        v[:] = zero
        for word in range(words):
            length = min(WORD, steps - WORD * word)
            inside = np.uint32(np.uint32(0xFFFFFFFF) >> np.uint32(WORD - length))
            n_begin[:] = 0
            n_end[:] = 0
            n_now[:] = 0
            for i in range(inputs):
                train = before[word, b, i]
                if train == none:
                    continue
                later = np.uint32(train << np.uint32(1))
                begun, past = np.uint32(train & ~later), np.uint32(later & ~train & inside)
                if count_bits(begun) + count_bits(past) < count_bits(train):
                    _list(begun, i, begin, n_begin)
                    _list(past, i, end, n_end)
                else:
                    _list(train, i, now, n_now)
            fired, slope = s[word, b], psi[word, b]
            fired[:] = none
            slope[:] = none
            for n in range(width):
                lasting[n] = bias[n]
            for t in range(length):
                add_rows(current, 0, w, begin, t, n_begin[t])
                take_rows(current, 0, w, end, t, n_end[t])
                for n in range(width):
                    momentary[n] = lasting[n]
                add_rows(current, 1, w, now, t, n_now[t])
                bit = np.uint32(np.uint32(1) << np.uint32(t))
                for n in range(out):
                    un = alpha_u * u[n] + momentary[n]
                    vn = alpha_v * v[n] + un
                    spike = vn > one
                    u[n] = un
                    v[n] = zero if spike else vn
                    fired[n] = np.uint32(fired[n] | (bit if spike else none))
                    slope[n] = np.uint32(slope[n] | (bit if abs(vn - one) < window else none))


@numba.njit(cache=True, nogil=True)
def _list(train, i, lists, counts):
    while train != np.uint32(0):
        t = lowest_bit(train)
        lists[t, counts[t]] = i
        counts[t] += 1
        train = np.uint32(train & np.uint32(train - np.uint32(1)))


@numba.njit(cache=True, nogil=True)
def learn_samples(
    before, err, teach, psi, column, out, alpha_a, alpha_x, alpha_z, first, last, dw, db, scratch
):
    """The sums of `learn`, turned, of samples first .. last - 1 and neurons column .. column + out
    - 1.
    """
    words, _, inputs = before.shape
    steps = err.shape[0]
    dw[:] = np.float32(0)
    db[:] = np.float32(0)
    zero, none = np.float32(0), np.uint32(0)
    g = scratch[2 * WORD + 3 :]  # [T, width]: v_apical, then gated by psi
    # of one word: G of each step; behind them, G summed from each step on
    owed = scratch[: 2 * WORD + 1]
    x, z = scratch[2 * WORD + 1], scratch[2 * WORD + 2]
    owed[:] = zero
    picks = np.empty((1, WORD), np.int32)
    for b in range(first, last):
        if not _errs(err, b):
            continue
        _listen(err, b, teach, alpha_a, g)
        x[:] = zero
        z[:] = zero
        for word in range(words - 1, -1, -1):
            length = min(WORD, steps - WORD * word)
            inside = np.uint32(np.uint32(0xFFFFFFFF) >> np.uint32(WORD - length))
            owed[WORD + length, :] = zero
            slope = psi[word, b, column : column + out]
            for t in range(length - 1, -1, -1):
                bit = np.uint32(np.uint32(1) << np.uint32(t))
                taught, here, onward, after = (
                    g[WORD * word + t],
                    owed[t],
                    owed[WORD + t],
                    owed[WORD + t + 1],
                )
                for n in range(out):
                    zn = alpha_z * z[n] + (taught[n] if np.uint32(slope[n] & bit) != none else zero)
                    xn = alpha_x * x[n] + zn
                    z[n] = zn
                    x[n] = xn
                    here[n] = xn
                    onward[n] = after[n] + xn
                    db[n] += xn
            for i in range(inputs):
                train = before[word, b, i]
                if train == none:
                    continue
                later = np.uint32(train << np.uint32(1))
                begun, past = np.uint32(train & ~later), np.uint32(later & ~train & inside)
                if count_bits(begun) + count_bits(past) < count_bits(train):
                    add_rows(dw, i, owed, picks, 0, _pick(begun, WORD, picks))
                    take_rows(dw, i, owed, picks, 0, _pick(past, WORD, picks))
                else:
                    add_rows(dw, i, owed, picks, 0, _pick(train, 0, picks))


@numba.njit(cache=True, nogil=True)
def _pick(train, offset, picks):
    count = 0
    while train != np.uint32(0):
        picks[0, count] = lowest_bit(train) + offset
        count += 1
        train = np.uint32(train & np.uint32(train - np.uint32(1)))
    return count


@numba.njit(cache=True, nogil=True)
def _errs(err, b):
    for t in range(err.shape[0]):
        for c in range(err.shape[2]):
            if err[t, b, c] != np.float32(0):
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _listen(err, b, teach, alpha_a, v_apical):
    steps, _, classes = err.shape
    width = teach.shape[1]
    for t in range(steps):
        now = v_apical[t]
        if t > 0 and alpha_a != np.float32(0):
            last = v_apical[t - 1]
            for n in range(width):
                now[n] = alpha_a * last[n]
        else:
            now[:] = np.float32(0)
        for c in range(classes):
            e = err[t, b, c]
            if e != np.float32(0):
                weights = teach[c]
                for n in range(width):
                    now[n] += e * weights[n]


@numba.njit(cache=True, nogil=True)
def gate_samples(err, teach, psi, alpha_a, share, first, last, g):
    """`share` times the sum over steps of v_apical psi, [B, N], of samples first .. last - 1."""
    steps = err.shape[0]
    out = g.shape[1]
    v_apical = np.empty((steps, out), np.float32)
    for b in range(first, last):
        total = g[b]
        total[:] = np.float32(0)
        if not _errs(err, b):
            continue
        _listen(err, b, teach, alpha_a, v_apical)
        for t in range(steps):
            slope, taught, bit = (
                psi[t >> 5, b],
                v_apical[t],
                np.uint32(np.uint32(1) << np.uint32(t & 31)),
            )
            for n in range(out):
                total[n] += (
                    taught[n] if np.uint32(slope[n] & bit) != np.uint32(0) else np.float32(0)
                )
        for n in range(out):
            total[n] *= share
