"""The work of `biograd train`: start or resume a run in its folder, train, record and draw."""

from __future__ import annotations

import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from hardware.border.nir_notes import RESET

from ...learning.shared_learner import SharedLearner
from ...learning.workers import Workers, joined
from ...runs import records
from ...runs.checkpoint import RunFolder, drop_records_after, load_checkpoint
from ...runs.experiment import Experiment
from ...training.lr_search import find_lr
from ..console import Console
from ..helpers.interrupt import stop_request
from ..helpers.listeners import Listeners
from ..helpers.start_weights import take_weights
from ..helpers.training_loop import TrainingLoop

if TYPE_CHECKING:
    from ..train import Args

# Sent by the first worker instead of a checkpoint where nothing is left to train.
_FINISHED = b"finished"
_LR_ROWS = 20  # rows of the table of learning rates


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Train, save, draw; returns the run's record."""
    torch.set_num_threads(1)  # the learner splits batches over threads of its own
    if args.find_lr:
        return _find_lr(args, console)
    with joined(args.run.device) as workers:
        if workers.first:
            return _lead(args, console, workers)
        _follow(args, console, workers)
        return {}


def _lead(args: Args, console: Console, workers: Workers) -> dict[str, Any]:  # any: JSON
    """Train as the only or first worker, which keeps the folder and prints."""
    folder = _folder(args)
    with folder.locked():
        with folder.started(args.run, resume=args.resume):
            experiment = _experiment(args, folder, console)
        _print_start(experiment, console)
        finished = _finished_runs(folder) if args.resume else []
        if finished:
            workers.broadcast(_FINISHED)
            record = finished[-1]
        else:
            listeners = Listeners(folder, experiment, tensorboard=args.tensorboard)
            workers.broadcast(_FINISHED if listeners.enough else _checkpoint_bytes(folder))
            _share(experiment, workers)
            loop = TrainingLoop(
                experiment,
                folder,
                console,
                listeners,
                workers,
                stop_on_fault=args.on_fault == "stop",
            )
            if not loop.run():
                return _stopped(experiment, folder, loop.fault, console)
            record = _finish(args, experiment, folder, listeners, console)
    _print_result(record, folder, console)
    return record


def _folder(args: Args) -> RunFolder:
    """Return the run folder: --out, else runs/ and the name of the TOML file or preset."""
    if args.out:
        return RunFolder(args.out)
    return RunFolder(Path("runs") / (args.config.stem if args.config else args.preset))


def _experiment(args: Args, folder: RunFolder, console: Console) -> Experiment:
    """Return the experiment where it begins: at the folder's checkpoint, or with first weights."""
    with console.downloads() as progress:
        experiment = Experiment.from_config(args.run, progress=progress)
    if experiment.learner.precision != args.run.precision:
        console.say(
            f"note: precision is {args.run.precision!r}, and torch sees no units for it in this"
            f" processor: it learns in {experiment.learner.precision}, which is faster here"
        )
    saved = folder.checkpoint.exists()
    if args.resume and saved:
        for warning in load_checkpoint(folder, experiment):
            console.say(f"note: {warning}")
        trainer = experiment.trainer
        console.say(f"resumed {folder.path} at epoch {trainer.epoch + 1}, batch {trainer.batch}")
    elif args.resume:
        drop_records_after(folder, 0)
    if args.run.start_from and not saved:
        _take_weights(experiment, args, console)
    return experiment


def _take_weights(experiment: Experiment, args: Args, console: Console) -> None:
    for note in take_weights(experiment, dt=args.dt, w_in=args.w_in):
        remedy = "; --neuron.reset subtract_late trains with it" if note == RESET else ""
        console.say(f"note: {args.run.start_from}: {note}{remedy}")
    console.say(f"weights from {args.run.start_from}")


def _finished_runs(folder: RunFolder) -> list[dict[str, Any]]:  # any: JSON
    return [record for record in records.read(folder.records) if record["kind"] == "run"]


def _checkpoint_bytes(folder: RunFolder) -> bytes:
    return folder.checkpoint.read_bytes() if folder.checkpoint.exists() else b""


def _follow(args: Args, console: Console, workers: Workers) -> None:
    """Train as another worker: begin where the first one does, and print nothing."""
    console.as_json = False
    experiment = Experiment.from_config(args.run)
    checkpoint = workers.broadcast(b"")
    if checkpoint == _FINISHED:
        return
    if checkpoint:
        with tempfile.TemporaryDirectory(prefix="biograd-") as path:
            copy = RunFolder(path)
            copy.checkpoint.write_bytes(checkpoint)
            load_checkpoint(copy, experiment)
    elif args.run.start_from:
        take_weights(experiment, dt=args.dt, w_in=args.w_in)
    _share(experiment, workers)
    with stop_request() as stopping:
        for _ in experiment.trainer.run(on_batch=lambda p: workers.stop_together(bool(stopping))):
            pass


def _share(experiment: Experiment, workers: Workers) -> None:
    if workers.count > 1:
        experiment.trainer.learner = SharedLearner(experiment.learner, workers)


def _stopped(
    experiment: Experiment, folder: RunFolder, fault: str, console: Console
) -> dict[str, Any]:  # any: JSON
    """Say where a run was stopped; returns its result, with the exit code."""
    trainer = experiment.trainer
    console.say(
        f"stopped at epoch {trainer.epoch + 1}, batch {trainer.batch}, and saved: go on"
        f" with --out {folder.path} --resume"
    )
    result = {"exit_code": 2 if fault else 130, "seed": experiment.config.seed, "stopped": True}
    return {**result, "fault": fault} if fault else result


def _finish(
    args: Args, experiment: Experiment, folder: RunFolder, listeners: Listeners, console: Console
) -> dict[str, Any]:  # any: JSON
    """Take the best epoch, measure, record and draw; returns the run's record."""
    if line := listeners.finish():
        console.say(line)
    record = _record(experiment, folder)
    records.append(folder.records, record)
    if not args.quiet:
        from ...pictures.run import draw_run  # loads matplotlib: 0.4 s

        draw_run(experiment, folder)
    return record


def _record(experiment: Experiment, folder: RunFolder) -> dict[str, Any]:  # any: JSON
    """Return the record of a finished run."""
    epochs = [record for record in records.read(folder.records) if record.get("kind") == "epoch"]
    last, seconds = epochs[-1], sum(record["seconds"] for record in epochs)
    return {
        "kind": "run",
        "test_accuracy": experiment.trainer.evaluate().test_accuracy,
        "dataset": experiment.config.dataset,
        "measured_on": "validation" if experiment.config.validation else "test",
        "seed": experiment.config.seed,
        "samples": last["samples"],
        "samples_per_second": last["samples"] / seconds,
        "seconds": seconds,
        "feedback_angle_deg": last["feedback_angle_deg"],
        "spikes_per_neuron": last["spikes_per_neuron"],
        "threads": experiment.trainer.learner.threads,
        "precision": experiment.learner.precision,  # of convolutions
        "machine": f"{platform.machine()} {platform.system()}",
        "run": str(folder.path),
    }


def _find_lr(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Try learning rates and suggest one."""
    with console.downloads() as progress:
        experiment = Experiment.from_config(args.run, progress=progress)
    if args.run.start_from:
        _take_weights(experiment, args, console)
    search = find_lr(experiment.trainer)
    rows = [
        [f"{lr:.2e}", f"{err:.4f}"] for lr, err in zip(search.rates, search.errors, strict=True)
    ]
    console.table(
        "mean |error| of the output, spikes per step, as the learning rate grows",
        ["lr", "error"],
        rows[:: len(rows) // _LR_ROWS or 1],
    )
    console.say(f"suggested: --lr {search.suggested:.2g}")
    return {
        "suggested_lr": search.suggested,
        "rates": search.rates,
        "errors": search.errors,
        "seed": args.run.seed,
    }


def _print_start(experiment: Experiment, console: Console) -> None:
    c = experiment.config
    measured = "validation" if c.validation else "test"
    net = experiment.net
    sizes = f"{'x'.join(str(n) for n in net.shapes[0])}-{net.description}"
    console.say(
        f"{sizes}, T = {c.steps}, {len(experiment.train_set):,} {c.dataset}"
        f" {experiment.train_set.kind}, {measured} on {len(experiment.test_set):,}; {c.error}"
        f" errors, {c.feedback} feedback, {c.rule} rule, {c.optimizer}, seed {c.seed},"
        f" {experiment.trainer.learner.threads} threads"
    )


def _print_result(record: dict[str, Any], folder: RunFolder, console: Console) -> None:  # any: JSON
    angles = " / ".join(f"{angle:.1f}" for angle in record["feedback_angle_deg"])
    console.say(
        f"{record['measured_on']} accuracy {100 * record['test_accuracy']:.2f} %, feedback angles"
        f" {angles} degrees, in {folder.path}"
    )
