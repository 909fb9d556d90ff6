"""A trained network as a fixed front: its spikes before the last layer, for a head that learns.

The front runs in the chip's integers, by the emulator; convolutions stay as they are, and only the
head's synapses are plastic. Its last layer, the classes it was trained on, is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from .. import emulator
from ..border.checks import instance_of
from ..border.model import Model, SpikeInput
from ..fixed_layers import FixedPointModel
from ..fixed_point import quantise

MAX_STEPS = 64  # spikes of a sample in one integer
_AT_ONCE = 250  # samples


def front_of(model: Model) -> Model:
    """Return all layers but the last.

    Raises: ValueError for a model of one layer, one of too many steps, or one whose last hidden
        layer has no spikes.
    """
    instance_of(model, Model, "model", "a Model, e.g. of read_model")
    if len(model.layers) < 2:
        raise ValueError(
            "the model has 1 layer, its classes: a front needs at least one hidden layer"
        )
    if model.steps > MAX_STEPS:
        raise ValueError(
            f"the model runs for {model.steps} steps; a front can have {MAX_STEPS}: train it with"
            " fewer steps"
        )
    if not model.layers[-2].fires:
        raise ValueError(f"layer {len(model.layers) - 1} sends no spikes that a head could take")
    return dataclasses.replace(model, layers=model.layers[:-1])


def quantised(front: Model, calibration: SpikeInput | None = None) -> FixedPointModel:
    """Return the front in the chip's integers."""
    return quantise(front, calibration=calibration)


def features(front: FixedPointModel, samples: Iterable[SpikeInput]) -> np.ndarray:
    """Return the spikes of the front's last layer, uint64 [n, neurons]: bit t is that of step t.

    Args:
        samples: encoded samples in portions of any size, so that not all are in memory at once.
    Raises: as `hardware.emulator.run`.
    """
    packed = []
    for portion in samples:
        for first in range(0, portion.spikes.shape[1], _AT_ONCE):
            part = SpikeInput(spikes=portion.spikes[:, first : first + _AT_ONCE])
            run = emulator.run(front, part, record=("s",))
            spikes = run.s[-1] if run.s else np.zeros((0, 0, 0), dtype=np.uint8)
            bits = np.arange(len(spikes), dtype=np.uint64)[:, None, None]
            packed.append((spikes.astype(np.uint64) << bits).sum(axis=0, dtype=np.uint64))
    return np.concatenate(packed)
