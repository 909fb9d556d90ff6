"""Spikes from series: each channel drives one neuron that fires when it is high, one when low.

    integrate_and_fire    a[t] = a[t-1] + min(|x[t]| scale, 1), of the neuron of x's sign; a spike
                          where a >= 1, which takes 1 away; a = 1/2 at first. With `delta`, two more
                          neurons are driven by x[t] - x[t - delta]
    level_crossing        a spike up where x[t] >= level + threshold, one down where x[t] <= level -
                          threshold; the level follows by one threshold; it is 0 at first

Source: integrate-and-fire as in `encoders.integrate_and_fire`; level crossing: send-on-delta,
Miskowicz 2006 (Sensors 6:49), the coding of silicon cochleas and event cameras. Both keep a state
of fixed size, so a stream in chunks gives the spikes of the whole series, to the bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...params.signal import CodingParams as CodingParams


class CodingState(NamedTuple):
    """State of a coding between two steps."""

    level: np.ndarray  # potentials (integrate_and_fire) or levels (level_crossing), float32
    past: np.ndarray  # the last `delta` steps of x, float32 [delta, ..., channels]
    step: int  # steps so far


def coding_start(x: np.ndarray, p: CodingParams) -> CodingState:
    """Return the state before the first step, for series like one step of x, [..., channels]."""
    if p.coding == "level_crossing":
        return CodingState(np.zeros(x.shape, np.float32), np.zeros((0, *x.shape), np.float32), 0)
    inputs = (*x.shape[:-1], x.shape[-1] * p.inputs_per_channel)
    past = np.zeros((p.delta, *x.shape), np.float32)
    return CodingState(np.full(inputs, 0.5, np.float32), past, 0)


def coding_steps(
    state: CodingState, x: np.ndarray, p: CodingParams
) -> tuple[np.ndarray, CodingState]:
    """Return the spikes of some steps, float32 0 or 1, and the state after them.

    Args:
        x: float32 [T, ..., channels], standard deviations from the mean; one or several series.
    Returns: spikes [T, ..., inputs]; first the high ones of all channels, then the low ones, of
        changes in the same order.

    Example:
        >>> x, p = np.array([[2.0], [2.0], [-1.0]], np.float32), CodingParams(delta=0)
        >>> coding_steps(coding_start(x[0], p), x, p)[0].tolist()    # high, low
        [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    if p.coding == "level_crossing":
        return _crossings(state, x, np.float32(p.threshold))
    drive = _both_signs(x)
    past = state.past
    if p.delta:
        if not state.step and len(x):  # before the first step x stood still
            past = np.broadcast_to(x[0], past.shape)
        joined = np.concatenate([past, x])
        drive = np.concatenate([drive, _both_signs(x - joined[: len(x)])], -1)
        past = joined[len(joined) - p.delta :]
    drive = np.minimum(drive * np.float32(p.scale), np.float32(1))
    a, s = state.level.copy(), np.empty_like(drive)
    for t in range(len(drive)):
        a += drive[t]
        np.greater_equal(a, 1, out=s[t])
        a -= s[t]
    return s, CodingState(a, past, state.step + len(x))


def _crossings(
    state: CodingState, x: np.ndarray, threshold: np.float32
) -> tuple[np.ndarray, CodingState]:
    level, channels = state.level.copy(), x.shape[-1]
    s = np.empty((*x.shape[:-1], 2 * channels), np.float32)
    for t in range(len(x)):
        up, down = x[t] >= level + threshold, x[t] <= level - threshold
        s[t, ..., :channels], s[t, ..., channels:] = up, down
        level += threshold * (up.astype(np.float32) - down)
    return s, CodingState(level, state.past, state.step + len(x))


def _both_signs(x: np.ndarray) -> np.ndarray:
    return np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], -1)
