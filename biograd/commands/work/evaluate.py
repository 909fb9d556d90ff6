"""Measure a trained run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch

from ...runs.experiment import Experiment
from ...studies.faults import evaluate_with_faults
from ...training.evaluation import Evaluation
from ..console import Console
from ..helpers.named import run_folder
from ..helpers.trained import trained

if TYPE_CHECKING:
    from ..evaluate import Args


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Evaluate the run's checkpoint."""
    torch.set_num_threads(1)  # the learner splits batches over threads of its own
    experiment = trained(run_folder(args.run), console, skip_bad=args.skip_bad)
    evaluation = _evaluated(experiment, args)
    console.say(
        f"test accuracy {100 * evaluation.test_accuracy:.2f} % on {len(experiment.test_set):,}"
        f" {experiment.test_set.kind} of {experiment.config.dataset},"
        f" {evaluation.samples_per_second:,.0f} samples/s"
    )
    faults = {"faults": dataclasses.asdict(args.faults)} if args.faults.any else {}
    return faults | {
        "test_accuracy": evaluation.test_accuracy,
        "seed": experiment.config.seed,
        "samples": len(experiment.test_set),
        "samples_per_second": evaluation.samples_per_second,
        "spikes_per_neuron": [rate * experiment.config.steps for rate in evaluation.rates],
    }


def _evaluated(experiment: Experiment, args: Args) -> Evaluation:
    trainer = experiment.trainer
    if not args.faults.any:
        return trainer.evaluate()
    return evaluate_with_faults(
        trainer.learner.net,
        experiment.test_set,
        args.faults,
        encoder=trainer.encoder,
        readout=trainer.readout,
        steps=trainer.params.steps,
        seed=trainer.seed,
    )
