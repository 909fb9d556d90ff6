"""The pictures of a finished run, as SVG and PNG in its folder `pictures`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from ..data.samples import spikes_of
from ..files import atomic_write
from ..neurons import TwoCompartmentLIF
from ..runs import records
from ..runs.checkpoint import RunFolder
from ..runs.experiment import Experiment
from ..training.probe import probe
from . import plots


def draw_run(experiment: Experiment, folder: RunFolder) -> list[Path]:
    """Draw the learning curve, the feedback angles, one sample's raster, the compartments of one
    neuron, the receptive fields and the confusion matrix; returns the SVG files.
    """
    written = []
    for name, figure in _figures(experiment, records.read(folder.records)).items():
        path = folder.path / "pictures" / f"{name}.svg"
        atomic_write(path, plots.as_svg(figure).encode())
        atomic_write(path.with_suffix(".png"), plots.as_png(figure))
        written.append(path)
    return written


def _figures(experiment: Experiment, found: list[dict[str, Any]]) -> dict[str, Figure]:  # any: JSON
    trainer, images, config = experiment.trainer, experiment.test_set, experiment.config
    generator = torch.Generator().manual_seed(config.seed)
    spikes = spikes_of(
        images, torch.tensor([0]), config.steps, encoder=trainer.encoder, generator=generator
    )
    figures = {"learning_curve": plots.learning_curve(found)}
    if any(record.get("feedback_angle_deg") for record in found):
        figures["feedback_angles"] = plots.feedback_angles(found)
    # the probe reads the voltage of a two-compartment LIF
    if config.hidden and isinstance(experiment.net.layers[0].neuron, TwoCompartmentLIF):
        # of the first layer, which is drawn
        trace = getattr(experiment.learner.rule, "trace", config.trace)
        sample = probe(
            experiment.learner,
            spikes.to(experiment.net.device),
            images.y[:1].to(experiment.net.device),
            trace=trace,
        )
        figures |= {
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
    first = experiment.net.layers[0].w.cpu().numpy()
    if first.shape[1] == images.inputs and images.shape[1] > 1:
        figures["receptive_fields"] = plots.receptive_fields(first, shape=images.shape)
    answers = trainer.evaluate().predicted
    matrix = torch.zeros(images.classes, images.classes, dtype=torch.int64)
    matrix.index_put_((images.y, answers), torch.ones_like(answers), accumulate=True)
    figures["confusion"] = plots.confusion(matrix.numpy())
    return figures
