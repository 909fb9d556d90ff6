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

from typing import NamedTuple

import numba
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..neurons import TwoCompartmentParams
from ..rules import Update
from ..traces import TraceParams
from .packed_spikes import WORD, Trains, unsigned
from .row_sums import add_rows, count_bits, lowest_bit, padded, take_rows
from .transpose import ONE, turn

# of scratch memory, as wide as the layer; to learn one more a step. It comes from torch, which
FIRE_ROWS, LEARN_ROWS = 4, 2 * WORD + 3
# lays it at cache lines: rows that lie across two of them take a third longer to add up.


class Synapses(NamedTuple):
    """A layer's weights, turned so that one presynaptic neuron's lie side by side."""

    # [in, width], thresholds per spike; width: `out` rounded up to whole blocks, zeros behind it
    w: Tensor
    b: Tensor  # [width], thresholds per step
    out: int


class Fired(NamedTuple):
    """What a layer did over a sample."""

    s: Trains  # spikes
    psi: Trains  # slopes


def synapses(w: Float[Tensor, "N M"], b: Float[Tensor, " N"]) -> Synapses:
    """Turn a layer's weights; once per batch, as they change with it."""
    out, inputs = w.shape
    turned, bias = torch.empty(inputs, padded(out)), torch.zeros(padded(out))
    table = turned.numpy()
    table[:, out:] = 0
    turn(w.detach().contiguous().unsqueeze(0).numpy(), ONE, table, 0, inputs)
    bias[:out] = b.detach()
    return Synapses(turned, bias, out)


def fire(before: Trains, layer: Synapses, p: TwoCompartmentParams) -> Fired:
    """Roll spike trains through a layer: `neurons.soma_step` and `neurons.surrogate_slope` over all
    steps, from rest.
    """
    fired = Fired(*(Trains.blank(before.steps, before.batch, layer.out) for _ in range(2)))
    alphas = np.float32(p.alpha_u), np.float32(p.alpha_v), np.float32(p.window)
    scratch = torch.empty(FIRE_ROWS, layer.w.shape[1]).numpy()
    into = unsigned(fired.s), unsigned(fired.psi), 0, before.batch, scratch
    fire_samples(unsigned(before), before.steps, layer.w.numpy(), layer.b.numpy(), *alphas, *into)
    return fired


def learn(
    before: Trains,
    err: Float[Tensor, "T B C"],
    w_fb: Float[Tensor, "N C"],
    psi: Trains,
    p: TwoCompartmentParams,
    trace: TraceParams,
) -> Update:
    """The update of `rules.Eligibility` for a layer that hears the errors through w_fb.

    Args:
        before: presynaptic spikes.
        err: what the error neurons say.
        w_fb: feedback weights onto the layer, thresholds.
        psi: the layer's slopes.
    """
    out, width = len(w_fb), padded(len(w_fb))
    teach = torch.nn.functional.pad(w_fb.T, (0, width - out)).contiguous()
    dw, db, scratch = (
        torch.empty(before.neurons, width),
        torch.empty(width),
        torch.empty(LEARN_ROWS + len(err), width),
    )
    constants = np.float32(p.alpha_a), np.float32(trace.alpha_x), np.float32(trace.alpha_z)
    into = 0, before.batch, dw.numpy(), db.numpy(), scratch.numpy()
    learn_samples(
        unsigned(before),
        err.contiguous().numpy(),
        teach.numpy(),
        unsigned(psi),
        0,
        out,
        *constants,
        *into,
    )
    share = 1 / (before.steps * before.batch)
    return Update(dw[:, :out].T.contiguous().mul_(share), db[:out] * share)


def learn_factorised(
    before: Trains,
    err: Float[Tensor, "T B C"],
    w_fb: Float[Tensor, "N C"],
    psi: Trains,
    p: TwoCompartmentParams,
) -> Update:
    """The update of `rules.Factorised`; arguments as `learn`."""
    g, share = torch.empty(before.batch, len(w_fb)), np.float32(1 / (before.steps * before.batch))
    constants = unsigned(psi), np.float32(p.alpha_a), share, 0, before.batch
    gate_samples(err.contiguous().numpy(), w_fb.T.contiguous().numpy(), *constants, g.numpy())
    return Update(g.T @ (before.counts() / before.steps), g.sum(0))


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
