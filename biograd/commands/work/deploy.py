"""Run a trained model on a target: quantise, check every limit, run, compare."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hardware import limits, targets
from hardware.border.model import Model, RunResult, SpikeInput
from hardware.energy import EnergyEstimate
from hardware.fixed_point import FixedPointModel

from ...checks import known_words
from ...data.datasets import DataSet, load
from ...deployment import chip_spikes, price
from ...runs import records
from ...runs.checkpoint import RunFolder
from ..console import Console
from ..helpers.model_files import data_root
from ..helpers.named import named_model
from ..helpers.quantising import quantised
from ..helpers.ranges import expect_at_least

if TYPE_CHECKING:
    from ..deploy import Args

LAVA_SAMPLES = 200  # samples that Lava runs unless --samples says otherwise


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Quantise, check every limit, run, compare."""
    if args.target not in targets.TARGETS:
        raise ValueError(f"target is {args.target!r}; {known_words(args.target, targets.TARGETS)}")
    if args.faults.any and args.target != "emulator":
        raise ValueError(f"faults are injected in the emulator: leave --target {args.target} out")
    expect_at_least(0, samples=args.samples, steps=args.file.steps)
    torch.set_num_threads(1)
    model, folder = named_model(
        args.model, args.file, console, measured=True, skip_bad=args.skip_bad
    )
    train, test = _samples(args, model, folder, console)
    model, fixed, clip = quantised(model, train, args.file, console)
    fit = limits.check(fixed)
    _print_fit(fixed, fit, console)
    spikes = chip_spikes(model, test)
    emulated = _timed_run(fixed, spikes, "emulator", args, console)
    energy = price(emulated.operations, fit.layers)
    record = _record(args, model, fixed, fit, emulated, energy, test.y.numpy()) | clip
    if args.faults.any:
        record["faults"] = dataclasses.asdict(args.faults)
    _print_emulated(record, energy, console)
    if args.target != "emulator":
        other = _timed_run(fixed, spikes, args.target, args, console)
        record |= _comparison(emulated, other, test.y.numpy())
        _print_compared(record, console)
    if folder.holds_run():
        records.append(folder.records, record)
        if args.target == "emulator":
            from ...pictures.deployment import draw_deployment  # loads matplotlib: 0.4 s

            pictures = draw_deployment(model, fixed, fit, spikes, folder)
            names = ", ".join(picture.stem for picture in pictures)
            console.say(f"drew {names} in {folder.path / 'pictures'}")
    return record


def _samples(
    args: Args, model: Model, folder: RunFolder, console: Console
) -> tuple[DataSet, DataSet]:
    """Return the training set, for calibration, and the test samples to run."""
    name = args.dataset or str(model.info.get("dataset", "mnist"))
    root = data_root(folder, args.file)
    skip_bad = args.skip_bad or (folder.holds_run() and folder.read_config().skip_bad)
    with console.downloads() as progress:
        train = load(name, "train", root=root, progress=progress, skip_bad=skip_bad)
        test = load(name, "test", root=root, progress=progress, skip_bad=skip_bad)
    count = args.samples or (len(test) if args.target == "emulator" else LAVA_SAMPLES)
    return train, test.subset(slice(0, min(count, len(test))))


def _timed_run(
    fixed: FixedPointModel, spikes: SpikeInput, target: str, args: Args, console: Console
) -> RunResult:
    with console.bar(target, unit="samples") as bar:
        start = time.perf_counter()

        def show(done: int, total: int) -> None:
            bar(done, total, f"{done / max(time.perf_counter() - start, 1e-9):,.0f} samples/s")

        return targets.run(
            fixed, spikes, target, deadline=args.deadline, progress=show, faults=args.faults
        )


def _record(
    args: Args,
    model: Model,
    fixed: FixedPointModel,
    fit: limits.Fit,
    emulated: RunResult,
    energy: EnergyEstimate,
    labels: np.ndarray,
) -> dict[str, Any]:  # any: JSON
    """Return the measurement of the emulator's run."""
    operations = emulated.operations
    return {
        "kind": "measurement",
        "name": f"deploy {args.target}",
        "model": args.model.absolute().name,
        "target": args.target,
        "seed": model.info.get("seed"),
        "samples": len(labels),
        "weight_bits": args.file.weight_bits,
        "test_accuracy": emulated.accuracy(labels),
        "float_test_accuracy": model.info.get("test_accuracy"),
        "samples_per_second": emulated.samples / emulated.seconds,
        "cores": fit.cores,
        "operations_per_sample": operations.per_sample(),
        "operations": {name: getattr(operations, name).tolist() for name in operations.totals()},
        "steps": operations.steps,
        "wrapped_currents": emulated.wrapped_currents,
        "saturated_voltages": emulated.saturated_voltages,
        "fit": [vars(layer) for layer in fit.layers],
        "quantisation": fixed.report.as_dict() if fixed.report else None,
        "energy": energy.record(),
    }


def _comparison(
    emulated: RunResult, other: RunResult, labels: np.ndarray
) -> dict[str, Any]:  # any: JSON
    """Return what another target's run changes in the record; Lava is the only other target."""
    return {
        "lava_mismatches": int((emulated.counts != other.counts).any(axis=1).sum()),
        "test_accuracy": other.accuracy(labels),
        "samples_per_second": other.samples / other.seconds,
        "emulator_samples_per_second": emulated.samples / emulated.seconds,
    }


def _print_fit(fixed: FixedPointModel, fit: limits.Fit, console: Console) -> None:
    columns = ["layer", "cores", "compartments", "axons in", "axons out", "synapse words"]
    rows = []
    rounding = fixed.report.layers if fixed.report else ()
    for layer, rounded in zip(fit.layers, rounding, strict=False):
        loads = (layer.compartments, layer.axons_in, layer.axons_out, layer.synapse_words)
        row = [layer.name, str(layer.cores), *(f"{used}/{limit}" for used, limit in loads)]
        rows.append([*row, f"{rounded.weight_error_rms:.4f}", str(rounded.clipped_weights)])
    console.table(
        f"on Loihi: {fit.cores} cores of 128; used/most on the fullest core; rounding rms in"
        " thresholds",
        [*columns, "rounding", "clipped"],
        rows,
    )
    for warning in (*fit.warnings, *(fixed.report.warnings() if fixed.report else ())):
        console.say(f"note: {warning}")


def _print_emulated(record: dict[str, Any], energy: EnergyEstimate, console: Console) -> None:
    console.say(
        f"emulator: {100 * record['test_accuracy']:.2f} % of {record['samples']:,} test samples,"
        f" {record['samples_per_second']:,.0f} samples/s"
    )
    low, high = (1e6 * joules for joules in energy.total)
    console.say(f"modelled on Loihi 1 ({energy.profile}): {low:.3g} to {high:.3g} uJ per sample")


def _print_compared(record: dict[str, Any], console: Console) -> None:
    console.say(
        f"{record['target']}: {100 * record['test_accuracy']:.2f} % of {record['samples']:,},"
        f" {record['samples_per_second']:,.0f} samples/s; {record['lava_mismatches']}"
        " mismatches with the emulator"
    )
