"""Learn on the chip's terms: batch 1, online, integer weights, 7-bit traces, microcode sums of
products, sleep in between.

The emulator learns a whole data set and equals Lava's learning engine bit for bit. --target lava
runs the same learning in that engine for the first samples, and compares every weight and trace
after every sample. With --model a trained network goes on learning.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from hardware.border.files import read_model, write_model
from hardware.learning import state as learning_state
from hardware.learning.against_lava import Comparison, compare
from hardware.learning.emulator import evaluate
from hardware.learning.fit import fit
from hardware.learning.params import ChipLearningParams
from hardware.learning.state import LearningState

from ..checks import known_words
from ..data.datasets import ImageSet, load_images
from ..runs import records
from ..runs.checkpoint import RunFolder, drop_records_after
from .console import Console
from .helpers.chip_learning import angles, arrays, learn_epochs, state_file
from .helpers.named import model_file
from .helpers.ranges import expect_at_least

TARGETS = ("emulator", "lava")
LAVA_SAMPLES = 500  # samples that Lava learns unless --samples says otherwise
# More neurons than this before the output halve its gain; chosen on validation images at 400.
_WIDE, _WIDE_GAIN = 200, 60


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    hidden: tuple[int, ...] = (100,)  # neurons of each hidden layer
    epochs: int = 3  # times through the training images
    samples: int = 0  # training images per epoch; 0: all (emulator), 500 in total (lava)
    # emulator, or lava (Lava's learning engine beside the emulator, compared weight by weight)
    target: str = "emulator"
    dataset: str = "mnist"  # mnist or fashion
    # start from this network, a file of biograd export or a run folder with one (with its sizes
    # and steps)
    model: Path | None = None
    steps: int = 20  # time steps per sample, 1 to 48
    weight_bits: int = 8  # bits per weight: 2 to 6, or 8
    # how an update becomes an integer: a random number per synapse, or one per matrix (stock); or
    # none (nearest, floor)
    rounding: Literal["synapse", "stock", "nearest", "floor"] = "synapse"
    # signed (Loihi 2 and Lava) or unsigned (Loihi 1: the sign split over two traces)
    traces: Literal["signed", "unsigned"] = "signed"
    # feedback weights: learned in sleep, or random and fixed
    feedback: Literal["sleep", "random"] = "sleep"
    seed: int = 0  # of weights, order, rounding and dreams
    # run folder; by default runs/learn
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    resume: bool = False  # go on with the learning in the folder
    deadline: float = 3600.0  # seconds Lava may take
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Learn, evaluate, save."""
    expect_at_least(1, epochs=args.epochs)
    expect_at_least(0, samples=args.samples)
    for neurons in args.hidden:
        expect_at_least(1, hidden=neurons)
    if args.target not in TARGETS:
        raise ValueError(f"target is {args.target!r}; {known_words(args.target, TARGETS)}")
    with console.downloads() as progress:
        train = load_images(args.dataset, "train", progress=progress)
        test = load_images(args.dataset, "test", progress=progress)
    if args.target == "lava":
        return _in_lava(args, train, console)
    if args.samples:
        train = train.subset(slice(0, args.samples))
    return _in_emulator(args, train, test, console)


def _in_emulator(
    args: Args, train: ImageSet, test: ImageSet, console: Console
) -> dict[str, Any]:  # any: JSON
    """Learn in the run folder; returns the run's record, also that of a run finished before."""
    folder = RunFolder(args.out or Path("runs/learn"))
    total = args.epochs * len(train)
    with folder.locked():
        state = _state(args, total, folder)
        finished = _finished_runs(folder, state.samples // len(train)) if args.resume else []
        if finished and state.samples >= total:
            _print_result(finished[-1], folder, console)
            return finished[-1]
        _print_fit(state.params, console)
        if not learn_epochs(state, train, test, epochs=args.epochs, folder=folder, console=console):
            console.say(
                f"stopped after {state.samples:,} of {total:,} samples, and saved: go on"
                f" with --out {folder.path} --resume"
            )
            return {"exit_code": 130, "seed": args.seed, "stopped": True}
        result = _result(state, test, args.seed, total, folder)
        write_model(learning_state.to_model(state), folder.model)
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
        state = learning_state.read_state(file)
        if not args.model and state.params != params:
            raise ValueError(
                f"{folder.path} holds a learning run of other parameters: resume it with its own"
                " flags, or name another --out"
            )
        return state
    if folder.holds_run():
        raise ValueError(f"{folder.path} holds a training run: name another folder with --out")
    if args.model:
        return learning_state.from_model(read_model(model_file(args.model)), params)
    return learning_state.start(params)


def _params(args: Args, samples: int) -> ChipLearningParams:
    # Stock rounding has whole integers alone.
    bits = 9 if args.rounding == "stock" else args.weight_bits
    wide = args.hidden and args.hidden[-1] > _WIDE
    return ChipLearningParams(
        sizes=(784, *args.hidden, 10),
        steps=args.steps,
        weight_bits=bits,
        rounding=args.rounding,
        traces=args.traces,
        feedback=args.feedback,
        samples=samples,
        seed=args.seed,
        gain_output=_WIDE_GAIN if wide else ChipLearningParams.gain_output,
    )


def _finished_runs(folder: RunFolder, epochs: int) -> list[dict[str, Any]]:  # any: JSON
    """Drop the records of epochs that are learned again; return the records of finished runs."""
    if folder.records.exists():
        drop_records_after(folder, epochs)
    return [record for record in records.read(folder.records) if record["kind"] == "run"]


def _result(
    state: LearningState, test: ImageSet, seed: int, total: int, folder: RunFolder
) -> dict[str, Any]:  # any: JSON
    """Return the record of a finished run of `total` samples."""
    epochs = [record for record in records.read(folder.records) if record["kind"] == "epoch"]
    seconds = sum(record["seconds"] for record in epochs)
    return {
        "kind": "run",
        "name": "chip learning",
        "target": "emulator",
        "test_accuracy": evaluate(state, *arrays(test)),
        "seed": seed,
        "samples": state.samples,
        "samples_per_second": total / seconds if seconds else None,
        "feedback_angle_deg": angles(state),
        "run": str(folder.path),
    }


def _in_lava(args: Args, train: ImageSet, console: Console) -> dict[str, Any]:  # any: JSON
    """Learn the first samples in Lava and in the emulator, and compare."""
    if args.model:
        raise ValueError(
            "--model goes with --target emulator: the comparison with Lava starts from an untrained"
            " network"
        )
    params = _params(args, args.epochs * len(train))
    _print_fit(params, console)
    with console.bar("learning in Lava", unit="segments") as bar:
        comparison = compare(
            params,
            *arrays(train),
            samples=args.samples or LAVA_SAMPLES,
            deadline=args.deadline,
            progress=lambda done, total: bar(done, total, ""),
        )
    _print_comparison(comparison, console)
    return {
        "target": "lava",
        "lava_mismatches": 0 if comparison.first_difference is None else 1,
        "first_difference": comparison.first_difference,
        "seed": args.seed,
        "samples": comparison.samples,
        "sleep_phases": comparison.sleep_phases,
        "weights": comparison.weights,
        "samples_per_second": comparison.samples / comparison.lava_seconds,
        "emulator_samples_per_second": comparison.samples / comparison.emulator_seconds,
    }


def _print_fit(params: ChipLearningParams, console: Console) -> None:
    placement = fit(params)
    cores = ", ".join(str(layer.cores) for layer in placement.layers)
    console.say(f"learning needs {placement.cores} cores of 128, layer by layer {cores}")
    for warning in placement.warnings:
        console.say(f"note: {warning}")


def _print_result(result: dict[str, Any], folder: RunFolder, console: Console) -> None:  # any: JSON
    degrees = " / ".join(f"{angle:.1f}" for angle in result["feedback_angle_deg"])
    console.say(
        f"test accuracy {100 * result['test_accuracy']:.2f} % learned in the chip's integers from"
        f" {result['samples']:,} samples, feedback angles {degrees} degrees; model in"
        f" {folder.model}"
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
