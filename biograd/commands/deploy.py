"""Run an exported model on a target, in the chip's integers.

The emulator runs here and is equal to Lava's fixed-point simulation, spike for spike; `--target
lava` runs that simulation itself in its own Python 3.10, and counts the samples on which the two
differ. The NIR file may be another tool's (a chain of Linear or Affine, then LIF or CubaLIF): name
its --steps, and --dt and --w-in where the file leaves them open.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro

from hardware import limits, targets
from hardware.border.files import read_model
from hardware.border.model import RunResult, SpikeInput
from hardware.border.nir_foreign import Foreign
from hardware.fixed_point import FixedPointModel, quantise

from ..data.datasets import load
from ..deployment import CALIBRATION, price, spikes_of
from ..encoders import ENCODERS, EVENTS
from ..pictures.deployment import draw_deployment
from ..runs import records
from ..runs.checkpoint import RunFolder
from .console import Console


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    model: tyro.conf.Positional[Path]  # file written by biograd export, or another tool's NIR file
    target: str = "emulator"  # emulator, or lava (Lava's CPU simulation)
    samples: int = 0  # test images to run; 0: all (emulator), 200 (lava)
    weight_bits: int = 8  # bits of a weight on the chip, 2..6 or 8
    # folder of the data sets; the run's, else the usual one, unless named
    data_folder: Path | None = None
    steps: int = 0  # of another tool's file: time steps a sample is shown
    encoder: str = "integrate_and_fire"  # of another tool's file: how images become spikes
    dataset: str = ""  # data set to run; the one the model was trained on, else mnist, unless named
    dt: float | None = None  # of another tool's file: seconds per step, where it does not betray it
    # of another tool's file: how a CubaLIF's w_in is meant, NIR's equation or Norse's jump
    w_in: Literal["euler", "jump"] | None = None
    deadline: float = 600.0  # seconds the Lava simulation may take
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Quantise, check every limit, run, compare."""
    if args.target not in targets.TARGETS:
        raise ValueError(f"target is {args.target!r}; known: {', '.join(targets.TARGETS)}")
    for name in ("samples", "steps"):
        if getattr(args, name) < 0:
            raise ValueError(f"{name} is {getattr(args, name)}; need 0 or more")
    torch.set_num_threads(1)
    foreign = (
        Foreign(steps=args.steps, encoder=args.encoder, dt=args.dt, w_in=args.w_in)
        if args.steps
        else None
    )
    model = read_model(args.model, foreign=foreign)
    if foreign and "read_from" not in model.info:
        raise ValueError(
            f"{args.model} is a file of BioGrad, which says itself how it is shown (T ="
            f" {model.steps}): leave --steps out"
        )
    if model.encoder not in (*ENCODERS, EVENTS):
        raise ValueError(
            f"{args.model} was trained with encoder {model.encoder!r}; known:"
            f" {', '.join((*ENCODERS, EVENTS))}"
        )
    dataset = args.dataset or str(model.info.get("dataset", "mnist"))
    run_folder = RunFolder(args.model.parent)
    root = (
        args.data_folder
        or (run_folder.read_config().data_folder if run_folder.holds_run() else "")
        or None
    )
    with console.downloads() as progress:
        train, test = (
            load(dataset, "train", root=root, progress=progress),
            load(dataset, "test", root=root, progress=progress),
        )
    fixed = quantise(
        model,
        calibration=spikes_of(model, train.subset(slice(0, CALIBRATION))),
        weight_bits=args.weight_bits,
    )
    fit = limits.check(fixed)
    _tell_fit(fixed, fit, console)
    wanted = args.samples or (len(test) if args.target == "emulator" else 200)
    images = test.subset(slice(0, min(wanted, len(test))))
    spikes = spikes_of(model, images)
    labels = images.y.numpy()
    here = _timed(fixed, spikes, "emulator", args, console)
    energy = price(here.operations, fit.layers)
    record: dict[str, Any] = {
        "kind": "measurement",
        "name": f"deploy {args.target}",
        "model": args.model.name,
        "target": args.target,
        "seed": model.info.get("seed"),
        "samples": len(images),
        "weight_bits": args.weight_bits,
        "test_accuracy": here.accuracy(labels),
        "float_test_accuracy": model.info.get("test_accuracy"),
        "samples_per_second": here.samples / here.seconds,
        "cores": fit.cores,
        "operations_per_sample": here.operations.per_sample(),
        "operations": {
            name: getattr(here.operations, name).tolist() for name in here.operations.totals()
        },
        "steps": here.operations.steps,
        "wrapped_currents": here.wrapped_currents,
        "saturated_voltages": here.saturated_voltages,
        "fit": [vars(layer) for layer in fit.layers],
        "quantisation": fixed.report.as_dict() if fixed.report else None,
        "energy": energy.record(),
    }
    console.say(
        f"emulator: {100 * here.accuracy(labels):.2f} % of {len(images):,} test samples,"
        f" {record['samples_per_second']:,.0f} samples/s"
    )
    low, high = (1e6 * end for end in energy.total)
    console.say(f"modelled on Loihi 1 ({energy.profile}): {low:.3g} to {high:.3g} uJ per sample")
    if args.target != "emulator":
        there = _timed(fixed, spikes, args.target, args, console)
        record |= _compare(here, there, labels)
        console.say(
            f"{args.target}: {100 * there.accuracy(labels):.2f} % of {len(images):,},"
            f" {there.samples / there.seconds:,.0f} samples/s; {record['lava_mismatches']}"
            " mismatches with the emulator"
        )
    folder = RunFolder(args.model.parent)
    if folder.holds_run():
        records.append(folder.records, record)
        if args.target == "emulator":
            drawn = draw_deployment(model, fixed, fit, spikes, folder)
            console.say(
                f"drew {', '.join(file.stem for file in drawn)} in {folder.path / 'pictures'}"
            )
    return record


def _timed(
    fixed: FixedPointModel, spikes: SpikeInput, target: str, args: Args, console: Console
) -> RunResult:
    with console.bar(target, unit="samples") as bar:
        start = time.perf_counter()

        def show(done: int, total: int) -> None:
            bar(done, total, f"{done / max(time.perf_counter() - start, 1e-9):,.0f} samples/s")

        return targets.run(fixed, spikes, target, deadline=args.deadline, progress=show)


def _compare(here: RunResult, there: RunResult, labels: np.ndarray) -> dict[str, Any]:  # any: JSON
    return {
        "lava_mismatches": int((here.counts != there.counts).any(axis=1).sum()),
        "test_accuracy": there.accuracy(labels),
        "samples_per_second": there.samples / there.seconds,
        "emulator_samples_per_second": here.samples / here.seconds,
    }


def _tell_fit(fixed: FixedPointModel, fit: limits.Fit, console: Console) -> None:
    rows = []
    for layer, quantised in zip(
        fit.layers, fixed.report.layers if fixed.report else (), strict=False
    ):
        loads = [
            f"{used}/{most}"
            for used, most in (
                layer.compartments,
                layer.axons_in,
                layer.axons_out,
                layer.synapse_words,
            )
        ]
        rows.append(
            [
                layer.name,
                str(layer.cores),
                *loads,
                f"{quantised.weight_error_rms:.4f}",
                str(quantised.clipped_weights),
            ]
        )
    columns = [
        "layer",
        "cores",
        "compartments",
        "axons in",
        "axons out",
        "synapse words",
        "rounding",
        "clipped",
    ]
    console.table(
        f"on Loihi: {fit.cores} cores of 128; used/most on the fullest core; rounding rms in"
        " thresholds",
        columns,
        rows,
    )
    for warning in fit.warnings:
        console.say(f"note: {warning}")
