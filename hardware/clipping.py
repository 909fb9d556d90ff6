"""Clipping of outlying weights before they are rounded to integers.

The largest weight of a layer sets its unit: one weight far from the others makes many of them 0.
`clip_weights` limits each layer to a percentile of its weights' magnitudes, and `choose` tries some
percentiles and keeps the one with the best accuracy on samples that are no test samples.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import targets
from .border.model import LayerModel, Model, SpikeInput
from .fixed_point import quantise

PERCENTILES = (100.0, 99.99, 99.9, 99.5, 99.0)  # tried by `choose`; 100: nothing is clipped


@dataclass(frozen=True, kw_only=True)
class LayerClip:
    """Effect of clipping on one layer, in thresholds."""

    limit: float  # no weight is larger
    largest: float  # before
    clipped_weights: int


@dataclass(frozen=True, kw_only=True)
class ClipChoice:
    """The percentile that some samples chose, and the model clipped to it."""

    model: Model
    percentile: float
    layers: tuple[LayerClip, ...]
    accuracies: dict[float, float]  # of every percentile tried

    def as_dict(self) -> dict[str, Any]:  # any: JSON
        """Return the choice as JSON can hold it, without the model."""
        return {
            "percentile": self.percentile,
            "layers": [vars(layer).copy() for layer in self.layers],
            "tried": [
                {"percentile": percentile, "accuracy": accuracy}
                for percentile, accuracy in self.accuracies.items()
            ],
        }


def clip_weights(model: Model, percentile: float) -> tuple[Model, tuple[LayerClip, ...]]:
    """Limit the weights of each layer to a percentile of their magnitudes.

    Args:
        percentile: above 0, at most 100; the limit is the largest magnitude within it, so at 100
            nothing changes.
    Returns: the new model, and what was clipped in each layer.
    Raises: ValueError for another percentile, or a model that holds the chip's own integers.
    """
    if not 0 < percentile <= 100:
        raise ValueError(f"the percentile to clip at is {percentile:g}; need it above 0, up to 100")
    if percentile < 100 and "quantisation" in model.info:
        raise ValueError(
            "the model was learned in the chip's integers, which clipping would change: leave the"
            " clip out"
        )
    clipped, clips = [], []
    for layer in model.layers:
        w, clip = _clip(layer, percentile)
        clipped.append(dataclasses.replace(layer, w=w))
        clips.append(clip)
    return dataclasses.replace(model, layers=tuple(clipped)), tuple(clips)


def choose(
    model: Model, calibration: SpikeInput, samples: SpikeInput, *, weight_bits: int = 8
) -> ClipChoice:
    """Return the percentile of `PERCENTILES` whose integers are right on most samples.

    Of those within a standard error of the best, the one that clips the fewest weights: some
    samples more or less are chance.

    Args:
        calibration: training samples that set the weight scales, as in `quantise`.
        samples: other training samples, with labels, which choose.
    """
    if samples.labels is None:
        raise ValueError("the samples have no labels: accuracy, which chooses, needs them")
    accuracies = {}
    for percentile in PERCENTILES:
        clipped, _ = clip_weights(model, percentile)
        fixed = quantise(clipped, calibration=calibration, weight_bits=weight_bits)
        result = targets.run(fixed, samples, "emulator")
        accuracies[percentile] = result.accuracy(samples.labels)
    best = max(accuracies.values())
    enough = best - math.sqrt(best * (1 - best) / samples.spikes.shape[1])
    chosen = next(percentile for percentile in PERCENTILES if accuracies[percentile] >= enough)
    clipped, layers = clip_weights(model, chosen)
    return ClipChoice(model=clipped, percentile=chosen, layers=layers, accuracies=accuracies)


def _clip(layer: LayerModel, percentile: float) -> tuple[np.ndarray, LayerClip]:
    magnitude = np.abs(layer.w)
    # "lower": one of the weights, and not a number between two of them
    limit = np.quantile(magnitude, percentile / 100, method="lower")
    clip = LayerClip(
        limit=float(limit),
        largest=float(magnitude.max()),
        clipped_weights=int((magnitude > limit).sum()),
    )
    return np.clip(layer.w, -limit, limit), clip
