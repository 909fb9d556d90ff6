"""Samples as the spikes of a frozen front, for heads and prototypes that learn on the chip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hardware.border.files import read_model
from hardware.border.model import Model, OperationCounts
from hardware.fixed_layers import FixedPointModel
from hardware.learning import front

from ...data.datasets import ImageSet, load_images
from ...deployment import CALIBRATION, PORTION, chip_spikes
from ..console import Console
from .named import model_file

Arrays = tuple[np.ndarray, np.ndarray]
_KNOWN = ("mnist", "fashion")  # data sets of grey images


@dataclass(frozen=True, kw_only=True, eq=False)
class FrontFeatures:
    """A trained network's front in the chip's integers, and its spikes of some sets of images."""

    model: Model  # the whole network
    fixed: FixedPointModel  # its front, whose scales its own training images set
    halves: tuple[Arrays, ...]  # of each set: spikes uint64 [n, neurons], labels int64 [n]
    operations: OperationCounts  # of the first set


def front_features(file: str, *sets: ImageSet, dataset: str, console: Console) -> FrontFeatures:
    """Run a network's layers but the last over sets of images.

    Args:
        file: of a network, or a run folder with one.
        dataset: whose training images set the scales of a network that names no data set.
    """
    model = read_model(model_file(Path(file)))
    frozen = front.front_of(model)
    own = str(model.info.get("dataset", dataset))
    calibration = load_images(own if own in _KNOWN else dataset, "train")
    calibration = calibration.subset(slice(0, CALIBRATION))
    fixed = front.quantised(frozen, chip_spikes(frozen, calibration))
    console.say(
        f"frozen features: {frozen.layers[-1].neurons:,} neurons, the last of"
        f" {len(frozen.layers)} frozen layer{'s' if len(frozen.layers) > 1 else ''} in the chip's"
        " integers"
    )
    runs = []
    with console.bar("running the frozen layers", unit="samples") as bar:
        total, done = sum(map(len, sets)), 0
        for images in sets:
            parts = []
            for first in range(0, len(images), PORTION):
                portion = images.subset(slice(first, first + PORTION))
                parts.append(front.run(fixed, chip_spikes(frozen, portion)))
                done += len(portion)
                bar(done, total, "")
            runs.append(front.joined(parts))
    halves = [(run.spikes, part.y.numpy()) for run, part in zip(runs, sets, strict=True)]
    return FrontFeatures(
        model=model, fixed=fixed, halves=tuple(halves), operations=runs[0].operations
    )
