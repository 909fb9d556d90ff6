"""What a trained network does on the test images: confusion, misread digits, rates, operations."""

from __future__ import annotations

import base64
from typing import Any

import torch

from biograd.data.samples import spikes_of
from biograd.runs.checkpoint import RunFolder, load_weights
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment

from .meters import neurobench_metrics

MISREAD = 24  # digits shown
SAMPLES = 500  # test images whose operations are counted


def trained(folder: RunFolder) -> Experiment:
    """The experiment of a run folder with its trained weights and the test images, whatever
    training measured on.
    """
    torch.set_num_threads(1)  # the learner splits batches over threads of its own
    config = folder.read_config()
    values = {name: getattr(config, name) for name in config.__dataclass_fields__}
    experiment = Experiment.from_config(RunConfig(**(values | {"validation": 0})))
    load_weights(folder, experiment)
    return experiment


def answers(experiment: Experiment) -> dict[str, Any]:
    """Test accuracy, confusion matrix [class, answer], and misread digits with their pixels (base64
    of uint8, row by row).
    """
    images = experiment.test_set
    found = experiment.trainer.evaluate()
    wrong = torch.nonzero(found.predicted != images.y).flatten()[:MISREAD].tolist()
    pictures = [images.picture(i) for i in wrong]
    return {
        "test_accuracy": found.test_accuracy,
        "dataset": images.name,
        "test_images": len(images),
        "confusion": found.confusion(images.classes).tolist(),
        "misread": [
            {
                "index": i,
                "class": int(images.y[i]),
                "answer": int(found.predicted[i]),
                "shape": list(picture.shape),
                "pixels": base64.b64encode(picture.tobytes()).decode(),
            }
            for i, picture in zip(wrong, pictures, strict=True)
        ],
        "misread_in_all": int((found.predicted != images.y).sum()),
        "spikes_per_neuron": [rate * experiment.config.steps for rate in found.rates],
    }


def operations(experiment: Experiment) -> dict[str, Any]:
    """NeuroBench's metrics on the first test images."""
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
    found = neurobench_metrics(experiment.net, spikes.to(experiment.net.device))
    # Yan et al. (arXiv 2409.08290): only below about 6 % spikes per neuron and step does a spiking
    # net beat a quantised one.
    inputs = float(spikes.mean())
    return found.record() | {
        "samples": len(members),
        "steps": config.steps,
        "input_spike_rate": inputs,
    }
