"""Write a trained run as a NIR file: standard nodes that any NIR tool runs, the rest metadata."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from hardware.border.files import write_model

from .console import Console
from .helpers.named import run_folder
from .helpers.trained import model_of, trained


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    run: tyro.conf.Positional[Path]  # run folder, or a file in it
    # file to write; by default RUN/model.nir
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    skip_bad: bool = False  # leave out recordings that cannot be read, also where the run did not
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Export the run's checkpoint."""
    torch.set_num_threads(1)  # the learner splits batches over threads of its own
    folder = run_folder(args.run)
    experiment = trained(folder, console, skip_bad=args.skip_bad)
    accuracy = experiment.trainer.evaluate().test_accuracy
    model = model_of(experiment, test_accuracy=accuracy)
    path = args.out or folder.model
    write_model(model, path)
    console.say(
        f"wrote {path}: {'-'.join(map(str, model.sizes))}, T = {model.steps}, test accuracy"
        f" {100 * accuracy:.2f} %"
    )
    return {
        "model": str(path),
        "test_accuracy": accuracy,
        "seed": experiment.config.seed,
        "samples": len(experiment.test_set),
    }
