"""What the threads of a learning step do, each in one compiled call over all layers: turn and pack,
fire, learn, write.

A call for every layer would cost more in Python, and in threads waiting for Python's lock, than a
small batch takes to compute. Layers and blocks differ in shape, so they come as rows of addresses
and sizes; whoever makes such a row keeps its arrays alive (`event_learning`).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from .event_driven import FIRE_ROWS, LEARN_ROWS, fire_samples, gate_samples, learn_samples
from .packed_spikes import count_all, count_samples, pack_samples
from .transpose import ONE, turn

# Columns of a row of `layers`: addresses of weights [out, in], the same turned [in, width], biases
# [width], the trains before [W, B, in], spikes and slopes [W, B, out]; sizes. Of `constants`:
# alpha_u, alpha_v, window.
W, TURNED, B, BEFORE, S, PSI, INPUTS, OUT, WIDTH = range(9)
# Columns of a row of `blocks`: the layer; its first neuron and how many; width; addresses of the
# sums [parts, in, width] and [parts, width], of feedback weights [C, width], and of what is
# written, [out, in] and [out]. Of `lessons`: alpha_a, alpha_x, alpha_z.
# `lessons`: alpha_a, alpha_x, alpha_z.
LAYER, COLUMN, NEURONS, ACROSS, DW, DB, TEACH, GRAD_W, GRAD_B = range(9)


# any: numba's types, which it does not annotate
def _pointer_to(typingctx: Any, address: Any) -> Any:
    """An address as a pointer."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), generate


_pointer: Any = intrinsic(_pointer_to)


@numba.njit(inline="always")
def _floats(address, shape):
    return numba.carray(_pointer(address), shape, np.float32)


@numba.njit(inline="always")
def _trains(address, shape):
    return numba.carray(_pointer(address), shape, np.uint32)


@numba.njit(cache=True, nogil=True)
def prepare(layers, part, parts, flat, step, sample, steps, first, last, words):
    """Turn this part of every layer's weights, and pack samples first .. last - 1; False where they
    are not zeros and ones.

    flat, step, sample: spikes and their strides, as `pack_samples` takes them; none where they are
        packed already.
    """
    for row in layers:
        inputs, out = row[INPUTS], row[OUT]
        w, turned = _floats(row[W], (1, out, inputs)), _floats(row[TURNED], (inputs, row[WIDTH]))
        begin, end = inputs * part // parts, inputs * (part + 1) // parts
        turn(w, ONE, turned, begin, end)
        turned[begin:end, out:] = np.float32(0)
    return len(flat) == 0 or pack_samples(flat, step, sample, steps, first, last, words)


@numba.njit(cache=True, nogil=True)
def fire(layers, constants, words, batch, steps, first, last, room):
    """Roll samples first .. last - 1 through all layers."""
    for index in range(len(layers)):
        row = layers[index]
        before = _trains(row[BEFORE], (words, batch, row[INPUTS]))
        s, psi = (
            _trains(row[S], (words, batch, row[OUT])),
            _trains(row[PSI], (words, batch, row[OUT])),
        )
        turned, bias = (
            _floats(row[TURNED], (row[INPUTS], row[WIDTH])),
            _floats(row[B], (1, row[WIDTH]))[0],
        )
        alpha_u, alpha_v, window = constants[index]
        scratch = room[: FIRE_ROWS * row[WIDTH]].reshape(FIRE_ROWS, row[WIDTH])
        fire_samples(
            before, steps, turned, bias, alpha_u, alpha_v, window, s, psi, first, last, scratch
        )


@numba.njit(cache=True, nogil=True)
def learn(layers, blocks, lessons, words, batch, err, part, first, last, room):
    """Add up what samples first .. last - 1 teach the neurons of each block, into the sums of a
    part.
    """
    steps, _, classes = err.shape
    for row in blocks:
        layer, inputs, width = layers[row[LAYER]], layers[row[LAYER], INPUTS], row[ACROSS]
        before, psi = (
            _trains(layer[BEFORE], (words, batch, inputs)),
            _trains(layer[PSI], (words, batch, layer[OUT])),
        )
        dw = _floats(row[DW] + 4 * part * inputs * width, (inputs, width))
        db = _floats(row[DB] + 4 * part * width, (1, width))[0]
        teach = _floats(row[TEACH], (classes, width))
        alpha_a, alpha_x, alpha_z = lessons[row[LAYER]]
        scratch = room[: (LEARN_ROWS + steps) * width].reshape(LEARN_ROWS + steps, width)
        learn_samples(
            before,
            err,
            teach,
            psi,
            row[COLUMN],
            row[NEURONS],
            alpha_a,
            alpha_x,
            alpha_z,
            first,
            last,
            dw,
            db,
            scratch,
        )


@numba.njit(cache=True, nogil=True)
def write(layers, blocks, shares, part, parts):
    """Write this part of the rows of each block's update, its sums over all parts times their
    shares.
    """
    for row in blocks:
        inputs, out, width = layers[row[LAYER], INPUTS], row[NEURONS], row[ACROSS]
        tables, into = _floats(row[DW], (parts, inputs, width)), _floats(row[GRAD_W], (out, inputs))
        begin, end = out * part // parts, out * (part + 1) // parts
        turn(tables, shares, into, begin, end)
        sums, biases = _floats(row[DB], (parts, width)), _floats(row[GRAD_B], (1, out))[0]
        for n in range(begin, end):
            total = shares[0] * sums[0, n]
            for k in range(1, parts):
                total += shares[k] * sums[k, n]
            biases[n] = total


@numba.njit(cache=True, nogil=True)
def gate(before, err, teach, psi, alpha_a, share, first, last, g, counts):
    """The two sides of a factorised update, of samples first .. last - 1: gated errors [B, out]
    times `share`, and spikes [B, in].
    """
    gate_samples(err, teach, psi, alpha_a, share, first, last, g)
    count_samples(before, counts, first, last)


@numba.njit(cache=True, nogil=True)
def look(s_out, dense, counts, layers, words, batch, totals):
    """The output's spikes as 0. and 1., [T, B, C], and their number of each neuron; and of all
    neurons of each layer together.
    """
    steps, _, classes = dense.shape
    for b in range(batch):
        for c in range(classes):
            total = np.float32(0)
            for t in range(steps):
                spike = np.float32(
                    np.uint32(s_out[t >> 5, b, c] >> np.uint32(t & 31)) & np.uint32(1)
                )
                dense[t, b, c] = spike
                total += spike
            counts[b, c] = total
    for index in range(len(layers)):
        totals[index] = count_all(_trains(layers[index, S], (words, batch, layers[index, OUT])))
