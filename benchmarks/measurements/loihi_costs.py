"""The cost of a trained network on Loihi: emulated to the integer, priced by `hardware.energy`.

Modelled, never measured.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from biograd.data.datasets import DataSet, ImageSet
from biograd.deployment import CALIBRATION, chip_spikes, connected, price
from biograd.interop.nir import to_model
from biograd.runs.config import RunConfig
from biograd.training.trainer import Trainer
from hardware import emulator, limits
from hardware.border.model import Model, OperationCounts, RunResult, SpikeInput
from hardware.energy import DAVIES2018, PROFILES, EnergyProfile
from hardware.fixed_point import FixedPointModel, quantise
from hardware.renner2024 import compare

SAMPLES = 2000  # images emulated per figure; the spread of their mean energy is below 1 %
# A sample whose output rates are all this close to their targets is not learned from (ours: chosen
# in our own trials).
MARGIN = 0.1


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A trained network in the chip's integers, run on images, with everything that prices it."""

    model: Model
    fixed: FixedPointModel
    calibration: SpikeInput
    test_spikes: SpikeInput
    inferred: RunResult  # of `test_spikes`, with recorded spikes
    tested: tuple[int, float]  # number of test samples, accuracy in integers
    fewest: OperationCounts  # of training, see `training_operations`
    most: OperationCounts
    updated: float  # fraction of training samples learned from
    inference_places: tuple[limits.LayerFit, ...]
    learning_places: tuple[limits.LayerFit, ...]


def deploy(
    trainer: Trainer, config: RunConfig, train: DataSet, test: DataSet, *, samples: int = SAMPLES
) -> Deployed:
    """Quantise, place on cores, emulate test images (inference) and training images (learning)."""
    model = to_model(
        trainer.learner.net,
        trainer.learner.feedback,
        steps=config.steps,
        encoder=config.encoder,
        info={},
    )
    parts = (
        train.subset(slice(0, CALIBRATION)),
        test.subset(slice(0, samples)),
        train.subset(slice(0, samples)),
    )
    encoded, whole = [chip_spikes(model, part) for part in parts], model
    model, calibration, test_spikes, training_spikes = connected(model, *encoded)
    fixed = quantise(model, calibration=calibration)
    places = limits.place(fixed, "learning")
    learned = emulator.run(fixed, training_spikes, record=("s",))
    sure = None if config.repetition.learn_sure else config.repetition.lead
    fewest, most, updated = training_operations(
        fixed, training_spikes, learned, [layer.cores for layer in places], sure
    )
    return Deployed(
        model=model,
        fixed=fixed,
        calibration=calibration,
        test_spikes=test_spikes,
        inferred=(inferred := emulator.run(fixed, test_spikes, record=("s",))),
        tested=(
            _tested(whole, fixed, test)
            if isinstance(test, ImageSet)
            else (inferred.samples, inferred.accuracy(labels_of(test_spikes)))
        ),
        fewest=fewest,
        most=most,
        updated=updated,
        inference_places=limits.check(fixed).layers,
        learning_places=places,
    )


def _tested(model: Model, fixed: FixedPointModel, test: DataSet) -> tuple[int, float]:
    """Return the number of test images and the accuracy in integers, a portion at a time."""
    right = 0.0
    for first in range(0, len(test), SAMPLES):
        _, part = connected(model, chip_spikes(model, test.subset(slice(first, first + SAMPLES))))
        right += emulator.run(fixed, part).accuracy(labels_of(part)) * part.spikes.shape[1]
    return len(test), right / len(test)


def costs(d: Deployed) -> dict[str, Any]:  # any: JSON
    """Return accuracy in integers, operations, cores, joules and seconds, of both modes."""
    return {
        "samples": d.inferred.samples,
        "test_images": d.tested[0],
        "test_accuracy": d.tested[1],
        "weight_bits": d.fixed.layers[0].weight_bits,
        "steps": d.model.steps,
        "sizes": list(d.model.sizes),
        "fit": {
            "inference": [dataclasses.asdict(layer) for layer in d.inference_places],
            "learning": [dataclasses.asdict(layer) for layer in d.learning_places],
        },
        "operations_per_sample": d.inferred.operations.per_sample(),
        "training_operations_per_sample": {
            "fewest": d.fewest.per_sample(),
            "most": d.most.per_sample(),
        },
        "samples_learned_from": d.updated,
        "inference": {
            name: price(d.inferred.operations, d.inference_places, profile).record()
            for name, profile in PROFILES.items()
        },
        "training": {
            name: price_training(d.fewest, d.most, d.learning_places, profile)
            for name, profile in PROFILES.items()
        },
    }


def validation() -> dict[str, Any]:  # any: JSON
    """Return the energy model's figures beside Renner et al.'s measurements, per profile."""
    return {
        name: [
            row._asdict()
            | {
                "modelled": list(row.modelled),
                "ratio": row.ratio,
                "inside": row.inside,
            }
            for row in compare(profile)
        ]
        for name, profile in PROFILES.items()
    }


def training_operations(
    fixed: FixedPointModel,
    spikes: SpikeInput,
    result: RunResult,
    cores: list[int],
    lead: int | None = None,
) -> tuple[OperationCounts, OperationCounts, float]:
    """Return the fewest and the most operations of training, and the share of samples learned from.

    Counted from the spikes: error neurons (one spike of either sign per class and step where output
    and target differ), their spikes through the feedback synapses of every hidden neuron, apical
    compartments at every step, and one learning epoch per sample.
    The fewest: only samples whose output is off by more than `MARGIN`, and only synapses of inputs
    that fired. The most: every synapse for every sample. Which of them Loihi's engine visits is not
    public.

    Args:
        spikes: of the input, with labels.
        result: the emulator's, of the same spikes, with recorded `s`.
        cores: of each layer.
        lead: of `UnsureOnly`, if the net was trained with it: samples answered with a smaller lead
            are learned from.
    """
    assert result.s is not None and spikes.labels is not None
    s_out = result.s[-1].astype(np.int64)
    learned_from = _learned_from(s_out, spikes.labels, lead)
    inputs = [spikes.spikes, *result.s[:-1]]
    fewest, most = (np.zeros(len(fixed.layers) + 1, dtype=np.int64) for _ in range(2))
    for number, (layer, s) in enumerate(zip(fixed.layers, inputs, strict=True), start=1):
        out, n_in = layer.w.shape
        bias = layer.w_bias.shape[1]
        fired = s.any(axis=0).compress(learned_from, axis=0)
        fewest[number] = (int(fired.sum()) + bias * int(learned_from.sum())) * out
        most[number] = len(learned_from) * (n_in + bias) * out
    with_errors = _with_errors(result.operations, fixed, s_out, spikes.labels, cores)
    low, high = (
        dataclasses.replace(with_errors, synaptic_updates=updates) for updates in (fewest, most)
    )
    return low, high, float(learned_from.mean())


def _learned_from(s_out: np.ndarray, labels: np.ndarray, lead: int | None) -> np.ndarray:
    """Return which samples are learned from, bool [B].

    Args:
        s_out: output spikes, int64 [T, B, C].
    """
    samples, classes = s_out.shape[1:]
    target = np.eye(classes, dtype=np.int64)[labels]
    if lead is None:
        return np.asarray(np.abs(target - s_out.mean(axis=0)).max(axis=1) > MARGIN)
    counts = s_out.sum(axis=0)
    others = np.where(target, -1, counts).max(axis=1)
    return np.asarray(counts[np.arange(samples), labels] - others < lead)


def _with_errors(
    forward: OperationCounts,
    fixed: FixedPointModel,
    s_out: np.ndarray,
    labels: np.ndarray,
    cores: list[int],
) -> OperationCounts:
    """Add error neurons, feedback and apical compartments to the operations of a forward pass."""
    steps, samples, classes = s_out.shape
    presented = samples * steps
    errors = np.abs(np.eye(classes, dtype=np.int64)[labels] - s_out)
    sent, taught_steps = int(errors.sum()), int(errors.any(axis=2).sum())
    hidden = np.array(fixed.sizes[1:-1], dtype=np.int64)
    spikes, messages = forward.spikes.copy(), forward.messages.copy()
    operations = forward.synaptic_operations.copy()
    active, inactive = forward.active_updates.copy(), forward.inactive_updates.copy()
    spikes[-1] += sent + presented  # of the error neurons; of the target, one per step
    messages[-1] += sent * sum(cores[:-1]) + presented
    # output and target onto the two error neurons of a class
    operations[-1] += 2 * (int(s_out.sum()) + presented)
    operations[1:-1] += sent * hidden
    active[-1] += presented * 2 * classes
    active[1:-1] += taught_steps * hidden
    inactive[1:-1] += (presented - taught_steps) * hidden
    return dataclasses.replace(
        forward,
        spikes=spikes,
        messages=messages,
        synaptic_operations=operations,
        active_updates=active,
        inactive_updates=inactive,
    )


def price_training(
    fewest: OperationCounts,
    most: OperationCounts,
    places: tuple[limits.LayerFit, ...],
    profile: EnergyProfile = DAVIES2018,
) -> dict[str, Any]:  # any: JSON
    """Return energy and time per training sample.

    Lower bounds are those of the fewest operations, upper bounds those of the most.
    """
    low, high = price(fewest, places, profile).record(), price(most, places, profile).record()
    spanned = {name: [low[name][0], high[name][1]] for name in low if isinstance(low[name], list)}  # type: ignore[index]
    return low | spanned


def labels_of(spikes: SpikeInput) -> np.ndarray:
    """Return the labels, which benchmarks always have."""
    assert spikes.labels is not None
    return spikes.labels
