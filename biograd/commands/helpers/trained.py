"""A run folder's trained network, as an experiment and as a model for a NIR file."""

from __future__ import annotations

import dataclasses
from typing import Any

from hardware.border.model import Model

from ...data.sound.series import SeriesSet
from ...interop.nir import to_model
from ...neurons import TwoCompartmentParams
from ...runs.checkpoint import RunFolder, load_trained
from ...runs.experiment import Experiment
from ...runs.layer_constants import layer_params
from ...traces import TraceParams
from ..console import Console


def trained(folder: RunFolder, console: Console, *, skip_bad: bool = False) -> Experiment:
    """Return a run's experiment with its trained weights and the test samples to measure it on."""
    with console.downloads() as progress:
        return load_trained(folder, progress=progress, skip_bad=skip_bad)


def model_of(experiment: Experiment, **measured: float | None) -> Model:
    """Return the experiment's network as a model.

    Its metadata say how it was trained, and what was `measured`.
    """
    config = experiment.config
    info = {
        "dataset": config.dataset,
        "seed": config.seed,
        **measured,
        "feedback": config.feedback,
        "learning": _learning(experiment),
    }
    if isinstance(experiment.train_set, SeriesSet):
        info |= {name: dataclasses.asdict(getattr(config, name)) for name in ("mel", "coding")}
    return to_model(
        experiment.net,
        experiment.trainer.learner.feedback,
        steps=config.steps,
        encoder=config.encoder,
        info=info,
    )


def _learning(experiment: Experiment) -> dict[str, Any]:  # any: JSON
    """Return the constants of the learning rule; `traces` per layer where layers differ."""
    config = experiment.config
    learning: dict[str, Any] = {"rule": config.rule, "error": config.error}
    if isinstance(config.neuron, TwoCompartmentParams):
        learning["window"] = config.neuron.window
    params = layer_params(config)
    if params:
        traces = [dataclasses.asdict(TraceParams.like(layer)) for layer in params]
        return {**learning, "traces": traces}
    return {**learning, **dataclasses.asdict(config.trace)}
