"""Learn in the chip's integers, in a run folder or beside Lava."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hardware.border.files import read_model, write_model
from hardware.border.model import Model
from hardware.learning import state as learning_state
from hardware.learning.against_lava import Comparison, compare
from hardware.learning.emulator import evaluate
from hardware.learning.faults import damaged
from hardware.learning.fit import fit
from hardware.learning.front import HEAD, digest, head_of, keeps_weights, with_head
from hardware.learning.params import ChipLearningParams
from hardware.learning.sleep_params import ChipSleepParams
from hardware.learning.state import LearningState

from ...checks import known_words, real_number
from ...data.datasets import ImageSet, load_images
from ...runs import records
from ...runs.checkpoint import RunFolder, drop_records_after
from ..console import Console
from ..helpers.chip_learning import angles, arrays, learn_epochs, state_file
from ..helpers.front_features import Arrays, FrontFeatures, front_features
from ..helpers.learn_settings import expect_same, keep_settings
from ..helpers.named import model_file
from ..helpers.ranges import expect_at_least

if TYPE_CHECKING:
    from ..learn import Args

TARGETS = ("emulator", "lava")
LAVA_SAMPLES = 500  # samples that Lava learns unless --samples says otherwise
_BEFORE = "test_accuracy_before"  # of a trained network under faults, before it learns on
# More neurons than this before the output halve its gain; chosen on validation images at 400.
_WIDE, _WIDE_GAIN = 200, 60
# Of the preset: finer weights, and nights five times as long that forget half as fast; chosen on
# validation images.
_BEST: dict[str, Any] = {  # any: the parameters' types
    "vth": 1024,
    "sleep": ChipSleepParams(steps=1000, hebb_exponent=-4, forget_exponent=-6),
}


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Learn, evaluate, save."""
    expect_at_least(1, epochs=args.run.epochs)
    expect_at_least(0, samples=args.run.samples)
    for neurons in args.run.hidden:
        expect_at_least(1, hidden=neurons)
    real_number(args.deadline, "deadline", above=0, need="seconds above 0")
    if args.run.plastic == "head" and not args.run.model:
        raise ValueError(
            "--plastic head keeps a trained network's features, and no --model is named: name one"
        )
    if args.run.plastic == "head" and args.run.shift:
        raise ValueError(
            f"shift is {args.run.shift}, and --plastic head runs the frozen layers once per image:"
            " leave --shift out"
        )
    if args.run.plastic == "head" and args.run.faults.any:
        raise ValueError(
            "--plastic head runs the frozen layers once per image, on an intact chip: leave"
            " --faults out"
        )
    if args.target == "lava" and (args.resume or args.out):
        raise ValueError(
            "--target lava compares two runs and keeps no run folder: leave --out and --resume out"
        )
    if args.run.faults.any and args.target == "lava":
        raise ValueError("faults are injected in the emulator: leave --target lava out")
    if args.target not in TARGETS:
        raise ValueError(f"target is {args.target!r}; {known_words(args.target, TARGETS)}")
    with console.downloads() as progress:
        train = load_images(args.run.dataset, "train", progress=progress)
        test = load_images(args.run.dataset, "test", progress=progress)
    if args.target == "lava":
        return _in_lava(args, train, console)
    if args.run.samples:
        train = train.subset(slice(0, args.run.samples))
    return _in_emulator(args, train, test, console)


def _in_emulator(
    args: Args, train: ImageSet, test: ImageSet, console: Console
) -> dict[str, Any]:  # any: JSON
    """Learn in the run folder; returns the run's record, also that of a run finished before."""
    folder = RunFolder(args.out or Path("runs/learn"))
    total = args.run.epochs * len(train)
    with folder.locked():
        state = _state(args, total, folder)
        finished = _finished_runs(folder, state.samples // len(train)) if args.resume else []
        if finished and state.samples >= total:
            _print_result(finished[-1], folder, console)
            return finished[-1]
        front = None
        if args.run.plastic == "head":
            front = _front(args, (train, test), state, folder, console)
        halves = front.halves if front else (arrays(train), arrays(test))
        _print_fit(state.params, front, console)
        if args.run.model and state.faults.any and not state.samples:
            state.info[_BEFORE] = evaluate(state, *halves[1])
            console.say(
                f"with the faults, before learning on: {100 * state.info[_BEFORE]:.2f} % of"
                f" {len(test):,} test images"
            )
        if not learn_epochs(state, *halves, epochs=args.run.epochs, folder=folder, console=console):
            console.say(
                f"stopped after {state.samples:,} of {total:,} samples, and saved: go on"
                f" with --out {folder.path} --resume"
            )
            return {"exit_code": 130, "seed": args.run.seed, "stopped": True}
        result = _result(state, halves[1], args.run.seed, total, folder)
        write_model(_learned(state, front, args.run.dataset), folder.model)
        records.append(folder.records, result)
    _print_result(result, folder, console)
    return result


def _state(args: Args, samples: int, folder: RunFolder) -> LearningState:
    """Return the state to learn from: the folder's, the model's, or a new one."""
    params, file = _params(args, samples), state_file(folder)
    if file.exists():
        if not args.resume:
            raise ValueError(
                f"{folder.path} already holds a learning run: name another folder with --out, or go"
                " on by --resume"
            )
        expect_same(folder.path, args.run)
        state = learning_state.read_state(file)
        if not args.run.model and state.params != params:
            raise ValueError(
                f"{folder.path} holds a learning run of other parameters: resume it with its own"
                " flags, or name another --out"
            )
        return state
    if folder.holds_run():
        raise ValueError(f"{folder.path} holds a training run: name another folder with --out")
    if args.run.model:
        model = read_model(model_file(Path(args.run.model)))
        head = args.run.plastic == "head"
        state = head_of(model, params) if head else learning_state.from_model(model, params)
    else:
        state = learning_state.start(params)
    state = damaged(state, args.run.faults)
    keep_settings(folder.path, args.run)
    return state


def _front(
    args: Args,
    halves: tuple[ImageSet, ImageSet],
    state: LearningState,
    folder: RunFolder,
    console: Console,
) -> FrontFeatures:
    """Run the frozen layers; raises ValueError where a resumed run had others."""
    features = front_features(args.run.model, *halves, dataset=args.run.dataset, console=console)
    now = digest(features.fixed)
    if state.info.setdefault("front", now) != now:
        raise ValueError(
            f"{args.run.model} holds other weights than when the run in {folder.path} began: bring"
            " the file back, or start again with another --out"
        )
    return features


def _learned(state: LearningState, front: FrontFeatures | None, dataset: str) -> Model:
    """Return the network as it is learned, frozen layers included."""
    model = with_head(front.model, front.fixed, state) if front else learning_state.to_model(state)
    return dataclasses.replace(model, info=model.info | {"dataset": dataset})


def _params(args: Args, samples: int) -> ChipLearningParams:
    # Stock rounding has whole integers alone.
    bits = 9 if args.run.rounding == "stock" else args.run.weight_bits
    wide = args.run.hidden and args.run.hidden[-1] > _WIDE
    settings: dict[str, Any] = {"gain_output": _WIDE_GAIN} if wide else {}  # any: their types
    if args.run.plastic == "head":
        settings = HEAD
    elif args.run.preset == "best":
        settings = settings | _BEST
    return ChipLearningParams(
        **settings,
        sizes=(784, *args.run.hidden, 10),
        steps=args.run.steps,
        weight_bits=bits,
        rounding=args.run.rounding,
        traces=args.run.traces,
        feedback=args.run.feedback,
        samples=samples,
        shift=args.run.shift,
        seed=args.run.seed,
    )


def _finished_runs(folder: RunFolder, epochs: int) -> list[dict[str, Any]]:  # any: JSON
    """Drop the records of epochs that are learned again; return the records of finished runs."""
    if folder.records.exists():
        drop_records_after(folder, epochs)
    return [record for record in records.read(folder.records) if record["kind"] == "run"]


def _result(
    state: LearningState, test: Arrays, seed: int, total: int, folder: RunFolder
) -> dict[str, Any]:  # any: JSON
    """Return the record of a finished run of `total` samples."""
    before = {_BEFORE: state.info[_BEFORE]} if _BEFORE in state.info else {}
    faults = {"faults": dataclasses.asdict(state.faults)} if state.faults.any else {}
    epochs = [record for record in records.read(folder.records) if record["kind"] == "epoch"]
    seconds = sum(record["seconds"] for record in epochs)
    return {
        "kind": "run",
        "name": "chip learning",
        "target": "emulator",
        "test_accuracy": evaluate(state, *test),
        "seed": seed,
        "samples": state.samples,
        "samples_per_second": total / seconds if seconds else None,
        "feedback_angle_deg": angles(state),
        **faults,
        **before,
        "run": str(folder.path),
    }


def _in_lava(args: Args, train: ImageSet, console: Console) -> dict[str, Any]:  # any: JSON
    """Learn the first samples in Lava and in the emulator, and compare."""
    samples = args.run.samples or LAVA_SAMPLES
    params, front, data = _params(args, args.run.epochs * len(train)), None, arrays(train)
    if args.run.plastic == "head":
        few = train.subset(slice(0, samples))
        front = front_features(args.run.model, few, dataset=args.run.dataset, console=console)
        if keeps_weights(front.model):
            raise ValueError(
                "the comparison with Lava starts from an untrained head, and this network's last"
                " layer keeps its weights: use a network that ends with a readout"
            )
        params, data = head_of(front.model, params).params, front.halves[0]
    elif args.run.model:
        raise ValueError(
            "--model goes with --target emulator or --plastic head: the comparison with Lava starts"
            " from an untrained network"
        )
    _print_fit(params, front, console)
    with console.bar("learning in Lava", unit="segments") as bar:
        comparison = compare(
            params,
            *data,
            samples=samples,
            deadline=args.deadline,
            progress=lambda done, total: bar(done, total, ""),
        )
    _print_comparison(comparison, console)
    return {
        "target": "lava",
        "lava_mismatches": 0 if comparison.first_difference is None else 1,
        "first_difference": comparison.first_difference,
        "seed": args.run.seed,
        "samples": comparison.samples,
        "sleep_phases": comparison.sleep_phases,
        "weights": comparison.weights,
        "samples_per_second": comparison.samples / comparison.lava_seconds,
        "emulator_samples_per_second": comparison.samples / comparison.emulator_seconds,
    }


def _print_fit(params: ChipLearningParams, front: FrontFeatures | None, console: Console) -> None:
    placement = fit(params, front.fixed if front else None)
    cores = ", ".join(str(layer.cores) for layer in placement.layers)
    console.say(f"learning needs {placement.cores} cores of 128, layer by layer {cores}")
    for warning in placement.warnings:
        console.say(f"note: {warning}")


def _print_result(result: dict[str, Any], folder: RunFolder, console: Console) -> None:  # any: JSON
    degrees = " / ".join(f"{angle:.1f}" for angle in result["feedback_angle_deg"])
    angles_too = f", feedback angles {degrees} degrees" if degrees else ""
    console.say(
        f"test accuracy {100 * result['test_accuracy']:.2f} % learned in the chip's integers from"
        f" {result['samples']:,} samples{angles_too}; model in {folder.model}"
    )


def _print_comparison(comparison: Comparison, console: Console) -> None:
    outcome = comparison.first_difference or (
        "every weight, trace and output equal in Lava and the emulator after every one of them"
    )
    console.say(
        f"{comparison.samples:,} samples and {comparison.sleep_phases} sleep phases,"
        f" {comparison.weights:,} plastic weights: {outcome}"
    )
    console.say(
        f"Lava took {comparison.lava_seconds:.1f} s, the emulator"
        f" {comparison.emulator_seconds:.2f} s"
    )
