"""What a trained network would cost on Loihi: emulated to the integer, priced by `hardware.energy`.
Modelled, never measured.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from biograd.data.datasets import DataSet, ImageSet
from biograd.deployment import CALIBRATION, chip_spikes, connected, price
from biograd.encoders import ENCODERS, integrate_and_fire
from biograd.interop.nir import to_model
from biograd.runs.config import RunConfig
from biograd.training.trainer import Trainer
from hardware import emulator, limits
from hardware.border.model import Model, OperationCounts, RunResult, SpikeInput
from hardware.energy import DAVIES2018, PROFILES, EnergyProfile, Interval, override
from hardware.fixed_point import FixedPointModel, quantise
from hardware.renner2024 import compare

SAMPLES = 2000  # images emulated for a figure; the spread of their mean energy is below 1 %
# a sample whose output rates are all this close to their targets is not learned from (ours: our own
# trials)
MARGIN = 0.1
FACTOR = 3.0  # how far a constant may be off in the sensitivity table


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A trained network in the chip's integers, run on images, with all that prices it."""

    model: Model
    fixed: FixedPointModel
    calibration: SpikeInput
    shown: SpikeInput  # test images
    inferred: RunResult  # of `shown`, spikes kept
    tested: tuple[int, float]  # test samples answered in integers, and the share of right answers
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
    given, whole = [chip_spikes(model, part) for part in parts], model
    model, calibration, shown, taught = connected(model, *given)
    fixed = quantise(model, calibration=calibration)
    places = limits.place(fixed, "learning")
    learned = emulator.run(fixed, taught, record=("s",))
    sure = None if config.repetition.learn_sure else config.repetition.lead
    fewest, most, updated = training_operations(
        fixed, taught, learned, [layer.cores for layer in places], sure
    )
    return Deployed(
        model=model,
        fixed=fixed,
        calibration=calibration,
        shown=shown,
        inferred=(inferred := emulator.run(fixed, shown, record=("s",))),
        tested=(
            _tested(whole, fixed, test)
            if isinstance(test, ImageSet)
            else (inferred.samples, inferred.accuracy(_labels(shown)))
        ),
        fewest=fewest,
        most=most,
        updated=updated,
        inference_places=limits.check(fixed).layers,
        learning_places=places,
    )


def _tested(model: Model, fixed: FixedPointModel, test: DataSet) -> tuple[int, float]:
    """All test images, a portion at a time."""
    right = 0.0
    for first in range(0, len(test), SAMPLES):
        _, part = connected(model, chip_spikes(model, test.subset(slice(first, first + SAMPLES))))
        right += emulator.run(fixed, part).accuracy(_labels(part)) * part.spikes.shape[1]
    return len(test), right / len(test)


def costs(d: Deployed) -> dict[str, Any]:
    """Accuracy in integers, operations, cores, joules and seconds of inference and of training."""
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


def variations(d: Deployed) -> dict[str, Any]:
    """What changes the cost: constants off by a factor, early answers, fewer steps, fewer bits."""
    return {
        "sensitivity": sensitivity(d.fewest, d.most, d.learning_places),
        "early_answers": early_answers(d.inferred, _labels(d.shown)),
        "pareto": fewer_steps(d) + fewer_bits(d),
    }


def validation() -> dict[str, Any]:
    """The energy model beside Renner et al.'s measurements."""
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
    shown: SpikeInput,
    result: RunResult,
    cores: list[int],
    lead: int | None = None,
) -> tuple[OperationCounts, OperationCounts, float]:
    """What learning adds to a forward pass: the fewest and the most operations, and the fraction of
    samples learned from.

    Counted from the spikes: error neurons (one spike of either sign per class and step where output
    and target differ), their spikes through the feedback synapses of every hidden neuron, apical
    compartments at every step, and one learning epoch per sample.
    The fewest: only samples whose output is off by more than `MARGIN`, and only synapses of inputs
    that fired. The most: every synapse for every sample. What Loihi's engine visits between these
    is not public.

    Args:
        lead: where the net was taught by `UnsureOnly`, its lead: learned from are the samples that
            are answered less surely.
    """
    assert result.s is not None and shown.labels is not None
    s_out = result.s[-1].astype(np.int64)
    steps, samples, classes = s_out.shape
    target = np.eye(classes, dtype=np.int64)[shown.labels]
    errors = np.abs(target - s_out)
    wrong = np.asarray(np.abs(target - s_out.mean(axis=0)).max(axis=1) > MARGIN)
    if lead is not None:
        counts, right = s_out.sum(axis=0), shown.labels
        others = np.where(target, -1, counts).max(axis=1)
        wrong = counts[np.arange(samples), right] - others < lead
    hidden = np.array(fixed.sizes[1:-1], dtype=np.int64)
    forward = result.operations
    spikes, operations = forward.spikes.copy(), forward.synaptic_operations.copy()
    active, inactive, messages = (
        forward.active_updates.copy(),
        forward.inactive_updates.copy(),
        forward.messages.copy(),
    )
    sent, taught_steps = int(errors.sum()), int(errors.any(axis=2).sum())
    spikes[-1] += sent + samples * steps  # the error neurons', and the target's one per step
    messages[-1] += sent * sum(cores[:-1]) + samples * steps
    # output and target onto the two error neurons of a class
    operations[-1] += 2 * (int(s_out.sum()) + samples * steps)
    operations[1:-1] += sent * hidden
    active[-1] += samples * steps * 2 * classes
    active[1:-1] += taught_steps * hidden
    inactive[1:-1] += (samples * steps - taught_steps) * hidden
    fewest, most = np.zeros(len(spikes), dtype=np.int64), np.zeros(len(spikes), dtype=np.int64)
    for number, layer in enumerate(fixed.layers, start=1):
        out, n_in = layer.w.shape
        bias = layer.w_bias.shape[1]
        fired = (
            (shown.spikes if number == 1 else result.s[number - 2])
            .any(axis=0)
            .compress(wrong, axis=0)
        )
        fewest[number] = (int(fired.sum()) + bias * int(wrong.sum())) * out
        most[number] = samples * (n_in + bias) * out
    arrays = {
        "spikes": spikes,
        "synaptic_operations": operations,
        "active_updates": active,
        "inactive_updates": inactive,
        "messages": messages,
    }
    low, high = (
        OperationCounts(**arrays, synaptic_updates=updates, samples=samples, steps=forward.steps)
        for updates in (fewest, most)
    )
    return low, high, float(wrong.mean())


def price_training(
    fewest: OperationCounts,
    most: OperationCounts,
    places: tuple[limits.LayerFit, ...],
    profile: EnergyProfile = DAVIES2018,
) -> dict[str, Any]:
    """Energy and time per training sample, from the fewest operations' lower bounds to the most
    operations' upper ones.
    """
    low, high = price(fewest, places, profile).record(), price(most, places, profile).record()
    spanned = {name: [low[name][0], high[name][1]] for name in low if isinstance(low[name], list)}  # type: ignore[index]
    return low | spanned


def sensitivity(
    fewest: OperationCounts, most: OperationCounts, places: tuple[limits.LayerFit, ...]
) -> list[dict[str, Any]]:
    """Total joules per training sample when one constant is off by a factor of three either way
    (davies2018).
    """
    base = _middle(price_training(fewest, most, places)["total_j"])
    rows = []
    for name in (
        "synaptic_operation",
        "synaptic_update",
        "active_update",
        "inactive_update",
        "message",
        "core_power",
        "chip_power",
    ):
        totals = []
        for factor in (1 / FACTOR, FACTOR):
            value = getattr(DAVIES2018, name)
            changed = override(
                DAVIES2018,
                **{name: value.scaled(factor) if isinstance(value, Interval) else value * factor},
            )
            totals.append(_middle(price_training(fewest, most, places, changed)["total_j"]))
        rows.append(
            {
                "constant": name,
                "factor": FACTOR,
                "total_j": base,
                "low_j": totals[0],
                "high_j": totals[1],
            }
        )
    return sorted(rows, key=lambda row: row["low_j"] - row["high_j"])


def early_answers(result: RunResult, labels: np.ndarray) -> list[dict[str, Any]]:
    """Stop as soon as one class leads by so many spikes: steps needed and accuracy kept (input and
    network stop together).
    """
    assert result.s is not None
    counts = result.s[-1].cumsum(axis=0, dtype=np.int64)
    steps = len(counts)
    ranked = np.sort(counts, axis=2)
    lead = ranked[:, :, -1] - ranked[:, :, -2]
    rows = []
    for needed in range(1, 5):
        there = lead >= needed
        stop = np.where(there.any(axis=0), there.argmax(axis=0), steps - 1)
        answer = counts[stop, np.arange(len(labels))].argmax(axis=1)
        mean_steps = float(stop.mean() + 1)
        rows.append(
            {
                "lead": needed,
                "mean_steps": mean_steps,
                "of_steps": steps,
                "test_accuracy": float((answer == labels).mean()),
            }
        )
    return rows


def fewer_steps(d: Deployed) -> list[dict[str, Any]]:
    """Accuracy and inference energy when the same network is shown for fewer steps (the input
    spread evenly over them).
    """
    rows = []
    for steps in sorted({max(2, round(d.model.steps * part)) for part in (0.3, 0.5, 0.7, 1.0)}):
        pixels = d.shown.spikes.mean(axis=0, dtype=np.float32)
        # Recordings have no encoder: what was shown is spread evenly, as images are.
        spikes = ENCODERS.get(d.model.encoder, integrate_and_fire)(
            torch.from_numpy(pixels), steps, generator=torch.Generator().manual_seed(0)
        )
        shown = SpikeInput(spikes=spikes.numpy(), labels=d.shown.labels)
        rows.append(_pareto_row(dataclasses.replace(d.fixed, steps=steps), shown, "steps", steps))
    return rows


def fewer_bits(d: Deployed) -> list[dict[str, Any]]:
    """Accuracy and inference energy with coarser weights."""
    return [
        _pareto_row(
            quantise(d.model, calibration=d.calibration, weight_bits=bits),
            d.shown,
            "weight bits",
            bits,
        )
        for bits in (3, 4, 6)
    ]


def _pareto_row(
    fixed: FixedPointModel, shown: SpikeInput, changed: str, value: int
) -> dict[str, Any]:
    result = emulator.run(fixed, shown)
    found = price(result.operations, limits.check(fixed).layers)
    return {
        "changed": changed,
        "value": value,
        "test_accuracy": result.accuracy(_labels(shown)),
        "cores": found.cores,
        "dynamic_j": list(found.dynamic),
        "total_j": list(found.total),
        "seconds": list(found.seconds),
    }


def _labels(shown: SpikeInput) -> np.ndarray:
    assert shown.labels is not None
    return shown.labels


def _middle(bounds: list[float]) -> float:
    return Interval(*bounds).middle
