"""One measurement of a suite: name, configuration, seed, and the work that yields results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from biograd.runs.checkpoint import RunFolder, load_trained
from biograd.runs.experiment import Experiment, default_threads
from biograd.training.trainer import Progress

from .measurements.trials import Trial, train

Results = dict[str, Any]  # any: JSON


@dataclass
class Bench:
    """State shared by the tasks of a suite."""

    run: RunFolder | None  # the trained run that some tasks measure
    threads: int = field(default_factory=default_threads)
    # progress within a task: (what, done, total)
    progress: Callable[[str, int, int], None] = lambda what, done, total: None

    @cached_property
    def trained(self) -> Experiment:
        """The trained run's experiment, loaded once."""
        if self.run is None:
            raise ValueError(
                "this suite measures a trained run: name its folder (biograd benchmark --run"
                " FOLDER)"
            )
        torch.set_num_threads(1)  # the learner splits batches over threads of its own
        return load_trained(self.run)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One measurement.

    Tasks of the same name, configuration and seed are the same task, done once per file of
    records.
    """

    name: str
    config: Results = field(default_factory=dict)
    seed: int | None = None
    measures_run: bool = False  # whether it needs the trained run
    missing: Callable[[], str] = lambda: ""  # why this machine cannot do it; "" if it can
    work: Callable[[Bench], Iterable[Results]]


def trial_task(name: str, trial: Trial, run: Callable[..., Results] | None = None) -> Task:
    """Return a training run as a task.

    Args:
        run: called with the trial and `on_batch`; None: plain training.
    """

    def work(bench: Bench) -> Iterator[Results]:
        def on_batch(progress: Progress) -> None:
            bench.progress(
                f"{trial.method}, seed {trial.config.seed}",
                progress.epoch * progress.batches + progress.batch,
                trial.config.epochs * progress.batches,
            )

        yield run(trial, on_batch=on_batch) if run else train(trial, on_batch=on_batch)[0]

    return Task(name=name, config=trial.described(), seed=trial.config.seed, work=work)
