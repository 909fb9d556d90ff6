"""Pools in event-driven loops: of spikes before the synapses, of currents before the neurons.

Sizes as in `map_firing`. A pool of the currents leaves Q windows of the P positions, each of `size`
positions in the order of rows: `windows`, int32 [Q, size]; no windows where there is no such pool.
Its `share` is the part of a current that passes; 0: the maximum alone does. Errors go back to the
first of several maxima, as in torch. Those less than `tie` apart, thresholds, count as equal: equal
currents differ by rounding once spikes were added and taken off.
"""

from __future__ import annotations

import numba
import numpy as np

from .compiled import compiled
from .packed_spikes import WORD


@compiled
def pool_spikes(before, pool_of, pooled, samples):
    """Pool spikes by maximum: "any fired".

    Args:
        before: uint32 [W, B, channels pixels].
        pool_of: int32 [pixels], pooled pixel of each; -1 for none.
        pooled: uint32 [W, B, channels pooled pixels], filled for these samples.
    """
    pixels = len(pool_of)
    channels = before.shape[2] // pixels
    size = pooled.shape[2] // channels
    for word in range(before.shape[0]):
        for b in samples:
            into, trains = pooled[word, b], before[word, b]
            into[:] = np.uint32(0)
            for c in range(channels):
                for q in range(pixels):
                    if pool_of[q] >= 0:
                        into[c * size + pool_of[q]] |= trains[c * pixels + q]


@compiled
def spread_maps(below, pool_of, maximum, before, pooled, g, samples):
    """Send errors of pooled pixels back to the pixels of their windows: to all of them alike, or
    to the maximum alone, the first of several.

    Args:
        below: float32 [n, T, pooled pixels, width].
        pool_of: int32 [pixels].
        maximum: bool; else `before` and `pooled` are not read.
        before, pooled: as in `pool_spikes`.
        g: float32 [n, T, pixels, width], filled.
        samples: int32 [n].
    """
    pixels, width = g.shape[2], g.shape[3]
    size, channels = below.shape[2], before.shape[2] // pixels
    none = np.uint32(0)
    routes = np.empty((pixels, width), np.uint32)  # steps at which a neuron takes its error
    rest = np.empty(size * channels, np.uint32)  # steps whose error has not been taken
    quiet = np.empty(size * channels, np.bool_)  # no pixel of the window has been met
    for k in range(len(samples)):
        for t in range(g.shape[1]):
            if maximum and t % WORD == 0:
                word = t // WORD
                routes[:] = none
                rest[:] = np.uint32(0xFFFFFFFF)
                quiet[:] = True
                for c in range(channels):
                    for q in range(pixels):
                        if pool_of[q] < 0:
                            continue
                        window = c * size + pool_of[q]
                        fired = before[word, samples[k], c * pixels + q]
                        taken = np.uint32(fired & rest[window])
                        rest[window] = np.uint32(rest[window] & ~fired)
                        if quiet[window]:  # the first pixel takes the error of a silent window
                            taken = np.uint32(taken | ~pooled[word, samples[k], window])
                            quiet[window] = False
                        routes[q, c] = taken
            bit = np.uint32(np.uint32(1) << np.uint32(t % WORD))
            for q in range(pixels):
                into = g[k, t, q]
                if pool_of[q] < 0:
                    into[:] = np.float32(0)
                    continue
                errors, route = below[k, t, pool_of[q]], routes[q]
                for n in range(width):
                    passes = not maximum or np.uint32(route[n] & bit) != none
                    into[n] = errors[n] if passes else np.float32(0)


@numba.njit(nogil=True)
def pool_currents(current, windows, share, tie, pooled, route):
    """Pool the currents of one step.

    Args:
        current: float32 [P width], thresholds per step.
        pooled: float32 [Q width], filled.
        route: uint8 [Q width], filled: which position of its window is the maximum.
    """
    width = len(pooled) // len(windows)
    for q in range(len(windows)):
        at, first = q * width, windows[q, 0] * width
        for n in range(width):
            pooled[at + n] = current[first + n]
            route[at + n] = 0
        for k in range(1, windows.shape[1]):
            other = windows[q, k] * width
            if share == np.float32(0):
                for n in range(width):
                    so_far, value = pooled[at + n], current[other + n]
                    pooled[at + n] = value if value > so_far else so_far
                    route[at + n] = np.uint8(k) if value > so_far + tie else route[at + n]
            else:
                for n in range(width):
                    pooled[at + n] += current[other + n]
        if share != np.float32(0):
            for n in range(width):
                pooled[at + n] *= share


@compiled
def spread_currents(g, windows, share, tie, routes, samples, wide):
    """Send gated errors back to the positions whose currents passed the pool.

    Args:
        g: float32 [n, T, Q width].
        tie: float32, not read.
        routes: uint8 [B, T, Q width] as `pool_currents` filled them, or [B, 1, Q width], the same
            at every step.
        samples: int32 [n].
        wide: float32 [n, T, P width], filled.
    """
    wide[:] = np.float32(0)
    width = g.shape[2] // len(windows)
    for k in range(len(samples)):
        for t in range(g.shape[1]):
            errors, into = g[k, t], wide[k, t]
            route = routes[samples[k], t if routes.shape[1] > 1 else 0]
            for q in range(len(windows)):
                window, at = windows[q], q * width
                if share == np.float32(0):
                    for n in range(width):
                        into[window[route[at + n]] * width + n] += errors[at + n]
                    continue
                for position in window:
                    for n in range(width):
                        into[position * width + n] += share * errors[at + n]
