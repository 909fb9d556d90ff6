"""Random changes of training series, within the limits of `AugmentParams`.

stretch    time by a factor exp(U(-stretch, stretch)), linear interpolation
bands      channels moved by U(-bands, bands), linear interpolation: another pitch or vocal
           tract; for channels in an order, as the bands of a filter bank are
gain       one N(0, gain) added to the whole series: another loudness
noise      N(0, noise) added to every value
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ..augment import OF_IMAGES, AugmentParams, refuse_changes


def changed(
    x: np.ndarray, p: AugmentParams, longest: int, generator: torch.Generator | None
) -> np.ndarray:
    """Return a series changed at random, float32 [T, channels].

    Args:
        x: in standard deviations.
        longest: most steps of the result.
    Raises: ValueError for changes of images, or without a generator.
    """
    refuse_changes(p, OF_IMAGES, "series (stretch, bands, gain and noise do)")
    if generator is None:
        raise ValueError(f"generator is None, and {p} draws at random: pass torch.Generator()")
    stretch, move = (2 * torch.rand(2, generator=generator) - 1).tolist()
    if p.stretch:
        steps = round(len(x) * math.exp(stretch * p.stretch))
        x = _between(x, np.linspace(0, len(x) - 1, min(max(2, steps), longest)))
    if p.bands:
        at = np.arange(x.shape[1]) + move * p.bands
        x = _between(x.T, np.clip(at, 0, x.shape[1] - 1)).T
    if p.gain:
        x = x + p.gain * torch.randn(1, generator=generator).numpy()
    if p.noise:
        x = x + p.noise * torch.randn(x.shape, generator=generator).numpy()
    return np.ascontiguousarray(x, np.float32)


def _between(x: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return rows of x at real positions, interpolated."""
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, len(x) - 1)
    share = (at - low)[:, None].astype(np.float32)
    return x[low] * (1 - share) + x[high] * share
