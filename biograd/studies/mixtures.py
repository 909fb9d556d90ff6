"""Sources to be separated: periodic signals, voices, pieces of a photograph."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..checks import whole_number, word_of

RATE = 16_000  # samples per second of voices
VOICE_SAMPLES = 32_851  # Source: the authors' public code, as the mixtures of all three tasks
PATCH = 252  # pixels
# Formants of five vowels, hertz. Source: Peterson and Barney 1952, means of men, rounded.
_FORMANTS = (
    (270, 2290, 3010),
    (530, 1840, 2480),
    (730, 1090, 2440),
    (570, 840, 2410),
    (300, 870, 2240),
)
_PLACES = ((0, 0), (0, 252), (340, 252))  # upper left corners of the patches, pixels
_SHIFT = 8  # pixels by which each patch may lie further down and right


class Mixture(NamedTuple):
    """Sources, and what a population of receivers hears of them."""

    sources: np.ndarray  # [sources, samples], of mean 0 and variance 1
    mixing: np.ndarray  # [channels, sources]
    x: np.ndarray  # [channels, samples]


def mixture(task: str, seed: int) -> Mixture:
    """Return the mixture of a task: "periodic", "voices" or "patches".

    Example:
        >>> mixture("periodic", 0).x.shape
        (4, 10000)
    """
    word_of(task, TASKS, "task")
    rng = np.random.default_rng(whole_number(seed, "seed"))
    sources, reach = TASKS[task](rng)
    sources = sources - sources.mean(axis=1, keepdims=True)
    sources = sources / sources.std(axis=1, keepdims=True)
    mixing = rng.uniform(-reach, reach, (len(sources), len(sources)))
    return Mixture(sources, mixing, mixing @ sources)


def _periodic(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return a square wave, a sine, a sawtooth and Laplace noise; 1 second at 10 kHz."""
    t = np.arange(10_000) / 10_000
    square = np.sign(np.cos(2 * math.pi * 155 * t))
    sawtooth = 2 * (200 * t % 1) - 1
    sources = [square, np.sin(2 * math.pi * 180 * t), sawtooth, rng.laplace(size=t.size)]
    return np.stack(sources), 0.5


def _voices(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return two synthesised voices and uniform noise; 2 seconds at 16 kHz."""
    # the pauses give the two their different kurtosis
    fast = _voice(rng, pitch=210.0, syllable=0.15, silence=0.6)
    slow = _voice(rng, pitch=110.0, syllable=0.25, silence=0.0)
    return np.stack([fast, slow, rng.uniform(-1, 1, VOICE_SAMPLES)]), 1.0


def _voice(
    rng: np.random.Generator, *, pitch: float, syllable: float, silence: float
) -> np.ndarray:
    """Return vowels spoken one after the other: glottal pulses through three damped resonances.

    Args:
        pitch: hertz, on the average. syllable: seconds. silence: fraction of syllables left out.
    """
    out = np.zeros(VOICE_SAMPLES)
    length = int(syllable * RATE)
    ring = np.arange(int(0.03 * RATE)) / RATE
    starts = range(0, VOICE_SAMPLES, length)
    silent = set(rng.permutation(len(starts))[: round(silence * len(starts))].tolist())
    for number, start in enumerate(starts):
        formants = _FORMANTS[rng.integers(len(_FORMANTS))]
        tone, loud = pitch * rng.uniform(0.8, 1.25), rng.uniform(0.7, 1.0)
        if number in silent:
            continue
        here = np.arange(min(length, VOICE_SAMPLES - start)) / RATE
        phase = np.cumsum(tone * (1 - 0.15 * here / syllable)) / RATE
        pulses = np.diff(np.floor(phase), prepend=0.0)
        throat = sum(
            np.exp(-math.pi * width * ring) * np.sin(2 * math.pi * f * ring) / (1 + rank)
            for rank, (f, width) in enumerate(zip(formants, (60.0, 90.0, 150.0), strict=True))
        )
        envelope = loud * np.sin(math.pi * here / syllable) ** 2
        spoken = np.convolve(pulses, np.asarray(throat))[: here.size]
        out[start : start + here.size] = envelope * spoken
    return out


def _patches(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return three patches of the photograph that matplotlib ships."""
    from matplotlib.cbook import get_sample_data  # heavy, and of use for this task alone
    from PIL import Image

    with Image.open(str(get_sample_data("grace_hopper.jpg", asfileobj=False))) as photograph:
        grey = np.asarray(photograph.convert("L"), np.float64)
    shifts = rng.integers(0, _SHIFT + 1, (len(_PLACES), 2))
    corners = zip(_PLACES, shifts.tolist(), strict=True)
    pieces = [
        grey[r + down : r + down + PATCH, c + right : c + right + PATCH].reshape(-1)
        for (r, c), (down, right) in corners
    ]
    return np.stack(pieces), 0.5


TASKS = {"periodic": _periodic, "voices": _voices, "patches": _patches}
