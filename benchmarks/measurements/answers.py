"""A trained network on the test images: confusion, misread digits, rates, operations."""

from __future__ import annotations

import base64
from typing import Any

import torch

from biograd.data.samples import spikes_of
from biograd.runs.experiment import Experiment

from .meters import neurobench_metrics

MISREAD = 24  # misread digits kept
SAMPLES = 500  # test images whose operations are counted


def answers(experiment: Experiment) -> dict[str, Any]:  # any: JSON
    """Return test accuracy, confusion matrix [class, answer], and misread digits.

    A misread digit has its pixels as base64 of uint8, row by row.
    """
    images = experiment.test_set
    evaluation = experiment.trainer.evaluate()
    predicted = evaluation.predicted
    wrong = torch.nonzero(predicted != images.y).flatten()[:MISREAD].tolist()
    pictures = [images.picture(i) for i in wrong]
    return {
        "test_accuracy": evaluation.test_accuracy,
        "dataset": images.name,
        "test_images": len(images),
        "confusion": evaluation.confusion(images.classes).tolist(),
        "misread": [
            {
                "index": i,
                "class": int(images.y[i]),
                "answer": int(predicted[i]),
                "shape": list(picture.shape),
                "pixels": base64.b64encode(picture.tobytes()).decode(),
            }
            for i, picture in zip(wrong, pictures, strict=True)
        ],
        "misread_in_all": int((predicted != images.y).sum()),
        "spikes_per_neuron": [rate * experiment.config.steps for rate in evaluation.rates],
    }


def operations(experiment: Experiment) -> dict[str, Any]:  # any: JSON
    """Return NeuroBench's metrics on the first test images, and the rate of the input."""
    config = experiment.config
    members = torch.arange(min(SAMPLES, len(experiment.test_set)))
    generator = torch.Generator().manual_seed(config.seed)
    spikes = spikes_of(
        experiment.test_set,
        members,
        config.steps,
        encoder=experiment.trainer.encoder,
        generator=generator,
    )
    metrics = neurobench_metrics(experiment.net, spikes.to(experiment.net.device))
    return metrics.record() | {
        "samples": len(members),
        "steps": config.steps,
        "input_spike_rate": float(spikes.mean()),
    }
