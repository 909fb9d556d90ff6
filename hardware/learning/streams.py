"""Random numbers of the learning engine: one per synapse from a counter, and Lava's own streams.

A counter-based generator gives the number of synapse i at learning epoch n without drawing those
before it. So an event-driven loop, a whole-matrix NumPy expression and a Lava Process, which visit
different synapses in different orders, all draw the same numbers, and a run resumes from its clock
alone. The mixer is the 32-bit finaliser `lowbias32` (Wellons 2018, "Prospecting for Hash
Functions"); it is good enough for rounding and noise, not for cryptography.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

# purposes of a stream: to round forward weights, to round feedback weights, to draw sleep's noise
FORWARD, FEEDBACK, NOISE = range(3)
Integer = Any  # in compiled code int and NumPy's integer types mix; numba infers which
_GOLDEN = 0x9E3779B9


@numba.njit(inline="always")
def mix(x: Integer) -> Integer:
    """Mix a 32-bit integer, uint32 -> uint32."""
    x = np.uint32(x)
    x = np.uint32(np.uint32(x ^ np.uint32(x >> np.uint32(16))) * np.uint32(0x7FEB352D))
    x = np.uint32(np.uint32(x ^ np.uint32(x >> np.uint32(15))) * np.uint32(0x846CA68B))
    return np.uint32(x ^ np.uint32(x >> np.uint32(16)))


@numba.njit(inline="always")
def row_key(key: Integer, row: Integer) -> Integer:
    """Return the key of one presynaptic neuron's synapses, uint32.

    The number of synapse (row, column) is `mix(row_key(key, row) + column)`.
    """
    return mix(np.uint32(np.uint32(key) + np.uint32(row) * np.uint32(_GOLDEN)))


@numba.njit
def stream_key(
    seed: Integer, purpose: Integer, layer: Integer, population: Integer, clock: Integer
) -> Integer:
    """Return the key of one stream at one time step, uint32.

    Args:
        purpose: FORWARD, FEEDBACK or NOISE.
        layer: from 0; population: of error neurons, 0 but for FEEDBACK.
        clock: time steps since the start of the run.
    """
    name = np.uint32(purpose * 1024 + layer * 16 + population)
    return mix(np.uint32(mix(np.uint32(mix(np.uint32(seed)) + name)) + np.uint32(clock)))


def mix_array(x: np.ndarray) -> np.ndarray:
    """Mix each element of a uint32 array, as `mix` does."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def synapse_bits(key: Integer, rows: int, columns: int, bits: int) -> np.ndarray:
    """Return the top `bits` bits of each synapse's number, int64 [rows, columns]."""
    with np.errstate(over="ignore"):
        keys = mix_array(np.uint32(key) + np.arange(rows, dtype=np.uint32) * np.uint32(_GOLDEN))
        return (
            mix_array(keys[:, None] + np.arange(columns, dtype=np.uint32)) >> np.uint32(32 - bits)
        ).astype(np.int64)


def noise_spikes(key: Integer, neurons: int, rate: int) -> np.ndarray:
    """Return Bernoulli spikes of one step, uint8 [neurons]; rate in 1/65536."""
    with np.errstate(over="ignore"):
        numbers = mix_array(np.uint32(key) + np.arange(neurons, dtype=np.uint32))
    return ((numbers >> np.uint32(16)) < rate).astype(np.uint8)


def lava_uniforms(seed: int, first: int, count: int, stride: int) -> np.ndarray:
    """Return numbers first, first + stride, ... of NumPy's default generator, float64 [count].

    Lava's `TraceRandom` draws one number when it is made and two per time step, so at the end of
    step t it holds number 2t; its `ConnVarRandom` (constant seed 2) draws one when it is made and
    one per learning epoch, so at epoch n it holds number n.
    """
    bits = np.random.PCG64(seed)
    bits.advance(first)
    return np.random.Generator(bits).random(max(0, (count - 1) * stride + 1))[::stride][:count]
