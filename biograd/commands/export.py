"""Write a trained run as a NIR file: standard nodes that any NIR tool can run, with everything else
in its metadata.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from hardware.border.files import write_model
from hardware.border.model import Model

from ..interop.nir import to_model
from ..runs.checkpoint import RunFolder
from ..runs.experiment import Experiment, layer_params
from ..traces import TraceParams
from .console import Console
from .helpers.trained import trained


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    run: tyro.conf.Positional[Path]  # run folder
    # file to write; RUN/model.nir unless named
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Export the run's checkpoint."""
    folder = RunFolder(args.run)
    experiment = trained(folder, console)
    found = experiment.trainer.evaluate()
    model = model_of(experiment, test_accuracy=found.test_accuracy)
    path = args.out or folder.model
    write_model(model, path)
    console.say(
        f"wrote {path}: {'-'.join(map(str, model.sizes))}, T = {model.steps}, test accuracy"
        f" {100 * found.test_accuracy:.2f} %"
    )
    return {
        "model": str(path),
        "test_accuracy": found.test_accuracy,
        "seed": experiment.config.seed,
        "samples": len(experiment.test_set),
    }


def model_of(experiment: Experiment, **told: float | None) -> Model:
    """The experiment's network at the border, with how it was trained, and what else is `told`, in
    its metadata.
    """
    config = experiment.config
    learning: dict[str, Any] = {
        "rule": config.rule,
        "error": config.error,
        "window": config.neuron.window,
    }
    if own := layer_params(config):
        # layer by layer
        learning["traces"] = [dataclasses.asdict(TraceParams.like(params)) for params in own]
    else:
        learning |= dataclasses.asdict(config.trace)
    info = {
        "dataset": config.dataset,
        "seed": config.seed,
        **told,
        "feedback": config.feedback,
        "learning": learning,
    }
    return to_model(
        experiment.net,
        experiment.trainer.learner.feedback,
        steps=config.steps,
        encoder=config.encoder,
        info=info,
    )
