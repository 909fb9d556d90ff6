"""Records of epochs: what `Trainer.run` yields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..feedback import feedback_angles
from ..readout import Readout
from .epoch_sums import EpochSums
from .learners import Learner
from .repetition import Repetition


def epoch_record(
    learner: Learner,
    sums: EpochSums,
    readout: Readout,
    *,
    epoch: int,
    steps: float,
    learning_rate: float,
    repetition: Repetition | None = None,
) -> dict[str, Any]:
    """Return the record of a finished epoch (any: numbers, strings and lists for JSON).

    Args:
        epoch: its number, 1-based.
        steps: time steps per sample, T; their mean where samples differ.
        learning_rate: at its end.
        repetition: the rest of samples with sure answers, where it is on.
    """
    # an epoch in which all samples rest is one without mistakes
    samples, all_rest = max(sums.samples, 1), not sums.samples
    seconds = sums.seconds + sums.night_seconds
    record: dict[str, Any] = {
        "kind": "epoch",
        "epoch": epoch,
        "samples": (samples if repetition is None else repetition.samples) * epoch,
        **named("train", readout.figures(1.0 if all_rest else sums.correct / samples)),
        "mean_abs_error": sums.error / samples,
        "spikes_per_neuron": [rate * steps for rate in (sums.rates / samples).tolist()],
        "feedback_angle_deg": feedback_angles(learner.net, learner.feedback),
        "learning_rate": learning_rate,
        "seconds": seconds,
        "night_seconds": sums.night_seconds,
        "samples_per_second": samples / seconds,
    }
    if repetition is not None:
        record["shown"] = sums.samples
    return record


def named(prefix: str, figures: Mapping[str, float]) -> dict[str, float]:
    """Return figures under the keys of a record.

    Example:
        >>> named("test", {"accuracy": 0.97})
        {'test_accuracy': 0.97}
    """
    return {f"{prefix}_{name}": value for name, value in figures.items()}
