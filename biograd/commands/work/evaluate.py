"""Measure a trained run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch

from ...data.sound.series import SeriesSet
from ...runs.experiment import Experiment
from ...streaming import anytime
from ...studies.faults import evaluate_with_faults
from ...training.evaluation import Evaluation
from ..console import Console
from ..helpers.named import run_folder
from ..helpers.trained import trained

if TYPE_CHECKING:
    from ..evaluate import Args

_ROWS = 12  # of the table of accuracies, about


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
    series = experiment.test_set if isinstance(experiment.test_set, SeriesSet) else None
    steps = experiment.config.steps if series is None else series.mean_steps
    return faults | {
        "test_accuracy": evaluation.test_accuracy,
        "seed": experiment.config.seed,
        "samples": len(experiment.test_set),
        "samples_per_second": evaluation.samples_per_second,
        "spikes_per_neuron": [rate * steps for rate in evaluation.rates],
        **({} if series is None else _while_coming_in(experiment, series, console)),
    }


def _while_coming_in(
    experiment: Experiment, series: SeriesSet, console: Console
) -> dict[str, Any]:  # any: JSON
    """Measure how early the network knows, and print the curve."""
    curve = anytime(experiment.net, series)
    share = (curve.latency / curve.lengths).median().item()
    latency = int(curve.latency.median())
    at = range(0, len(curve.accuracy), max(1, len(curve.accuracy) // _ROWS))
    console.table(
        "accuracy while series are coming in",
        ["step", "accuracy"],
        [[str(t + 1), f"{100 * curve.accuracy[t]:.2f} %"] for t in at],
    )
    console.say(
        f"the answer is the last one after {latency} steps, {100 * share:.0f} % of a series"
    )
    return {
        "anytime_accuracy": curve.accuracy,
        "median_latency_steps": latency,
        "median_latency_share": share,
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
