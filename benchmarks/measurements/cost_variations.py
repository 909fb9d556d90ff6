"""Changes of the modelled cost: other constants, early answers, fewer steps, fewer bits."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from biograd.deployment import price
from biograd.encoders import ENCODERS, integrate_and_fire
from hardware import emulator, limits
from hardware.border.model import OperationCounts, RunResult, SpikeInput
from hardware.energy import DAVIES2018, Interval, override
from hardware.fixed_point import FixedPointModel, quantise

from .loihi_costs import Deployed, labels_of, price_training

FACTOR = 3.0  # by which a constant may be off in the sensitivity table


def variations(d: Deployed) -> dict[str, Any]:  # any: JSON
    """Return the cost's sensitivity to constants, and its trade-offs against accuracy."""
    return {
        "sensitivity": sensitivity(d.fewest, d.most, d.learning_places),
        "early_answers": early_answers(d.inferred, labels_of(d.test_spikes)),
        "pareto": fewer_steps(d) + fewer_bits(d),
    }


def sensitivity(
    fewest: OperationCounts, most: OperationCounts, places: tuple[limits.LayerFit, ...]
) -> list[dict[str, Any]]:  # any: JSON
    """Return joules per training sample when one constant is `FACTOR` times smaller or larger.

    Profile davies2018; the most sensitive constant first.
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


# any: JSON
def early_answers(result: RunResult, labels: np.ndarray) -> list[dict[str, Any]]:
    """Return steps and accuracy when a sample stops as soon as a class leads by 1 to 4 spikes.

    Input and network stop together.
    """
    assert result.s is not None
    counts = result.s[-1].cumsum(axis=0, dtype=np.int64)
    steps = len(counts)
    ranked = np.sort(counts, axis=2)
    lead = ranked[:, :, -1] - ranked[:, :, -2]
    rows = []
    for needed in range(1, 5):
        enough = lead >= needed
        stop = np.where(enough.any(axis=0), enough.argmax(axis=0), steps - 1)
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


def fewer_steps(d: Deployed) -> list[dict[str, Any]]:  # any: JSON
    """Return accuracy and inference energy of the same network over fewer steps.

    The input is spread evenly over them.
    """
    rows = []
    for steps in sorted({max(2, round(d.model.steps * part)) for part in (0.3, 0.5, 0.7, 1.0)}):
        pixels = d.test_spikes.spikes.mean(axis=0, dtype=np.float32)
        # Recordings have no encoder: their mean is spread evenly, as images are.
        spikes = ENCODERS.get(d.model.encoder, integrate_and_fire)(
            torch.from_numpy(pixels), steps, generator=torch.Generator().manual_seed(0)
        )
        shorter = SpikeInput(spikes=spikes.numpy(), labels=d.test_spikes.labels)
        rows.append(_pareto_row(dataclasses.replace(d.fixed, steps=steps), shorter, "steps", steps))
    return rows


def fewer_bits(d: Deployed) -> list[dict[str, Any]]:  # any: JSON
    """Return accuracy and inference energy with coarser weights."""
    return [
        _pareto_row(
            quantise(d.model, calibration=d.calibration, weight_bits=bits),
            d.test_spikes,
            "weight bits",
            bits,
        )
        for bits in (3, 4, 6)
    ]


def _pareto_row(
    fixed: FixedPointModel, spikes: SpikeInput, changed: str, value: int
) -> dict[str, Any]:  # any: JSON
    result = emulator.run(fixed, spikes)
    costs = price(result.operations, limits.check(fixed).layers)
    return {
        "changed": changed,
        "value": value,
        "test_accuracy": result.accuracy(labels_of(spikes)),
        "cores": costs.cores,
        "dynamic_j": list(costs.dynamic),
        "total_j": list(costs.total),
        "seconds": list(costs.seconds),
    }


def _middle(bounds: list[float]) -> float:
    return Interval(*bounds).middle
