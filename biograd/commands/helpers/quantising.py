"""A model in the chip's integers, its outlying weights clipped where --clip says so."""

from __future__ import annotations

from typing import Any

from hardware import clipping
from hardware.border.model import Model
from hardware.fixed_point import FixedPointModel, quantise

from ...data.datasets import DataSet
from ...deployment import CALIBRATION, chip_spikes
from ..console import Console
from .model_flags import ModelFlags

CHOOSING = 1000  # training samples, after those of the calibration, on which --clip auto chooses
NO_CLIP, BEST_CLIP = "none", "auto"


def quantised(
    model: Model, train: DataSet | None, flags: ModelFlags, console: Console
) -> tuple[Model, FixedPointModel, dict[str, Any]]:  # any: JSON
    """Return the model, clipped as the flags say, its integers, and a record of the clipping.

    Args:
        train: training samples, whose rates weigh the rounding errors; None: all weights alike.
    """
    bits = flags.weight_bits
    calibration = None
    if train is not None:
        calibration = chip_spikes(model, train.subset(slice(0, CALIBRATION)))
    if flags.clip == NO_CLIP:
        return model, quantise(model, calibration=calibration, weight_bits=bits), {}
    if flags.clip == BEST_CLIP:
        if train is None or calibration is None:
            raise ValueError(
                "clip is 'auto', which training samples choose, and --spikes has none: name a"
                " percentile, e.g. 99.9, or a --dataset"
            )
        start = CALIBRATION if len(train) > CALIBRATION else 0
        others = train.subset(slice(start, CALIBRATION + CHOOSING))
        choice = clipping.choose(model, calibration, chip_spikes(model, others), weight_bits=bits)
        _print_choice(choice, len(others), console)
        model, layers, record = choice.model, choice.layers, choice.as_dict()
    else:
        percentile = _percentile(flags.clip)
        model, layers = clipping.clip_weights(model, percentile)
        record = {"percentile": percentile, "layers": [vars(layer).copy() for layer in layers]}
    for number, layer in enumerate(layers, start=1):
        if layer.clipped_weights:
            console.say(
                f"layer {number}: weights clipped to {layer.limit:.3g} thresholds:"
                f" {layer.clipped_weights:,}; the largest was {layer.largest:.3g}"
            )
    fixed = quantise(model, calibration=calibration, weight_bits=bits)
    return model, fixed, {"clip": record}


def _percentile(text: str) -> float:
    try:
        percentile = float(text)
    except ValueError:
        percentile = 0.0
    if not 0 < percentile <= 100:
        raise ValueError(
            f"clip is {text!r}; known: {NO_CLIP}, {BEST_CLIP}, or a percentile above 0, up to 100,"
            " e.g. 99.9"
        )
    return percentile


def _print_choice(choice: clipping.ClipChoice, samples: int, console: Console) -> None:
    tried = ", ".join(
        f"{percentile:g}: {100 * accuracy:.1f} %"
        for percentile, accuracy in choice.accuracies.items()
    )
    console.say(
        f"clip at percentile {choice.percentile:g} of each layer's weights, chosen on {samples:,}"
        f" training samples ({tried}; 100 clips nothing)"
    )
