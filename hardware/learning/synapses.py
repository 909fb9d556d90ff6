"""Compiled arithmetic of the learning engine's synapses: spikes through weights, traces, products,
rounding.

Weights lie [pre, post], so that one spike reads one row. Widths and shifts: `learning.Product`; the
model is lava-nc 0.10.0, `lava/magma/core/model/py/connection.py` and
`lava/magma/core/learning/learning_rule_applier.py`.
"""

from __future__ import annotations

import numba
import numpy as np

from .. import chip
from .engine import ACCUMULATOR_BITS, Y_KEEP
from .streams import Integer, mix, row_key

_LOWEST, _HIGHEST = -256, 256
_TRACE = chip.MAX_TRACE


@numba.njit(nogil=True, cache=True)
def accumulate(w: np.ndarray, masks: np.ndarray, steps: Integer, sums: np.ndarray) -> Integer:
    """Add the row of each spike to its step's sums; returns the number of spikes."""
    rows, neurons = w.shape
    sums[:steps, :neurons] = 0
    arrived = 0
    for i in range(rows):
        mask = masks[i]
        if mask == 0:
            continue
        for t in range(steps):
            if (mask >> t) & 1:
                arrived += 1
                for j in range(neurons):
                    sums[t, j] += w[i, j]
    return arrived


@numba.njit(nogil=True, cache=True)
def decay_tables(
    keep: float, uniforms: np.ndarray, epoch: Integer, impulse: Integer, tables: np.ndarray
) -> None:
    """Fill tables int64 [epochs, 3, 128], what a trace x becomes in each learning epoch: after one
    step's decay, after the epoch without a spike, after the epoch with a spike at every step.

    One step: floor(keep x), or 1 more where the epoch's uniform number is below the rest, as Lava
    rounds.
    """
    for e in range(tables.shape[0]):
        for x in range(128):
            kept = keep * x
            whole = np.int64(kept)
            tables[e, 0, x] = whole + (uniforms[e] < kept - whole)
        for x in range(128):
            silent = x
            for _ in range(epoch):
                silent = tables[e, 0, silent]
            tables[e, 1, x] = silent
        for x in range(128):
            tables[e, 2, x] = min(
                _TRACE, tables[e, 1, min(_TRACE, x + (epoch - 1) * impulse)] + impulse
            )


@numba.njit(nogil=True, cache=True)
def advance_traces(
    x1: np.ndarray,
    masks: np.ndarray,
    offset: Integer,
    epoch: Integer,
    impulse: Integer,
    tables: np.ndarray,
) -> None:
    """Carry presynaptic traces through a sample's learning epochs; the layer's spikes arrive
    `offset` steps into the sample.
    """
    every = (1 << epoch) - 1
    for i in range(x1.shape[0]):
        x = x1[i]
        mask = masks[i] << offset
        if mask == 0 and x == 0:
            continue
        for e in range(tables.shape[0]):
            within = mask & every
            mask >>= epoch
            if within == 0:
                x = tables[e, 1, x]
            elif within == every:
                x = tables[e, 2, x]
            else:
                x = _through_epoch(x, within, epoch, impulse, tables[e, 0])
        x1[i] = x


@numba.njit(inline="always")
def _through_epoch(
    x: Integer, within: Integer, epoch: Integer, impulse: Integer, one_step: np.ndarray
) -> Integer:
    """A trace after a learning epoch with spikes at the set bits of `within`.

    Lava keeps the time of an epoch's last spike only: earlier ones add their impulse at once,
    before the epoch's decay.
    """
    last = -1
    for t in range(epoch):
        if (within >> t) & 1:
            if last >= 0:
                x = min(_TRACE, x + impulse)
            last = t
    for t in range(epoch):
        x = one_step[x]
        if t == last:
            x = min(_TRACE, x + impulse)
    return x


@numba.njit(nogil=True, cache=True)
def hold_y(y: np.ndarray, neurons: Integer, uniform: float, steps: Integer, unsigned: bool) -> None:
    """`held_trace` for each neuron; unsigned: a negative y is the positive trace y3."""
    for j in range(neurons):
        if unsigned and y[j] < 0:
            y[j] = -held_trace(-np.int64(y[j]), uniform, steps)
        elif y[j] != 0:
            y[j] = held_trace(np.int64(y[j]), uniform, steps)


@numba.njit(inline="always")
def held_trace(y: Integer, uniform: float, steps: Integer) -> Integer:
    """A y trace after Lava's decay with tau 65535 for `steps` steps, all with one random number."""
    for _ in range(steps):
        kept = Y_KEEP * y
        whole = np.int64(np.floor(kept))
        y = whole + (uniform < kept - whole)
    return y


@numba.njit(nogil=True, cache=True)
def update(
    w: np.ndarray,
    x1: np.ndarray,
    y: np.ndarray,
    up: Integer,
    key: Integer,
    fixed: Integer,
    bits: Integer,
    step: Integer,
) -> tuple[Integer, Integer]:
    """dw = 2^e u0 x1 y2 in all synapses whose x1 is not 0; returns synapses visited and weights
    clipped.
    """
    rows, neurons = w.shape
    updated = clipped = 0
    numbers = np.full(neurons, fixed, dtype=np.int32)
    shift, left, right, back = (
        np.uint32(32 - bits),
        np.int32(up),
        np.int32(bits),
        np.int32(bits - 7),
    )
    top, highest = np.int32((1 << bits) - 1), np.int32(_HIGHEST - step)
    for i in range(rows):
        if x1[i] == 0:
            continue
        updated += neurons
        if fixed < 0:
            _draw(numbers, np.uint32(row_key(key, i)), shift)
        clipped += _update_row(w[i], np.int32(x1[i]), y, numbers, left, right, back, top, highest)
    return updated, clipped


@numba.njit(nogil=True, cache=True)
def _draw(numbers: np.ndarray, row: Integer, shift: Integer) -> None:
    """A random number for each synapse of one presynaptic neuron, int32."""
    for j in range(numbers.shape[0]):
        numbers[j] = mix(np.uint32(row + np.uint32(j))) >> shift


@numba.njit(nogil=True, cache=True)
def _update_row(
    w: np.ndarray,
    x: Integer,
    y: np.ndarray,
    numbers: np.ndarray,
    left: Integer,
    right: Integer,
    back: Integer,
    top: Integer,
    highest: Integer,
) -> Integer:
    """`update` for one presynaptic neuron, in 32-bit integers alone, so that compilers turn it into
    vector instructions.
    """
    clipped = np.int32(0)
    for j in range(w.shape[0]):
        # The engine drops 7 + 7 + 4 - 15 = 3 bits of the product, rounding down; the accumulator
        # holds 1/128 of a weight.
        change = np.int32(np.int32(np.int32(x * y[j]) >> np.int32(3)) << left)
        total = np.int32(
            np.int32(np.int32(w[j]) << np.int32(7)) + np.int32(change + np.int32(top - numbers[j]))
        )
        value = np.int32(np.int32(total >> right) << back)
        inside = min(max(value, np.int32(_LOWEST)), highest)
        clipped = np.int32(clipped + np.int32(value != inside))
        w[j] = np.int16(inside)
    return clipped


@numba.njit(nogil=True, cache=True)
def learn_feedback(
    w: np.ndarray,
    noise: np.ndarray,
    held: np.ndarray,
    hebb: np.ndarray,
    row: Integer,
    fixed: Integer,
    bits: Integer,
    step: Integer,
) -> None:
    """The Hebbian products on one spike's feedback synapses. It takes spikes and traces: no forward
    weight is in sight.
    """
    limit: Integer = 1 << ACCUMULATOR_BITS
    for i in range(w.shape[0]):
        accumulator: Integer = np.int64(w[i]) * 128
        for k in range(hebb.shape[0]):
            y = held[k, noise[i]]
            accumulator += ((hebb[k, 0] * y) >> hebb[k, 1]) << hebb[k, 2]
            accumulator = min(max(accumulator, -limit - 1), limit - 1)
        w[i] = rounded(w[i], accumulator - np.int64(w[i]) * 128, row, i, fixed, bits, step)


@numba.njit(nogil=True, cache=True)
def forget_feedback(
    w: np.ndarray,
    y3: Integer,
    right: Integer,
    left: Integer,
    row: Integer,
    fixed: Integer,
    bits: Integer,
    step: Integer,
) -> None:
    """dw_fb = -2^b u0 w y3 in the feedback synapses of one error neuron."""
    for i in range(w.shape[0]):
        w[i] = rounded(w[i], ((-np.int64(w[i]) * y3) >> right) << left, row, i, fixed, bits, step)


@numba.njit(inline="always")
def fixed_number(rounding: Integer, stock: float, bits: Integer) -> Integer:
    """The number below which a rest is rounded up, where all synapses share it; -1 where each draws
    its own.
    """
    if rounding == 0:
        return -1
    if rounding == 1:
        return np.int64(stock * (1 << bits))
    return (1 << (bits - 1)) - 1 if rounding == 2 else (1 << bits) - 1


@numba.njit(inline="always")
def rounded(
    w: Integer,
    change: Integer,
    row: Integer,
    column: Integer,
    fixed: Integer,
    bits: Integer,
    step: Integer,
) -> Integer:
    """A weight after its change in 1/128, rounded to a multiple of step and clipped."""
    number = (
        fixed
        if fixed >= 0
        else np.int64(mix(np.uint32(row + np.uint32(column))) >> np.uint32(32 - bits))
    )
    whole = (np.int64(w) * 128 + change + (1 << bits) - 1 - number) >> bits
    return min(max(whole * step, _LOWEST), _HIGHEST - step)
