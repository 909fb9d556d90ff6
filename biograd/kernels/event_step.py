"""Short compiled parts of an event-driven learning step, around the loops of `event_driven`.

Sizes as in `event_driven`. A batch is split into parts, one per thread; updates are summed over the
samples of each part, and the sums of all parts are then written by all threads, each some neurons.

All take the arrays of one layer. One call over all layers, with tuples of their arrays, was slower
(7 % of a learning step at batch 10, 11 % at batch 1): passing the arrays takes longer than a call.
"""

from __future__ import annotations

import numpy as np

from .compiled import compiled
from .event_driven import gate_samples
from .packed_spikes import count_samples
from .transpose import ONE, transpose_sum


@compiled
def transpose_part(w, w_t, part, parts):
    """Transpose a layer's weights from some of its inputs: part `part` of `parts`.

    Args:
        w: float32 [out, in], thresholds per spike.
        w_t: float32 [in, width], changed in columns 0 .. out - 1.
        part, parts: int64.
    """
    out, inputs = w.shape
    first, last = inputs * part // parts, inputs * (part + 1) // parts
    transpose_sum(w.reshape(1, out, inputs), ONE, w_t, first, last)


@compiled
def unpack_output(packed, s_out, counts):
    """Unpack the output's spikes and count them.

    Args:
        packed: uint32 [W, B, C], spikes of the output layer.
        s_out: float32 [T, B, C], filled: the same as 0. and 1.
        counts: float32 [B, C], filled: their sum over steps.
    """
    steps, batch, classes = s_out.shape
    for b in range(batch):
        for c in range(classes):
            total = np.float32(0)
            for t in range(steps):
                word, place = packed[t >> 5, b, c], np.uint32(t & 31)
                spike = np.float32(np.uint32(word >> place) & np.uint32(1))
                s_out[t, b, c] = spike
                total += spike
            counts[b, c] = total


@compiled
def write_part(dw, db, shares, grad_w, grad_b, part):
    """Write a part of the neurons' updates: the weighted sum over parts, in order.

    Args:
        dw, db: float32 [parts, in, width] and [parts, width], sums of `learn_samples`, thresholds.
        shares: float32 [parts], 1.
        grad_w, grad_b: float32 [n, in] and [n], thresholds; changed for part `part` of the n
            neurons.
        part: int64.
    """
    parts, neurons = len(shares), len(grad_b)
    first, last = neurons * part // parts, neurons * (part + 1) // parts
    transpose_sum(dw, shares, grad_w, first, last)
    for n in range(first, last):
        total = shares[0] * db[0, n]
        for k in range(1, parts):
            total += shares[k] * db[k, n]
        grad_b[n] = total


@compiled
def gate_and_count(before, err, w_fb, psi, alpha_a, share, first, last, g, counts):
    """Compute both factors of a factorised update, for samples first .. last - 1.

    Args:
        before: uint32 [W, B, in], presynaptic spikes.
        err, w_fb, psi, alpha_a, share: as `gate_samples` takes them.
        first, last: int64.
        g: float32 [B, N], filled: `share` times the gated errors, thresholds.
        counts: float32 [B, in], filled: presynaptic spikes over all steps.
    """
    gate_samples(err, w_fb, psi, alpha_a, share, first, last, g)
    count_samples(before, counts, first, last)
