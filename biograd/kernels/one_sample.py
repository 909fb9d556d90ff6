"""One learning step on one sample in one call: the loops of `event_driven`, layer by layer.

At batch 1 the loops themselves take less time than the calls between them.
"""

from __future__ import annotations

import numpy as np

from .compiled import compiled
from .event_driven import fire_samples, learn_samples
from .event_step import transpose_part, unpack_output, write_part
from .packed_spikes import count_all, pack_samples


@compiled
def learn_one_sample(flat, steps, label, packed, weights, memory, constants, s_out, into, figures):
    """Fire, compare, and write minus the update of every layer: `rules.Eligibility`, with errors
    that are signed spikes and travel directly.

    Args:
        flat: float32 [T M], input spikes.
        steps, label: int64, T and the class.
        packed: uint32 [W, 1, M], overwritten: input spikes.
        weights: tuples of every layer's w, float32 [N, M], thresholds per spike; b, [N], thresholds
            per step; and of the hidden ones w_fb, [N, C], thresholds.
        memory: tuples of every layer's arrays, overwritten but for their padding: w_t [M, width],
            bias [1, width], s and psi uint32 [W, 1, N], scratch of firing, w_fb [C, width], dw
            [1, M, width], db [1, width], scratch of learning; see `event_driven`.
        constants: float32 [layers, 6]: alpha_u, alpha_v, window; alpha_a, alpha_x, alpha_z.
        s_out: float32 [2, T, 1, C], overwritten: output spikes, and errors.
        into: tuples of every layer's gradients, float32 [N, M] and [N], overwritten; thresholds.
        figures: float32 [1 + layers + C], filled: mean |err|, rates of the layers, and counts of
            the output, [C].
    Returns: the class whose neuron fired most, of several the lowest; -1, with nothing learned,
        where the spikes are not zeros and ones.
    """
    w, b, w_fb = weights
    w_t, bias, s, psi, scratch, feedback, dw, db, room = memory
    grad_w, grad_b = into
    layers, classes = len(w), s_out.shape[3]
    inputs = packed.shape[2]
    if not pack_samples(flat, inputs, 0, steps, 0, 1, packed):
        return -1
    before = packed
    for n in range(layers):
        transpose_part(w[n], w_t[n], 0, 1)
        for k in range(len(b[n])):
            bias[n][0, k] = b[n][k]
        u, v, window = constants[n, 0], constants[n, 1], constants[n, 2]
        sides = (before, steps, w_t[n], bias[n][0], u, v, window)
        fire_samples(*sides, s[n], psi[n], 0, 1, scratch[n])
        before = s[n]
        figures[1 + n] = np.float32(count_all(s[n]) / (steps * s[n].shape[2]))
    psi[layers - 1][:] = np.uint32(0xFFFFFFFF)  # no window on the output's own errors
    counts = figures[1 + layers :].reshape(1, classes)
    unpack_output(s[layers - 1], s_out[0], counts)
    wrong = 0
    for t in range(steps):
        for c in range(classes):
            err = np.float32(c == label) - s_out[0, t, 0, c]
            s_out[1, t, 0, c] = err
            wrong += err != np.float32(0)
    figures[0] = np.float32(wrong) / np.float32(steps * classes)
    share = np.full(1, -1 / steps, np.float32)
    for n in range(layers):
        before = packed if n == 0 else s[n - 1]
        if n < layers - 1:
            for k in range(len(b[n])):
                for c in range(classes):
                    feedback[n][c, k] = w_fb[n][k, c]
        alpha_a, alpha_x, alpha_z = constants[n, 3], constants[n, 4], constants[n, 5]
        size = len(b[n])
        toward = (before, s_out[1], feedback[n], psi[n], 0, size, alpha_a, alpha_x, alpha_z)
        learn_samples(*toward, 0, 1, dw[n][0], db[n][0], room[n])
        write_part(dw[n], db[n], share, grad_w[n], grad_b[n], 0)
    best = 0
    for c in range(classes):
        best = c if counts[0, c] > counts[0, best] else best
    return best
