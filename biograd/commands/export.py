"""Write a trained run as a NIR file: standard nodes that any NIR tool can run, with everything else in its metadata."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from hardware.interchange import write_model

from ..checkpoint import RunFolder
from ..console import Console
from ..export import to_model
from .trained import trained


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    run: tyro.conf.Positional[Path]  # run folder
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None  # file to write; RUN/model.nir unless named
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Export the run's checkpoint."""
    folder = RunFolder(args.run)
    experiment = trained(folder, console)
    found = experiment.trainer.evaluate()
    config = experiment.config
    info = {
        "dataset": config.dataset,
        "seed": config.seed,
        "test_accuracy": found.test_accuracy,
        "feedback": config.feedback,
        "learning": {"rule": config.rule, "error": config.error, **dataclasses.asdict(config.trace)},
    }
    model = to_model(experiment.net, experiment.trainer.learner.feedback, steps=config.steps, encoder=config.encoder, info=info)
    path = args.out or folder.model
    write_model(model, path)
    console.say(f"wrote {path}: {'-'.join(map(str, model.sizes))}, T = {model.steps}, test accuracy {100 * found.test_accuracy:.2f} %")
    return {"model": str(path), "test_accuracy": found.test_accuracy, "seed": config.seed, "samples": len(experiment.test_set)}
