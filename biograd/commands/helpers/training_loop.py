"""The loop of `biograd train`: show, record every epoch, save, report faults, stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ...learning.workers import Workers
from ...runs import records
from ...runs.checkpoint import RunFolder, save_checkpoint
from ...runs.experiment import Experiment
from ...training.health import Guard
from ...training.trainer import Progress
from ..console import Console
from .interrupt import stop_request
from .listeners import Listeners

SAVE_EVERY = 300.0  # seconds between checkpoints within an epoch: a crash must not cost hours


class TrainingLoop:
    """Trains an experiment in its folder; `fault` is the fault that stopped it, or ""."""

    def __init__(
        self,
        experiment: Experiment,
        folder: RunFolder,
        console: Console,
        listeners: Listeners,
        workers: Workers,
        *,
        stop_on_fault: bool,
    ) -> None:
        self.experiment, self.folder, self.console = experiment, folder, console
        self.listeners, self.workers, self.stop_on_fault = listeners, workers, stop_on_fault
        self.guard, self.fault = Guard(experiment.trainer), ""
        self._saved, self._stopped = time.monotonic(), False

    def run(self) -> bool:
        """Train on; returns True for a finished run, False for one that was stopped and saved."""
        trainer, epochs = self.experiment.trainer, self.experiment.config.epochs
        if not self.listeners.enough:
            with stop_request() as stopping, self.console.bar("training", unit="batches") as bar:
                for record in trainer.run(on_batch=lambda p: self._batch(p, stopping, bar)):
                    if self._epoch(record, stopping):
                        break
        if trainer.epoch < epochs:
            save_checkpoint(self.folder, self.experiment)
        return trainer.epoch >= epochs or self.listeners.enough

    def _batch(
        self, p: Progress, stopping: list[bool], bar: Callable[[int, int, str], None]
    ) -> bool:
        """After a batch: look for faults, save now and then, show; True stops the training."""
        self.listeners.batch(p)
        self.guard(p)
        self._report_faults()
        if time.monotonic() - self._saved > SAVE_EVERY:
            self._save()
        epochs = self.experiment.config.epochs
        beside = (
            f"epoch {p.epoch + 1}/{epochs}  train {100 * p.train_accuracy:.1f} % "
            f" {p.samples_per_second:,.0f} samples/s"
        )
        bar(p.epoch * p.batches + p.batch, epochs * p.batches, beside)
        self._stopped = self.workers.stop_together(
            bool(stopping or self.fault or self.listeners.enough)
        )
        return self._stopped

    def _epoch(self, record: dict[str, Any], stopping: list[bool]) -> bool:  # any: JSON
        """After an epoch: record, save, show; True stops the training."""
        self._report_faults(record)
        records.append(self.folder.records, record)
        self._save()
        self.console.say(_epoch_line(record, self.experiment.config.epochs))
        enough = self.listeners.epoch(record) or stopping or self.fault
        # Several workers stop together, after the same batch.
        return self._stopped or (bool(enough) and self.workers.count == 1)

    def _report_faults(self, record: dict[str, Any] | None = None) -> None:  # any: JSON
        for fault in self.guard.new(record):
            self.console.say(f"fault: {fault}")
            if self.stop_on_fault and not self.fault:
                self.fault = str(fault)

    def _save(self) -> None:
        save_checkpoint(self.folder, self.experiment)
        self._saved = time.monotonic()


def _epoch_line(record: dict[str, Any], epochs: int) -> str:  # any: JSON
    angles = "/".join(f"{angle:.0f}" for angle in record["feedback_angle_deg"])
    spikes = "/".join(f"{rate:.1f}" for rate in record["spikes_per_neuron"])
    return (
        f"epoch {record['epoch']:>3}/{epochs}  train {100 * record['train_accuracy']:6.2f} %  test"
        f" {100 * record['test_accuracy']:6.2f} %  angles {angles} deg  spikes per neuron {spikes} "
        f" {record['samples_per_second']:,.0f} samples/s"
    )
