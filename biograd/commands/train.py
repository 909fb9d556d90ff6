"""Train a network with local rules and sleep, into a run folder.

Flags default to those of the preset (or of the TOML file named by --config). Ctrl-C stops after the
batch in hand and saves; --resume goes on from there, to the same weights as if nothing had
happened. --from starts with the network of a NIR file, of biograd or of another tool; --find-lr
tries learning rates and trains nothing.
"""

from __future__ import annotations

import platform
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from ..learning.workers import SharedLearner, Workers, joined
from ..pictures.run import draw_run
from ..runs import records
from ..runs.checkpoint import RunFolder, drop_records_after, load_checkpoint, save_checkpoint
from ..runs.experiment import Experiment, RunConfig, preset, read_config
from ..training.health import Guard
from ..training.lr_search import find_lr
from ..training.trainer import Progress
from .console import Console
from .helpers.interrupt import stop_request
from .helpers.listeners import Listeners
from .helpers.start_weights import configured, take_weights

SAVE_EVERY = 300.0  # seconds between checkpoints within an epoch
# what the first worker sends instead of a checkpoint where nothing is left to do
_FINISHED = b"finished"


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    run: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)
    # start from this preset: mnist (when nothing is named), mnist-best, mnist-online or fashion
    preset: str = ""
    config: Path | None = None  # start from this TOML file
    # start with the sizes, constants and weights of this NIR file
    source: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    # seconds per step of another tool's NIR file, where that does not betray it
    dt: float | None = None
    # how w_in of another tool's CubaLIF is meant: NIR's equation, or Norse's jump
    w_in: Literal["euler", "jump"] | None = None
    find_lr: bool = False  # try learning rates on some batches, suggest one, and stop there
    out: Path | None = None  # run folder; runs/PRESET unless named
    resume: bool = False  # go on with the run in the folder; start it where there is none
    # write curves into RUN/tensorboard (pip install 'biograd[tensorboard]')
    tensorboard: bool = False
    quiet: bool = False  # no pictures at the end
    # when numbers go wrong (exploding weights, silent layers, ...): tell, or save and stop too
    on_fault: Literal["tell", "stop"] = "tell"
    json: bool = False  # print one JSON object as the last line of standard output


def defaults(arguments: list[str]) -> Args:
    """The flags' defaults, as the preset or file named among the arguments has them."""
    name, file = _value(arguments, "--preset"), _value(arguments, "--config")
    if name and file:
        raise ValueError(
            f"both --preset {name} and --config {file} are given: name one; a file may hold a line"
            f" preset = {name!r}"
        )
    start, run = _value(arguments, "--from"), read_config(file) if file else preset(name or "mnist")
    if start:
        dt = _value(arguments, "--dt")
        run = configured(
            run,
            Path(start),
            dt=_number("--dt", dt) if dt else None,
            w_in=_value(arguments, "--w-in") or None,
        )
    return Args(run=run, config=Path(file)) if file else Args(run=run, preset=name or "mnist")


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Train, save, draw; returns the run's record."""
    if args.find_lr:
        return _find_lr(args, console)
    with joined(args.run.device) as workers:
        return _lead(args, console, workers) if workers.first else _follow(args, console, workers)


def _lead(args: Args, console: Console, workers: Workers) -> dict[str, Any]:
    """The whole of it, or, among several workers, the first one's part: it keeps the folder and
    speaks.
    """
    folder = RunFolder(
        args.out or Path("runs") / (args.preset or args.config.stem if args.config else args.preset)
    )
    with folder.locked():
        folder.start(args.run, resume=args.resume)
        with console.downloads() as progress:
            experiment = Experiment.from_config(args.run, progress=progress)
        if args.resume and folder.checkpoint.exists():
            for warning in load_checkpoint(folder, experiment):
                console.say(f"note: {warning}")
            console.say(
                f"resumed {folder.path} at epoch {experiment.trainer.epoch + 1}, batch"
                f" {experiment.trainer.batch}"
            )
        elif args.resume:
            drop_records_after(folder, 0)
        if args.run.start_from and not folder.checkpoint.exists():
            take_weights(experiment, dt=args.dt, w_in=args.w_in)
            console.say(f"weights from {args.run.start_from}")
        _introduce(experiment, console)
        before = (
            [record for record in records.read(folder.records) if record["kind"] == "run"]
            if args.resume
            else []
        )
        if before:
            workers.send(_FINISHED)
            _conclude(before[-1], folder, console)
            return before[-1]
        listeners = Listeners(folder, experiment, tensorboard=args.tensorboard)
        workers.send(
            _FINISHED
            if listeners.enough
            else folder.checkpoint.read_bytes()
            if folder.checkpoint.exists()
            else b""
        )
        _share(experiment, workers)
        finished, fault = _train(experiment, folder, console, listeners, args.on_fault, workers)
        if not finished:
            trainer = experiment.trainer
            console.say(
                f"stopped at epoch {trainer.epoch + 1}, batch {trainer.batch}, and saved: go on"
                f" with --out {folder.path} --resume"
            )
            return {"exit_code": 2 if fault else 130, "seed": args.run.seed, "stopped": True} | (
                {"fault": fault} if fault else {}
            )
        if kept := listeners.finish():
            console.say(kept)
        record = _summary(experiment, folder)
        records.append(folder.records, record)
        if not args.quiet:
            draw_run(experiment, folder)
    _conclude(record, folder, console)
    return record


def _follow(args: Args, console: Console, workers: Workers) -> dict[str, Any]:
    """Another worker's part: to start where the first one does, and work on its share of every
    batch in silence.
    """
    console.as_json = False  # one worker speaks
    experiment = Experiment.from_config(args.run)
    if (data := workers.send(b"")) == _FINISHED:
        return {}
    if data:
        with tempfile.TemporaryDirectory(prefix="biograd-") as place:
            copy = RunFolder(place)
            copy.checkpoint.write_bytes(data)
            load_checkpoint(copy, experiment)
    elif args.run.start_from:
        take_weights(experiment, dt=args.dt, w_in=args.w_in)
    _share(experiment, workers)
    with stop_request() as stopping:
        for _ in experiment.trainer.run(on_batch=lambda p: workers.stops(bool(stopping))):
            pass
    return {}


def _share(experiment: Experiment, workers: Workers) -> None:
    if workers.count > 1:
        experiment.trainer.learner = SharedLearner(experiment.learner, workers)


def _find_lr(args: Args, console: Console) -> dict[str, Any]:
    with console.downloads() as progress:
        experiment = Experiment.from_config(args.run, progress=progress)
    if args.run.start_from:
        take_weights(experiment, dt=args.dt, w_in=args.w_in)
    found = find_lr(experiment.trainer)
    rows = [
        [f"{rate:.2e}", f"{error:.4f}"]
        for rate, error in list(zip(found.rates, found.errors, strict=True))[
            :: len(found.rates) // 20 or 1
        ]
    ]
    console.table(
        "mean |error| of the output, spikes per step, as the learning rate grows",
        ["lr", "error"],
        rows,
    )
    console.say(f"suggested: --lr {found.suggested:.2g}")
    return {
        "suggested_lr": found.suggested,
        "rates": found.rates,
        "errors": found.errors,
        "seed": args.run.seed,
    }


def _conclude(record: dict[str, Any], folder: RunFolder, console: Console) -> None:
    angles = " / ".join(f"{angle:.1f}" for angle in record["feedback_angle_deg"])
    console.say(
        f"{record['measured_on']} accuracy {100 * record['test_accuracy']:.2f} %, feedback angles"
        f" {angles} degrees, in {folder.path}"
    )


def _train(
    experiment: Experiment,
    folder: RunFolder,
    console: Console,
    listeners: Listeners,
    on_fault: str,
    workers: Workers,
) -> tuple[bool, str]:
    """Train on; whether the run is finished, and the fault that stopped it, or nothing."""
    trainer, epochs = experiment.trainer, experiment.config.epochs
    guard, saved, fault, stopped = Guard(trainer), time.monotonic(), "", False
    with stop_request() as stopping, console.bar("training", unit="batches") as bar:

        def tell(record: dict[str, Any] | None = None) -> None:
            nonlocal fault
            for found in guard.new(record):
                console.say(f"fault: {found}")
                fault = fault or (str(found) if on_fault == "stop" else "")

        def show(p: Progress) -> bool:
            nonlocal saved, stopped
            listeners.batch(p)
            guard(p)
            tell()
            # an epoch may take hours, and a crash must not cost one
            if time.monotonic() - saved > SAVE_EVERY:
                save_checkpoint(folder, experiment)
                saved = time.monotonic()
            beside = (
                f"epoch {p.epoch + 1}/{epochs}  train {100 * p.train_accuracy:.1f} % "
                f" {p.samples_per_second:,.0f} samples/s"
            )
            bar(p.epoch * p.batches + p.batch, epochs * p.batches, beside)
            stopped = workers.stops(bool(stopping or fault or listeners.enough))
            return stopped

        for record in () if listeners.enough else trainer.run(on_batch=show):
            tell(record)
            records.append(folder.records, record)
            save_checkpoint(folder, experiment)
            saved = time.monotonic()
            console.say(_epoch_line(record, epochs))
            enough = listeners.epoch(record) or stopping or fault
            if stopped or (enough and workers.count == 1):  # several stop together, after a batch
                break
    if trainer.epoch < epochs:
        save_checkpoint(folder, experiment)
    return trainer.epoch >= epochs or listeners.enough, fault


def _epoch_line(record: dict[str, Any], epochs: int) -> str:
    angles = "/".join(f"{angle:.0f}" for angle in record["feedback_angle_deg"])
    spikes = "/".join(f"{rate:.1f}" for rate in record["spikes_per_neuron"])
    return (
        f"epoch {record['epoch']:>3}/{epochs}  train {100 * record['train_accuracy']:6.2f} %  test"
        f" {100 * record['test_accuracy']:6.2f} %  angles {angles} deg  spikes per neuron {spikes} "
        f" {record['samples_per_second']:,.0f} samples/s"
    )


def _introduce(experiment: Experiment, console: Console) -> None:
    c = experiment.config
    measured = "validation" if c.validation else "test"
    sizes = "-".join(str(n) for n in experiment.net.sizes)
    console.say(
        f"{sizes}, T = {c.steps}, {len(experiment.train_set):,} {c.dataset}"
        f" {experiment.train_set.kind}, {measured} on {len(experiment.test_set):,}; {c.error}"
        f" errors, {c.feedback} feedback, {c.rule} rule, {c.optimizer}, seed {c.seed},"
        f" {experiment.trainer.learner.threads} threads"
    )


def _summary(experiment: Experiment, folder: RunFolder) -> dict[str, Any]:
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
        "machine": f"{platform.machine()} {platform.system()}",
        "run": str(folder.path),
    }


def _value(arguments: list[str], flag: str) -> str:
    for index, word in enumerate(arguments):
        if word == flag and index + 1 < len(arguments):
            return arguments[index + 1]
        if word.startswith(flag + "="):
            return word[len(flag) + 1 :]
    return ""


def _number(flag: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{flag} is {text!r}; need a number, e.g. 1e-4") from None
