"""What deploying a trained network takes: its samples as spikes for the chip, its unused inputs
cut, its price per sample.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from hardware import limits
from hardware.border.model import Model, OperationCounts, SpikeInput
from hardware.energy import DAVIES2018, EnergyEstimate, EnergyProfile, estimate

from .data.datasets import DataSet
from .data.events.sets import EventSet
from .data.samples import spikes_of as spikes_of_samples
from .encoders import ENCODERS, EVENTS, integrate_and_fire

CALIBRATION = 500  # training images that set the weight scales
PORTION = 500  # recordings read at a time


def spikes_of(model: Model, samples: DataSet) -> SpikeInput:
    """Images as the model's own encoder makes spikes of them; recordings as they are, read a
    portion at a time.
    """
    recorded = isinstance(samples, EventSet)
    if recorded != (model.encoder == EVENTS):
        raise ValueError(
            f"{samples.name} holds {samples.kind} and the model was trained with encoder"
            f" {model.encoder!r}: name its own data set"
        )
    encoder, portion = (
        ENCODERS.get(model.encoder, integrate_and_fire),
        (PORTION if recorded else len(samples)),
    )
    generator = torch.Generator().manual_seed(0)
    parts = [
        spikes_of_samples(samples, members, model.steps, encoder=encoder, generator=generator)
        .numpy()
        .astype(np.uint8)
        for members in torch.arange(len(samples)).split(portion)
    ]
    return SpikeInput(spikes=np.concatenate(parts, axis=1), labels=samples.y.numpy())


def connected(model: Model, *given: SpikeInput) -> tuple[Any, ...]:
    """The model without inputs whose weights are all 0, and spikes without theirs: what has no
    synapse is not sent, placed or visited.
    """
    first = model.layers[0]
    kept = first.w.any(axis=0)
    if kept.all() or not kept.any():
        return model, *given
    layers = (dataclasses.replace(first, w=first.w[:, kept]), *model.layers[1:])
    return dataclasses.replace(model, layers=layers), *(
        SpikeInput(spikes=s.spikes[:, :, kept], labels=s.labels) for s in given
    )


def price(
    operations: OperationCounts,
    places: tuple[limits.LayerFit, ...],
    profile: EnergyProfile = DAVIES2018,
) -> EnergyEstimate:
    """Energy and time a sample of layers that lie on these cores."""
    return estimate(operations, [layer.cores for layer in places], profile)
