"""Steps of every deployment: samples as spikes for the chip, unused inputs removed, the price.

The price is also split into communication and computation (`energy_split`).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from hardware import emulator, limits
from hardware.border.model import Model, OperationCounts, SpikeInput
from hardware.energy import DAVIES2018, PROFILES, EnergyEstimate, EnergyProfile, estimate
from hardware.fixed_point import quantise

from .data.datasets import DataSet
from .data.events.sets import EventSet
from .data.samples import spikes_of
from .data.sound.series import SeriesSet
from .encoders import ENCODERS, EVENTS, integrate_and_fire
from .params.signal import CodingParams, MelParams
from .studies.energy_split import best_inputs, joules_per_bit

CALIBRATION = 500  # training samples that set the weight scales
PORTION = 500  # recordings read at a time


def chip_spikes(model: Model, samples: DataSet) -> SpikeInput:
    """Encode images with the model's own encoder; read recordings as they are, a portion at a time.

    Raises: ValueError for images on a model of recordings, or the other way round.
    """
    return encoded(samples, model.encoder, model.steps)


def encoded(samples: DataSet, encoder: str, steps: int) -> SpikeInput:
    """Return samples as spikes for the chip, by an encoder's name; see `chip_spikes`."""
    recorded = isinstance(samples, EventSet | SeriesSet)
    if recorded != (encoder == EVENTS):
        raise ValueError(
            f"{samples.name} holds {samples.kind} and the model was trained with encoder"
            f" {encoder!r}: name its own data set"
        )
    if encoder == "direct":
        raise ValueError(
            "the model was trained with encoder 'direct', whose inputs are graded, and the chip"
            " takes spikes: train with --encoder integrate_and_fire"
        )
    if isinstance(samples, EventSet):
        samples.check_times()
    if isinstance(samples, SeriesSet):
        return _series_spikes(samples, steps)
    function = ENCODERS.get(encoder, integrate_and_fire)
    generator = torch.Generator().manual_seed(0)
    portions = torch.arange(len(samples)).split(PORTION if recorded else len(samples))
    spikes = [
        spikes_of(samples, members, steps, encoder=function, generator=generator)
        .numpy()
        .astype(np.uint8)
        for members in portions
    ]
    return SpikeInput(spikes=np.concatenate(spikes, axis=1), labels=samples.y.numpy())


def signal_params(info: dict[str, Any]) -> tuple[MelParams, CodingParams]:  # any: JSON
    """Return filter bank and coding that a model of series was trained with, from its metadata.

    Raises: ValueError for metadata that name none.
    """
    given = {name: info.get(name, {}) for name in ("mel", "coding")}
    try:
        return MelParams(**given["mel"]), CodingParams(**given["coding"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"the model's metadata name no coding of series: {error}") from None


def connected(model: Model, *inputs: SpikeInput) -> tuple[Any, ...]:  # any: Model, SpikeInput, ...
    """Return the model without inputs whose weights are all 0, and the spikes without theirs.

    An input without synapses is not sent, placed on a core or visited.
    """
    first = model.layers[0]
    if first.conv is not None or first.delay is not None:
        return model, *inputs
    kept = first.w.any(axis=0)
    if kept.all() or not kept.any():
        return model, *inputs
    layers = (dataclasses.replace(first, w=first.w[:, kept]), *model.layers[1:])
    return dataclasses.replace(model, layers=layers), *(
        dataclasses.replace(s, spikes=s.spikes[:, :, kept]) for s in inputs
    )


def _series_spikes(samples: SeriesSet, steps: int) -> SpikeInput:
    """Return series of unequal length, all padded to the steps of the model."""
    spikes = np.zeros((steps, len(samples), samples.inputs), np.uint8)
    for members in torch.arange(len(samples)).split(PORTION):
        s = samples.spikes(members, steps)
        spikes[: len(s), members.numpy()] = s.numpy()
    return SpikeInput(spikes=spikes, labels=samples.y.numpy(), lengths=samples.lengths.numpy())


def price(
    operations: OperationCounts,
    places: tuple[limits.LayerFit, ...],
    profile: EnergyProfile = DAVIES2018,
) -> EnergyEstimate:
    """Estimate energy and time per sample of layers on these cores (`limits.Fit.layers`)."""
    return estimate(operations, [layer.cores for layer in places], profile)


def energy_split(model: Model, train: DataSet, test: DataSet) -> dict[str, Any]:  # any: JSON
    """Return communication against computation of one test sample on Loihi 1, modelled.

    Communication is spikes and messages, computation synapses and neurons. Spikes are those of the
    network's neurons, inputs per spike the synaptic operations per such spike.

    Args:
        train: its first `CALIBRATION` samples set the weight scales.
        test: samples whose operations are counted, all of them.
    Returns: cores, spikes, inputs_per_spike, and the split under each name of `PROFILES`.
    Raises: ValueError where the network cannot run on the chip, or sends no spikes.
    """
    calibration = chip_spikes(model, train.subset(slice(0, CALIBRATION)))
    spikes = chip_spikes(model, test)
    fixed = quantise(model, calibration=calibration)
    fit = limits.check(fixed)
    counts = emulator.run(fixed, spikes).operations
    fired = float(counts.spikes[1:].sum()) / counts.samples
    if not fired:
        raise ValueError(
            "the network sends no spikes on these samples: there is no communication to price;"
            " train it first"
        )
    operations = counts.per_sample()["synaptic_operations"]
    splits = {
        name: _split(price(counts, fit.layers, profile), operations, fired)
        for name, profile in PROFILES.items()
    }
    return {"cores": fit.cores, "spikes": fired, "inputs_per_spike": operations / fired} | splits


def _split(costs: EnergyEstimate, operations: float, fired: float) -> dict[str, float]:
    communication, computation = costs.communication.middle, costs.computation.middle
    synapse = costs.synaptic_operations.middle / operations
    fixed = (costs.neuron_updates.middle + communication) / fired
    best = best_inputs(fixed=fixed, synapse=synapse)
    inputs = operations / fired
    return {
        "communication_j": communication,
        "computation_j": computation,
        "ratio": communication / computation,
        "fixed_j": fixed,
        "synapse_j": synapse,
        "best_inputs": best,
        "j_per_bit": joules_per_bit(inputs, fixed=fixed, synapse=synapse),
        "best_j_per_bit": joules_per_bit(best, fixed=fixed, synapse=synapse),
    }
