"""A simulated event camera that watches a digit in three saccades.

Its equations, for each pixel:

    L[t] = log(dark + bright * grey / 255)     light, bilinear between the digit's pixels
    ON   when L[t] - L_seen >= on,  then L_seen += on
    OFF  when L_seen - L[t] >= off, then L_seen -= off

with thresholds on, off of every pixel drawn once per camera, times interpolated linearly between
samples of the path, log(dark) around the digit, and random background events of both polarities.
As published for N-MNIST (Orchard et al. 2015, Frontiers in Neuroscience 9:437; the data set's
page): a sensor of 34 x 34 pixels, digits at their own 28 x 28 pixels, the camera moving and not the
digit, three saccades along a triangle, microsecond time stamps. Ours: everything in
`SaccadeParams`, the path's corners and speed, and the equations. Equal seeds give equal events.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import loops
from .nmnist import SENSOR
from .recording import Events

# Corners of the path, in units of the reach: where the digit is before, between and after the
# saccades.
CORNERS = np.array([[-1.0, -1.0], [0.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
MOST = 1 << 17  # events of a simulated recording; real parameters give some thousands


@dataclass(frozen=True, kw_only=True)
class SaccadeParams:
    """The simulated camera and its movement. All values are ours."""

    saccade: int = 100_000  # us per saccade, of three; Orchard et al. 2015: about 100 ms each
    # pixels from the middle of the sensor to the sides of the path: 28 + 2 * 3 = 34
    reach: float = 3.0
    sample: int = 2_500  # us between samples of the path, which moves by at most 0.34 pixels in one
    dark: float = 1.0  # intensity of the background, 1
    bright: float = 9.0  # intensity that full white adds, 1: a contrast of ten
    threshold: float = 0.45  # change of log intensity per event, 1
    mismatch: float = 0.05  # standard deviation of the pixels' thresholds, relative to threshold
    noise: float = 0.3  # background events per pixel and second
    seed: int = 0  # of thresholds and noise

    def __post_init__(self) -> None:
        if not (0 < self.sample <= self.saccade <= 2_000_000):
            raise ValueError(
                f"sample is {self.sample} us and saccade {self.saccade}: need 0 < sample <= saccade"
                " <= 2,000,000"
            )
        if not 0 <= self.reach <= 10:
            raise ValueError(f"reach is {self.reach}; need 0 .. 10 pixels")
        if not (self.dark > 0 and self.bright > 0 and self.threshold > 0.01):
            raise ValueError(
                f"dark {self.dark}, bright {self.bright}, threshold {self.threshold}: need dark,"
                " bright > 0, threshold > 0.01"
            )
        if not (0 <= self.mismatch <= 0.2 and 0 <= self.noise <= 100 and self.seed >= 0):
            raise ValueError(
                f"mismatch {self.mismatch}, noise {self.noise}, seed {self.seed}: need 0 .. 0.2, 0"
                " .. 100 per second, 0 or more"
            )


class Camera(NamedTuple):
    """A simulated camera, ready to watch."""

    params: SaccadeParams
    # upper left corner of the digit at each sample, pixels (column, row), float64 [samples, 2]
    path: np.ndarray
    on: np.ndarray  # threshold of each pixel, log intensity, float64 [34, 34]
    off: np.ndarray


def camera(p: SaccadeParams | None = None) -> Camera:
    """Return the camera with these parameters: its path and its pixels' thresholds."""
    p = p or SaccadeParams()
    samples = p.saccade // p.sample
    part = np.arange(1, samples + 1) / samples
    # A saccade starts and ends at rest; its speed is a raised cosine, at most twice the mean.
    travelled = (part - np.sin(2 * np.pi * part) / (2 * np.pi))[:, None]
    legs = [start + travelled * (stop - start) for start, stop in itertools.pairwise(CORNERS)]
    path = np.concatenate([CORNERS[:1], *legs]) * p.reach + (SENSOR.width - 28) / 2
    draw = np.random.Generator(np.random.PCG64(p.seed)).standard_normal(
        (2, SENSOR.height, SENSOR.width)
    )
    on, off = p.threshold * np.maximum(1 + p.mismatch * draw, 0.3)
    return Camera(p, path, on, off)


def simulate(image: np.ndarray, number: int, watching: Camera) -> Events:
    """Return the camera's events of one image; equal for equal image, number and parameters.

    Args:
        image: grey values, uint8 [28, 28].
        number: of the image in its set; together with the seed it starts the noise.
    """
    p = watching.params
    words = np.empty(MOST, dtype=np.int64)
    seed = np.uint64((p.seed * 0x9E3779B97F4A7C15 + number * 0xD1342543DE82EF95 + 1) % (1 << 64))
    noise = p.noise * 1e-6 * watching.on.size
    light, thresholds = (float(p.sample), p.dark, p.bright), (watching.on, watching.off)
    n = loops.watch(image, watching.path, *light, *thresholds, noise, seed, words)
    if n > MOST:
        raise ValueError(
            f"the threshold of {p.threshold} gives {n:,} events of one image, more than {MOST:,}:"
            " raise it"
        )
    words = np.sort(words[:n])
    column, row, polarity = ((words >> shift & 255).astype(np.uint8) for shift in (8, 16, 0))
    return Events(column, row, polarity, words >> 24)
