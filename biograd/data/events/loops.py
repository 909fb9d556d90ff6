"""Compiled loops over events: check, bin, unpack and pack the five-byte format, simulate a camera.

Each is one pass over the events, on one thread and without Python's lock. The modules that call
them, `recording`, `nmnist` and `camera`, document the meaning and the equations.
"""

from __future__ import annotations

import math

import numpy as np

from ...kernels.compiled import compiled

# Codes of `first_fault`.
OK, BELOW_ZERO, OUTSIDE_SENSOR, POLARITY, NEGATIVE_TIME, DISORDER = range(6)
OVERFLOW_ROW = 240  # a five-byte event with this y is a mark: the clock has wrapped
OVERFLOW_TIME = 1 << 13  # us added to every later timestamp


@compiled
def first_fault(x, y, p, t, width, height, polarities):
    """Return (code, index) of the first wrong event; (OK, 0) where none is wrong.

    Args:
        x, y, p, t: the events' columns, integers [events].
        width, height: of the sensor, pixels.
    """
    before = np.int64(0)
    for i in range(t.shape[0]):
        if x[i] < 0 or y[i] < 0:
            return BELOW_ZERO, i
        if x[i] >= width or y[i] >= height:
            return OUTSIDE_SENSOR, i
        if p[i] < 0 or p[i] >= polarities:
            return POLARITY, i
        if t[i] < 0:
            return NEGATIVE_TIME, i
        if t[i] < before:
            return DISORDER, i
        before = t[i]
    return OK, 0


@compiled
def scatter(x, y, p, t, move, width, height, window, steps, words):
    """Set the bit of every event's step in the word of its input.

    Args:
        move: the affine change of coordinates, float64 [2, 3]: column = move[0, 0] x + move[0, 1] y
            + move[0, 2], row likewise.
        window: time that the steps span, us.
        words: bit step % 32 of words[step // 32, input]; uint32 [ceil(T / 32), polarities height
            width], zeros.
    Returns: the number of events after the window, off the sensor, and on a bit already set.
    """
    still = move[0, 0] == 1 and move[0, 1] == 0 and move[1, 0] == 0 and move[1, 1] == 1
    across, down = math.floor(move[0, 2] + 0.5), math.floor(move[1, 2] + 0.5)
    late = lost = merged = 0
    for i in range(t.shape[0]):
        if t[i] >= window:
            late += 1
            continue
        if still:
            column, row = int(x[i]) + across, int(y[i]) + down
        else:
            column = math.floor(move[0, 0] * x[i] + move[0, 1] * y[i] + move[0, 2] + 0.5)
            row = math.floor(move[1, 0] * x[i] + move[1, 1] * y[i] + move[1, 2] + 0.5)
        if column < 0 or row < 0 or column >= width or row >= height:
            lost += 1
            continue
        step = t[i] * steps // window
        at = (int(p[i]) * height + row) * width + column
        bit = np.uint32(1) << np.uint32(step & 31)
        if words[step >> 5, at] & bit:
            merged += 1
        words[step >> 5, at] |= bit
    return late, lost, merged


@compiled
def unpack(raw, x, y, p, t):
    """Unpack five-byte events into columns; returns their number, overflow marks left out."""
    n, wrapped = 0, np.int64(0)
    for at in range(0, raw.shape[0], 5):
        if raw[at + 1] == OVERFLOW_ROW:
            wrapped += OVERFLOW_TIME
            continue
        x[n], y[n], p[n] = raw[at], raw[at + 1], raw[at + 2] >> 7
        t[n] = wrapped + (
            np.int64(raw[at + 2] & 127) << 16 | np.int64(raw[at + 3]) << 8 | np.int64(raw[at + 4])
        )
        n += 1
    return n


@compiled
def pack(x, y, p, t, raw):
    """Pack columns into five-byte events."""
    for i in range(t.shape[0]):
        at = 5 * i
        raw[at], raw[at + 1] = x[i], y[i]
        raw[at + 2] = p[i] << 7 | (t[i] >> 16) & 127
        raw[at + 3], raw[at + 4] = (t[i] >> 8) & 255, t[i] & 255


@compiled
def watch(image, path, dt, dark, bright, on, off, noise, seed, events):
    """Simulate an event camera that watches one moving image; `camera` has the equations.

    Args:
        image: grey values, uint8 [h, w].
        path: the image's upper left corner at each sample, pixels (column, row), float64
            [samples, 2].
        dt: time between samples, us.
        dark, bright: intensity of grey value 0, and the intensity that 255 adds, 1.
        on, off: thresholds of each pixel in log intensity, float64 [height, width].
        noise: background events per microsecond of all pixels together.
        seed: of the noise, uint64.
        events: filled with sortable words t << 24 | y << 16 | x << 8 | p, int64 [MOST].
    Returns: the number of events; where more than fit, those that fit are kept.
    """
    height, width = on.shape
    first, last, near, far = _lit(image)
    n = 0
    for row in range(height):
        if row <= path[:, 1].min() + first - 1 or row >= path[:, 1].max() + last + 1:
            continue
        for column in range(width):
            if near - 1 < column - path[:, 0].min() and column - path[:, 0].max() < far + 1:
                on_here, off_here = on[row, column], off[row, column]
                n = _watch_pixel(
                    image, path, dt, dark, bright, on_here, off_here, row, column, events, n
                )
    state, draw = _draw(seed)
    t = -math.log(1 - draw) / noise if noise > 0 else np.inf
    while t < (path.shape[0] - 1) * dt:  # a Poisson process over all pixels
        state, draw = _draw(state)
        place = int(draw * (2 * height * width))
        if n < events.shape[0]:
            events[n] = _word(t, place // 2 // width, place // 2 % width, place & 1)
        n += 1
        state, draw = _draw(state)
        t -= math.log(1 - draw) / noise
    return n


@compiled
def _watch_pixel(image, path, dt, dark, bright, on, off, row, column, events, n):
    """Add one pixel's events to `events` from index n on; returns the index after the last."""
    floor = math.log(dark)
    reference = old = floor
    for k in range(path.shape[0]):
        light = _bilinear(image, row - path[k, 1], column - path[k, 0])
        new = math.log(dark + bright * light / 255) if light > 0 else floor
        if k == 0:  # the pixel has adapted to the first picture
            reference = new
        while new - reference >= on:
            reference += on
            if n < events.shape[0]:
                events[n] = _word((k - 1 + (reference - old) / (new - old)) * dt, row, column, 1)
            n += 1
        while reference - new >= off:
            reference -= off
            if n < events.shape[0]:
                events[n] = _word((k - 1 + (old - reference) / (old - new)) * dt, row, column, 0)
            n += 1
        old = new
    return n


@compiled
def _lit(image):
    """Return the first and last row and column that are not black; empty ranges where all are."""
    h, w = image.shape
    top, bottom, left, right = h, -1, w, -1
    for r in range(h):
        for c in range(w):
            if image[r, c]:
                top, bottom, left, right = min(top, r), max(bottom, r), min(left, c), max(right, c)
    return top, bottom, left, right


@compiled
def _bilinear(image, r, c):
    """Return the grey value at (r, c) between pixels; 0 outside the image."""
    h, w = image.shape
    top, left = math.floor(r), math.floor(c)
    if top < -1 or left < -1 or top >= h or left >= w:
        return 0.0
    fr, fc = r - top, c - left
    light = 0.0
    if top >= 0:
        if left >= 0:
            light += (1 - fr) * (1 - fc) * image[top, left]
        if left + 1 < w:
            light += (1 - fr) * fc * image[top, left + 1]
    if top + 1 < h:
        if left >= 0:
            light += fr * (1 - fc) * image[top + 1, left]
        if left + 1 < w:
            light += fr * fc * image[top + 1, left + 1]
    return light


@compiled
def _word(t, row, column, polarity):
    """Return an event as one sortable integer."""
    return np.int64(t) << 24 | np.int64(row) << 16 | np.int64(column) << 8 | np.int64(polarity)


@compiled
def _draw(state):
    """Return the next state and a number in 0..1, the same on every machine.

    Source: SplitMix64 (Steele, Lea and Flood 2014).
    """
    state += np.uint64(0x9E3779B97F4A7C15)
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return state, float(z >> np.uint64(11)) / 9007199254740992.0
