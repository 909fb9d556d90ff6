"""Learn on the chip's terms: batch 1, online, integer weights, 7-bit traces, microcode sums of
products, sleep in between.

The emulator learns a whole data set and equals Lava's learning engine bit for bit; `--target lava`
runs the same learning inside that engine for the first samples, and compares every weight and trace
after every sample. With --model a trained network goes on learning.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from hardware.border.files import read_model, write_model
from hardware.learning import state as learning_state
from hardware.learning.against_lava import compare
from hardware.learning.emulator import LearningRecord, evaluate, learn
from hardware.learning.fit import fit
from hardware.learning.params import ChipLearningParams
from hardware.learning.state import LearningState

from ..data.datasets import ImageSet, load_images
from ..runs import records
from ..runs.checkpoint import RunFolder, drop_records_after
from ..training.health import Fault, FaultLog, GuardLimits, angle_faults, chip_faults
from .console import Console
from .helpers.interrupt import stop_request

_SAVE_EVERY = 10.0  # seconds
# more neurons than this before the output halve its gain; chosen on validation images at 400
_WIDE, _WIDE_GAIN = 200, 60


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    hidden: tuple[int, ...] = (100,)  # neurons of each hidden layer
    epochs: int = 3  # times through the training images
    samples: int = 0  # training images per epoch; 0: all (emulator), 500 in all (lava)
    # emulator, or lava (Lava's learning engine beside the emulator, weight by weight)
    target: str = "emulator"
    dataset: str = "mnist"  # mnist or fashion
    # go on from this network, written by biograd export (its sizes and steps count)
    model: Path | None = None
    steps: int = 20  # time steps a sample is shown, 1..48
    weight_bits: int = 8  # bits of a weight, 2..6 or 8
    # random number: one per synapse, or one a matrix; or none
    rounding: Literal["synapse", "stock", "nearest", "floor"] = "synapse"
    # signed (Loihi 2 and Lava) or unsigned (Loihi 1: sign split over two traces)
    traces: Literal["signed", "unsigned"] = "signed"
    # feedback weights learned in sleep, or random and fixed
    feedback: Literal["sleep", "random"] = "sleep"
    seed: int = 0  # of weights, order, rounding and dreams
    # run folder; runs/learn unless named
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    resume: bool = False  # go on with the learning in the folder
    deadline: float = 3600.0  # seconds Lava may take
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Learn, evaluate, save."""
    for name in ("epochs", "samples"):
        if getattr(args, name) < (name == "epochs"):
            raise ValueError(
                f"{name} is {getattr(args, name)}; need {int(name == 'epochs')} or more"
            )
    if args.target not in ("emulator", "lava"):
        raise ValueError(f"target is {args.target!r}; known: emulator, lava")
    with console.downloads() as progress:
        train, test = (
            load_images(args.dataset, split, progress=progress) for split in ("train", "test")
        )
    if args.target == "lava":
        return _in_lava(args, train, console)
    if args.samples:
        train = train.subset(slice(0, args.samples))
    return _in_emulator(args, train, test, console)


def _tell_fit(params: ChipLearningParams, console: Console) -> None:
    found = fit(params)
    console.say(
        f"learning asks for {found.cores} cores of 128, layer by layer"
        f" {', '.join(str(layer.cores) for layer in found.layers)}"
    )
    for warning in found.warnings:
        console.say(f"note: {warning}")


def _params(args: Args, samples: int) -> ChipLearningParams:
    # stock rounding knows whole integers only
    bits = 9 if args.rounding == "stock" else args.weight_bits
    gain = _WIDE_GAIN if args.hidden and args.hidden[-1] > _WIDE else ChipLearningParams.gain_output
    return ChipLearningParams(
        sizes=(784, *args.hidden, 10),
        steps=args.steps,
        weight_bits=bits,
        rounding=args.rounding,
        traces=args.traces,
        feedback=args.feedback,
        samples=samples,
        seed=args.seed,
        gain_output=gain,
    )


# any: JSON
def _in_emulator(args: Args, train: ImageSet, test: ImageSet, console: Console) -> dict[str, Any]:
    folder = RunFolder(args.out or Path("runs/learn"))
    file = folder.path / "learning.npz"
    with folder.locked():
        state = _state(args, len(train), folder, file)
        total = args.epochs * len(train)
        done = _taken_up(folder, state.samples // len(train)) if args.resume else []
        if done and state.samples >= total:
            _conclude(done[-1], folder, console)
            return done[-1]
        _tell_fit(state.params, console)
        saved = time.perf_counter()
        with stop_request() as stopping, console.bar("learning on the chip", unit="samples") as bar:
            block: list[LearningRecord] = []
            told = FaultLog()
            for record in learn(state, *_arrays(train), epochs=args.epochs):
                block = [*block[-19:], record]
                state.tally += (record.block, record.correct, record.learned, record.seconds)
                correct, seen = sum(r.correct for r in block), sum(r.block for r in block)
                bar(
                    record.samples,
                    total,
                    f"online {100 * correct / max(seen, 1):.1f} % "
                    f" {record.block / record.seconds:,.0f} samples/s",
                )
                told.note(_faults(record, state))
                if record.samples % len(train) == 0 and record.block:
                    epoch = _epoch(record.samples // len(train), state, test)
                    if state.params.feedback == "sleep":
                        told.note(angle_faults(epoch["feedback_angle_deg"], GuardLimits()))
                    records.append(folder.records, epoch | {"faults": told.counted()})
                    state.tally[:] = 0
                for fault in told.fresh():
                    console.say(f"fault: {fault}")
                if (
                    stopping
                    or record.samples % len(train) == 0
                    or time.perf_counter() - saved > _SAVE_EVERY
                ):
                    learning_state.write_state(state, file)
                    saved = time.perf_counter()
                if stopping and record.samples < total:
                    console.say(
                        f"stopped after {record.samples:,} of {total:,} samples, and saved: go on"
                        f" with --out {folder.path} --resume"
                    )
                    return {"exit_code": 130, "seed": args.seed, "stopped": True}
        seconds = sum(
            record["seconds"]
            for record in records.read(folder.records)
            if record["kind"] == "epoch"
        )
        result: dict[str, Any] = {  # any: JSON
            "kind": "run",
            "name": "chip learning",
            "target": "emulator",
            "test_accuracy": evaluate(state, *_arrays(test)),
            "seed": args.seed,
            "samples": state.samples,
            "samples_per_second": total / seconds if seconds else None,
            "feedback_angle_deg": [
                learning_state.feedback_angle(state, layer) for layer in range(len(state.w_fb))
            ],
            "run": str(folder.path),
        }
        write_model(learning_state.to_model(state), folder.model)
        records.append(folder.records, result)
    _conclude(result, folder, console)
    return result


def _taken_up(folder: RunFolder, epochs: int) -> list[dict[str, Any]]:  # any: JSON
    """Drop the records of epochs that will be done again; returns the records of finished runs."""
    if folder.records.exists():
        drop_records_after(folder, epochs)
    return [record for record in records.read(folder.records) if record["kind"] == "run"]


def _conclude(result: dict[str, Any], folder: RunFolder, console: Console) -> None:  # any: JSON
    angles = " / ".join(f"{angle:.1f}" for angle in result["feedback_angle_deg"])
    console.say(
        f"test accuracy {100 * result['test_accuracy']:.2f} % learned in the chip's integers from"
        f" {result['samples']:,} samples, feedback angles {angles} degrees; model in {folder.model}"
    )


def _state(args: Args, samples: int, folder: RunFolder, file: Path) -> LearningState:
    params = _params(args, args.epochs * samples)
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
    return (
        learning_state.from_model(read_model(args.model), params)
        if args.model
        else learning_state.start(params)
    )


def _faults(record: LearningRecord, state: LearningState) -> list[Fault]:
    """What went wrong since the last night, in a lesson long enough to tell."""
    if record.block < 100:
        return []
    neurons = np.array(state.params.sizes[1:])
    rates = record.spikes[1:] / (neurons * max(1, record.steps))
    return chip_faults(
        rates.tolist(),
        record.saturated_traces / max(1, record.learned * int(neurons.sum())),
        GuardLimits(),
    )


def _epoch(number: int, state: LearningState, test: ImageSet) -> dict[str, Any]:  # any: JSON
    seen, correct, learned, seconds = state.tally.tolist()
    return {
        "kind": "epoch",
        "epoch": number,
        "samples": state.samples,
        "train_accuracy": correct / max(seen, 1),
        "test_accuracy": evaluate(state, *_arrays(test)),
        "feedback_angle_deg": [
            learning_state.feedback_angle(state, layer) for layer in range(len(state.w_fb))
        ],
        "seconds": seconds,
        "samples_per_second": seen / seconds if seconds else None,
        "learned_fraction": learned / max(seen, 1),
    }


def _in_lava(args: Args, train: ImageSet, console: Console) -> dict[str, Any]:  # any: JSON
    if args.model:
        raise ValueError(
            "--model goes with --target emulator: the comparison with Lava starts from an untaught"
            " network"
        )
    samples = args.samples or 500
    params = _params(args, args.epochs * len(train))
    _tell_fit(params, console)
    with console.bar("learning in Lava", unit="segments") as bar:
        found = compare(
            params,
            *_arrays(train),
            samples=samples,
            deadline=args.deadline,
            progress=lambda done, total: bar(done, total, ""),
        )
    console.say(
        f"{found.samples:,} samples and {found.sleep_phases} sleep phases, {found.weights:,}"
        " plastic weights: "
        + (
            found.first_difference
            or "every weight, trace and output equal in Lava and the emulator after every one of them"
        )
    )
    console.say(
        f"Lava took {found.lava_seconds:.1f} s, the emulator {found.emulator_seconds:.2f} s"
    )
    return {
        "target": "lava",
        "lava_mismatches": 0 if found.first_difference is None else 1,
        "first_difference": found.first_difference,
        "seed": args.seed,
        "samples": found.samples,
        "sleep_phases": found.sleep_phases,
        "weights": found.weights,
        "samples_per_second": found.samples / found.lava_seconds,
        "emulator_samples_per_second": found.samples / found.emulator_seconds,
    }


def _arrays(images: ImageSet) -> tuple[np.ndarray, np.ndarray]:
    return images.x.flatten(1).numpy(), images.y.numpy()
