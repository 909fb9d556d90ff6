"""The pictures of a finished run, as SVG and PNG in its folder `pictures`."""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.figure import Figure

from ..data.samples import spikes_of
from ..neurons import TwoCompartmentLIF
from ..runs import records
from ..runs.checkpoint import RunFolder
from ..runs.experiment import Experiment
from ..runs.records import Record
from ..training.probe import probe
from . import matrices, plots
from .maps import feature_maps
from .saving import save


def draw_run(experiment: Experiment, folder: RunFolder) -> list[Path]:
    """Draw a trained network; return the SVG files.

    Learning curve, feedback angles, one sample's raster, both compartments of one neuron,
    receptive fields, confusion matrix.
    """
    return save(_figures(experiment, records.read(folder.records)), folder.path / "pictures")


def _figures(experiment: Experiment, run_records: list[Record]) -> dict[str, Figure]:
    images, layers = experiment.test_set, experiment.net.layers
    figures = {"learning_curve": plots.learning_curve(run_records)}
    if any(record.get("feedback_angle_deg") for record in run_records):
        figures["feedback_angles"] = plots.feedback_angles(run_records)
    # the probe reads the voltage of a two-compartment LIF
    dense = experiment.net.is_dense
    if dense and len(layers) > 1 and isinstance(layers[0].neuron, TwoCompartmentLIF):
        figures |= _one_sample(experiment)
    first = layers[0].w.cpu().flatten(1).numpy()
    if not layers[0].is_dense:
        planes, height, width = layers[0].w.shape[1:]
        figures["receptive_fields"] = matrices.receptive_fields(
            first, shape=(planes, height, width)
        )
        figures["feature_maps"] = _feature_maps(experiment)
    elif first.shape[1] == images.inputs and images.shape[1] > 1:
        figures["receptive_fields"] = matrices.receptive_fields(first, shape=images.shape)
    confusion = experiment.trainer.evaluate().confusion(images.classes)
    figures["confusion"] = matrices.confusion(confusion.numpy())
    return figures


def _feature_maps(experiment: Experiment) -> Figure:
    """Draw how often each neuron of the convolutional layers fires for the first test sample."""
    trainer, images, config = experiment.trainer, experiment.test_set, experiment.config
    generator = torch.Generator().manual_seed(config.seed)
    spikes = spikes_of(
        images, torch.tensor([0]), config.steps, encoder=trainer.encoder, generator=generator
    )
    net = experiment.net
    counts = net.spike_counts(spikes.to(net.device))
    maps = [
        count[0].reshape(layer.shape).cpu().numpy()
        for layer, count in zip(net.layers, counts, strict=True)
        if len(layer.shape) == 3
    ]
    title = f"one test sample of {images.name}, class {int(images.y[0])}"
    return feature_maps(maps, config.steps, title)


def _one_sample(experiment: Experiment) -> dict[str, Figure]:
    """Draw how the first test sample passes through the network."""
    trainer, images, config = experiment.trainer, experiment.test_set, experiment.config
    generator = torch.Generator().manual_seed(config.seed)
    spikes = spikes_of(
        images, torch.tensor([0]), config.steps, encoder=trainer.encoder, generator=generator
    )
    device = experiment.net.device
    sample = probe(
        experiment.learner,
        spikes.to(device),
        images.y[:1].to(device),
        # of the first layer, which is drawn
        trace=getattr(experiment.learner.rule, "trace", config.trace),
    )
    return {
        "raster": plots.raster(
            sample.spikes, f"one test sample of {images.name}, class {int(images.y[0])}"
        ),
        "compartments": plots.compartments(
            sample.v,
            sample.v_apical,
            sample.eligibility,
            sample.spikes[sample.hidden + 1][:, sample.neuron],
        ),
    }
