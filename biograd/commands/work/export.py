"""Write a trained run as a NIR file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from hardware import limits
from hardware.border.files import write_model
from hardware.fixed_point import quantise
from hardware.netx.writing import write_netx

from ...deployment import CALIBRATION, chip_spikes
from ..console import Console
from ..helpers.named import run_folder
from ..helpers.trained import model_of, trained

if TYPE_CHECKING:
    from ..export import Args


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Export the run's checkpoint."""
    torch.set_num_threads(1)  # the learner splits batches over threads of its own
    folder = run_folder(args.run)
    experiment = trained(folder, console, skip_bad=args.skip_bad)
    accuracy = experiment.trainer.evaluate().test_accuracy
    model = model_of(experiment, test_accuracy=accuracy)
    path = args.out or (folder.model if args.format == "nir" else folder.path / "model.net")
    if args.format == "nir":
        write_model(model, path)
    else:
        calibration = chip_spikes(model, experiment.train_set.subset(slice(0, CALIBRATION)))
        fixed = quantise(model, calibration=calibration)
        limits.check(fixed)
        write_netx(fixed, path)
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
