"""Meet classes one after another on the chip, beside a naive net, replay and joint training."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hardware.learning.params import ChipLearningParams
from hardware.prototypes.against_lava import compare
from hardware.prototypes.class_stream import (
    Learner,
    NetLearner,
    PrototypeLearner,
    StreamResult,
    run_stream,
    tasks_of,
)
from hardware.prototypes.params import ON_FEATURES, PrototypeParams
from hardware.prototypes.state import write_state

from ...data.datasets import load_images
from ...runs import records
from ...runs.checkpoint import RunFolder
from ..console import Console
from ..helpers.chip_learning import arrays
from ..helpers.front_features import Arrays, front_features
from ..helpers.ranges import expect_at_least

if TYPE_CHECKING:
    from ..learn import Args

CLASSES = 10
LAVA_SAMPLES = 500
STATE = "prototypes.npz"  # in the run folder


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Run the stream, save the prototypes after each task, and return the record."""
    settings = args.run
    expect_at_least(1, classes_per_task=settings.classes_per_task)
    expect_at_least(1, prototypes=settings.prototypes)
    expect_at_least(0, shots=settings.shots, replay=settings.replay)
    if args.resume:
        raise ValueError(
            "--resume goes with a run of epochs; a stream takes a minute: run it again"
        )
    if settings.plastic == "head" and not settings.model:
        raise ValueError(
            "--plastic head keeps a trained network's features, and no --model is named: name one"
        )
    if settings.model and args.target == "lava":
        raise ValueError("--target lava compares a stream of pixels: leave --model out")
    if settings.shift:
        raise ValueError("--stream shows each sample once, as it is: leave --shift out")
    if settings.faults.any:
        raise ValueError("--stream runs on an intact chip: leave --faults out")
    if args.target not in ("emulator", "lava"):
        raise ValueError(f"target is {args.target!r}; known are emulator, lava")
    with console.downloads() as progress:
        train_set = load_images(settings.dataset, "train", progress=progress)
        test_set = load_images(settings.dataset, "test", progress=progress)
    if settings.samples and args.target == "emulator":
        train_set = train_set.subset(slice(0, settings.samples))
    if settings.model:
        features = front_features(
            settings.model, train_set, test_set, dataset=settings.dataset, console=console
        )
        (train, test), steps = features.halves, features.model.steps
    else:
        train, test, steps = arrays(train_set), arrays(test_set), settings.steps
    params = PrototypeParams(
        inputs=train[0].shape[1],
        prototypes=settings.prototypes,
        per_class=max(1, settings.prototypes // CLASSES),
        classes=CLASSES,
        steps=steps,
        weight_bits=settings.weight_bits,
        seed=settings.seed,
        **(ON_FEATURES if settings.model else {}),
    )
    if args.target == "lava":
        return _in_lava(args, params, train, console)
    return _in_emulator(args, params, train, test, console)


def learners(args: Args, params: PrototypeParams) -> dict[str, Learner]:
    """Return the prototypes, and with --replay the nets beside them, which take pixels."""
    settings = args.run
    chosen: dict[str, Learner] = {"prototypes": PrototypeLearner(params)}
    if settings.replay and not settings.model:
        net = ChipLearningParams(
            sizes=(params.inputs, *settings.hidden, CLASSES),
            steps=settings.steps,
            weight_bits=settings.weight_bits,
            gain_hidden=60,
            gain_output=50,
            seed=settings.seed,
        )
        chosen["naive"] = NetLearner(net)
        chosen[f"replay of {settings.replay} per class"] = NetLearner(net, settings.replay)
    return chosen


def _in_emulator(
    args: Args, params: PrototypeParams, train: Arrays, test: Arrays, console: Console
) -> dict[str, Any]:  # any: JSON
    folder = RunFolder(args.out or Path("runs/stream"))
    files = (STATE, "learning.npz")
    if folder.holds_run() or any((folder.path / file).exists() for file in files):
        raise ValueError(f"{folder.path} holds another run: name another folder with --out")
    tasks, shots = tasks_of(CLASSES, args.run.classes_per_task), args.run.shots or None
    results: dict[str, Any] = {}  # any: JSON
    chosen = learners(args, params)
    runs = [(name, learner, tasks) for name, learner in chosen.items()]
    if "naive" in chosen:
        joint = NetLearner(chosen["naive"].params)  # type: ignore[attr-defined]  # a net
        runs.append(("joint", joint, (tuple(range(CLASSES)),)))
    with folder.locked():
        for name, learner, stream in runs:
            begun = time.perf_counter()
            for result in run_stream(learner, train, test, stream, seed=args.run.seed, shots=shots):
                if isinstance(learner, PrototypeLearner):
                    write_state(learner.state, folder.path / STATE)
                    console.say(_task_line(result))
            results[name] = {
                "final": result.final,
                "forgetting": result.forgetting,
                "accuracy": result.accuracy.tolist(),
                "seconds": time.perf_counter() - begun,
            }
            console.say(
                f"{name}: {100 * result.final:.2f} % over all classes at the end, forgetting"
                f" {100 * result.forgetting:.2f} points"
            )
        prototypes = chosen["prototypes"]
        record = {
            "kind": "run",
            "name": "class stream",
            "dataset": args.run.dataset,
            "seed": args.run.seed,
            "shots": args.run.shots,
            "test_accuracy": results["prototypes"]["final"],
            "recruited": prototypes.state.recruited,  # type: ignore[attr-defined]  # a layer
            "learners": results,
            "run": str(folder.path),
        }
        records.append(folder.records, record)
    return record


def _in_lava(
    args: Args, params: PrototypeParams, train: Arrays, console: Console
) -> dict[str, Any]:  # any: JSON
    """Learn the first samples of the stream in Lava and in the emulator, and compare."""
    tasks = tasks_of(CLASSES, args.run.classes_per_task)
    samples = args.run.samples or LAVA_SAMPLES
    share = max(1, samples // len(tasks))
    rng = np.random.default_rng(args.run.seed)
    order = np.concatenate(
        [rng.permutation(np.flatnonzero(np.isin(train[1], task)))[:share] for task in tasks]
    )
    with console.bar("learning in Lava", unit="samples") as bar:
        comparison = compare(
            params,
            train[0][order],
            train[1][order],
            deadline=args.deadline,
            progress=lambda done, total: bar(done, total, ""),
        )
    outcome = comparison.first_difference or (
        "every weight, trace and answer equal in Lava and the emulator after every one of them"
    )
    console.say(
        f"{comparison.samples:,} samples, {comparison.recruited} prototypes recruited,"
        f" {comparison.weights:,} plastic weights: {outcome}"
    )
    return {
        "target": "lava",
        "lava_mismatches": 0 if comparison.first_difference is None else 1,
        "first_difference": comparison.first_difference,
        "seed": args.run.seed,
        "samples": comparison.samples,
        "recruited": comparison.recruited,
        "weights": comparison.weights,
        "samples_per_second": comparison.samples / comparison.lava_seconds,
        "emulator_samples_per_second": comparison.samples / comparison.emulator_seconds,
    }


def _task_line(result: StreamResult) -> str:
    """Return one line on the tasks met so far."""
    met = int((result.accuracy[:, 0] > 0).sum())
    percents = " / ".join(f"{100 * a:.1f}" for a in result.accuracy[max(0, met - 1), :met])
    return f"after task {met} of {len(result.tasks)}: {percents} % of each task's test samples"
