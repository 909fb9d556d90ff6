"""Measure a trained run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ..console import Console
from ..helpers.named import run_folder
from ..helpers.trained import trained

if TYPE_CHECKING:
    from ..evaluate import Args


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Evaluate the run's checkpoint."""
    torch.set_num_threads(1)  # the learner splits batches over threads of its own
    experiment = trained(run_folder(args.run), console, skip_bad=args.skip_bad)
    evaluation = experiment.trainer.evaluate()
    console.say(
        f"test accuracy {100 * evaluation.test_accuracy:.2f} % on {len(experiment.test_set):,}"
        f" {experiment.test_set.kind} of {experiment.config.dataset},"
        f" {evaluation.samples_per_second:,.0f} samples/s"
    )
    return {
        "test_accuracy": evaluation.test_accuracy,
        "seed": experiment.config.seed,
        "samples": len(experiment.test_set),
        "samples_per_second": evaluation.samples_per_second,
        "spikes_per_neuron": [rate * experiment.config.steps for rate in evaluation.rates],
    }
