"""Compiled arithmetic of the learning engine's weights: sums over spikes, products, rounding.

Weights lie [pre, post], so that one spike reads one row; they are int16 in units of 1/vth
thresholds. Scalars are int64, unless said otherwise. Traces are in `traces`. Widths and shifts:
`engine.Product`; the model is lava-nc 0.10.0, `lava/magma/core/model/py/connection.py` and
`lava/magma/core/learning/learning_rule_applier.py`.

Arguments of several functions:

    key, row    uint32, of the random numbers of a matrix, and of a row of it (`streams`)
    fixed       number below which all synapses round up, as `fixed_number` returns it
    bits        of the accumulator below a weight's step
    step        distance between neighbouring weights
"""

from __future__ import annotations

import numba
import numpy as np

from ..compiled import compiled
from .engine import ACCUMULATOR_BITS
from .streams import Integer, mix, row_key

_LOWEST, _HIGHEST = -256, 256  # weights: below _HIGHEST by a step or more


@compiled
def accumulate(w: np.ndarray, masks: np.ndarray, steps: Integer, sums: np.ndarray) -> Integer:
    """Add the row of each spike to its step's sums; return the number of spikes.

    A row with spikes in most steps is added to all steps at once, and taken off the silent ones:
    the same sums with a quarter of the additions, for images of white on black.

    Args:
        w: int16 [rows, neurons].
        masks: int64 [rows or more], bit t: spike in step t; no bit beyond the steps.
        sums: int32 [steps or more, neurons or more], overwritten, weight units.
    """
    rows, neurons = w.shape
    sums[:steps, :neurons] = 0
    always = np.zeros(neurons, dtype=np.int32)
    every = (1 << steps) - 1
    arrived = 0
    for i in range(rows):
        mask = masks[i]
        if mask == 0:
            continue
        spikes = count_bits(mask)
        arrived += spikes
        row = w[i]
        frequent = 2 * spikes > steps
        if frequent:
            _add(always, row)
        rest = every ^ mask if frequent else mask
        t = 0
        while rest:
            if rest & 1:
                if frequent:
                    _subtract(sums[t], row)
                else:
                    _add(sums[t], row)
            rest >>= 1
            t += 1
    for t in range(steps):
        _add(sums[t], always)
    return arrived


@numba.njit(inline="always")
def count_bits(mask: Integer) -> Integer:
    """Return the bits set in an int64 >= 0; `hardware` may not import biograd's `count_bits`."""
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@numba.njit(inline="always")
def _add(out: np.ndarray, row: np.ndarray) -> None:
    """Add a row to out; short, so that compilers turn it into vector instructions."""
    for j in range(row.shape[0]):
        out[j] += row[j]


@numba.njit(inline="always")
def _subtract(out: np.ndarray, row: np.ndarray) -> None:
    """Take a row off out, as `_add`."""
    for j in range(row.shape[0]):
        out[j] -= row[j]


@compiled
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
    """Apply dw = 2^e u0 x1 y2 to all synapses whose x1 is not 0.

    Args:
        w: int16 [rows, neurons], changed. x1: int64 [rows]. y: int32 [neurons or more], y2.
        up: bits by which the product is shifted up, e + 7.
        key, fixed, bits, step: see above.
    Returns: synapses visited, and weights clipped.
    """
    rows, neurons = w.shape
    updated = clipped = 0
    numbers = np.full(neurons, fixed, dtype=np.int32)
    shift = np.uint32(32 - bits)
    left, right, back = np.int32(up), np.int32(bits), np.int32(bits - 7)
    top, highest = np.int32((1 << bits) - 1), np.int32(_HIGHEST - step)
    for i in range(rows):
        if x1[i] == 0:
            continue
        updated += neurons
        if fixed < 0:
            _draw(numbers, np.uint32(row_key(key, i)), shift)
        clipped += _update_row(w[i], np.int32(x1[i]), y, numbers, left, right, back, top, highest)
    return updated, clipped


@compiled
def _draw(numbers: np.ndarray, row: Integer, shift: Integer) -> None:
    """Draw a random number for each synapse of one presynaptic neuron.

    numbers: int32 [neurons], filled; row: uint32; shift: uint32, 32 less the bits of a number.
    """
    for j in range(numbers.shape[0]):
        numbers[j] = mix(np.uint32(row + np.uint32(j))) >> shift


@compiled
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
    """Apply `update` to one presynaptic neuron, return the weights clipped.

    In 32-bit integers alone, so that compilers turn it into vector instructions.

    Args:
        w: int16 [neurons], changed. x: int32, x1. y: int32 [neurons or more].
        numbers: int32 [neurons], below which a rest is rounded up.
        left, right, back: int32, shifts of the product, of the sum, of the rounded weight.
        top: int32, 2^bits - 1. highest: int32, weight.
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


@compiled
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
    """Apply the Hebbian products to the feedback synapses of one error neuron that spiked.

    It takes spikes and traces, and no forward weight.

    Args:
        w: int16 [N], feedback weights, changed.
        noise: uint8 [N], noise spikes of the step that the output now answers.
        held: int64 [products, 2], y trace of a neuron without and with a noise spike.
        hebb: int64 [products, 3], as in `constants.SleepConstants`.
        row, fixed, bits, step: see above.
    """
    limit: Integer = 1 << ACCUMULATOR_BITS
    for i in range(w.shape[0]):
        accumulator: Integer = np.int64(w[i]) * 128
        for k in range(hebb.shape[0]):
            y = held[k, noise[i]]
            accumulator += ((hebb[k, 0] * y) >> hebb[k, 1]) << hebb[k, 2]
            accumulator = min(max(accumulator, -limit - 1), limit - 1)
        w[i] = rounded(w[i], accumulator - np.int64(w[i]) * 128, row, i, fixed, bits, step)


@compiled
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
    """Apply dw_fb = -2^b u0 w y3 to the feedback synapses of one error neuron.

    Args:
        w: int16 [N], feedback weights, changed.
        y3: trace. right, left: bits by which the product is shifted down, then up.
        row, fixed, bits, step: see above.
    """
    for i in range(w.shape[0]):
        w[i] = rounded(w[i], ((-np.int64(w[i]) * y3) >> right) << left, row, i, fixed, bits, step)


@numba.njit(inline="always")
def fixed_number(rounding: Integer, stock: float, bits: Integer) -> Integer:
    """Return the number below which all synapses round up; -1 where each draws its own.

    rounding: index in `params.ROUNDINGS`; stock: float64, 0 to 1, Lava's own number.
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
    """Return a weight after its change, in 1/128, rounded to a multiple of step and clipped.

    column: of the synapse, for its random number; row, fixed, bits, step: see above.
    """
    number = (
        fixed
        if fixed >= 0
        else np.int64(mix(np.uint32(row + np.uint32(column))) >> np.uint32(32 - bits))
    )
    whole = (np.int64(w) * 128 + change + (1 << bits) - 1 - number) >> bits
    return min(max(whole * step, _LOWEST), _HIGHEST - step)
