"""Run a trained model on a target: quantise, check every limit, run, compare."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hardware import limits, targets
from hardware.border.files import read_spikes, write_result
from hardware.border.model import Model, RunResult, SpikeInput
from hardware.energy import EnergyEstimate
from hardware.fixed_point import FixedPointModel
from hardware.netx.reading import is_netx, read_netx
from hardware.placement import loihi2

from ...checks import known_words
from ...data.datasets import DataSet, ImageSet, Split, load
from ...data.sound.series import SeriesSet
from ...deployment import chip_spikes, encoded, price, signal_params
from ...runs import records
from ...runs.checkpoint import RunFolder
from ..console import Console
from ..helpers.model_files import data_root
from ..helpers.named import named_model
from ..helpers.quantising import quantised
from ..helpers.ranges import expect_at_least

if TYPE_CHECKING:
    from ..deploy import Args

SPLITS: tuple[Split, ...] = ("train", "test")
LAVA_SAMPLES = 200  # samples that Lava runs unless --samples says otherwise


@dataclass(frozen=True)
class _Prepared:
    """A model in integers, and the samples to run it on."""

    model: Model | None  # None: a file of integers
    fixed: FixedPointModel
    spikes: SpikeInput
    folder: RunFolder
    clip: dict[str, Any]  # record of the clipping; any: JSON

    @property
    def info(self) -> dict[str, Any]:  # any: JSON
        """Metadata of the model; none in a file of integers."""
        return {} if self.model is None else self.model.info


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Quantise, check every limit, run, compare."""
    if args.target not in targets.TARGETS:
        raise ValueError(f"target is {args.target!r}; {known_words(args.target, targets.TARGETS)}")
    if args.faults.any and args.target != "emulator":
        raise ValueError(f"faults are injected in the emulator: leave --target {args.target} out")
    expect_at_least(0, samples=args.samples, steps=args.file.steps)
    if args.record and args.out is None:
        raise ValueError(f"record is {args.record!r}, and --out names no file for it: name one")
    torch.set_num_threads(1)
    prepared = _netx(args, console) if is_netx(args.model) else _model(args, console)
    fixed, spikes = prepared.fixed, prepared.spikes
    fit = limits.check(fixed)
    _print_fit(fixed, fit, console)
    emulated = _timed_run(fixed, spikes, "emulator", args, console)
    energy = price(emulated.operations, fit.layers)
    record = _record(args, prepared, fit, emulated, energy) | prepared.clip
    if args.faults.any:
        record["faults"] = dataclasses.asdict(args.faults)
    _print_emulated(record, energy, console)
    answers = emulated
    if args.target != "emulator":
        answers = _timed_run(fixed, spikes, args.target, args, console)
        record |= _comparison(emulated, answers, spikes.labels)
        _print_compared(record, console)
    if args.out is not None:
        write_result(answers, args.out)
        console.say(f"wrote {args.out}")
    folder, model = prepared.folder, prepared.model
    if folder.holds_run() and model is not None:
        records.append(folder.records, record)
        if args.target == "emulator":
            from ...pictures.deployment import draw_deployment  # loads matplotlib: 0.4 s

            pictures = draw_deployment(model, fixed, fit, spikes, folder)
            names = ", ".join(picture.stem for picture in pictures)
            console.say(f"drew {names} in {folder.path / 'pictures'}")
    return record


def _model(args: Args, console: Console) -> _Prepared:
    """Read and quantise a model in real numbers."""
    model, folder = named_model(
        args.model, args.file, console, measured=args.spikes is None, skip_bad=args.skip_bad
    )
    if args.spikes is not None:
        spikes = _given_spikes(args)
        model, fixed, clip = quantised(model, None, args.file, console)
        return _Prepared(model, fixed, spikes, folder, clip)
    name = args.dataset or str(model.info.get("dataset", "mnist"))
    train, test = _samples(args, name, folder, console, model.info)
    model, fixed, clip = quantised(model, train, args.file, console)
    return _Prepared(model, fixed, chip_spikes(model, test), folder, clip)


def _netx(args: Args, console: Console) -> _Prepared:
    """Read a file of lava-dl, whose numbers are the chip's."""
    netx = read_netx(args.model, steps=args.file.steps or None)
    folder = RunFolder(args.model.parent)
    if args.spikes is not None:
        return _Prepared(None, netx.model, _given_spikes(args), folder, {})
    _, test = _samples(args, args.dataset or "mnist", folder, console, {})
    if netx.inputs is None:
        spikes = encoded(test, args.file.encoder, netx.model.steps)
        return _Prepared(None, netx.model, spikes, folder, {})
    if not isinstance(test, ImageSet):
        raise ValueError(
            f"{test.name} holds {test.kind}, and the input layer of {args.model} takes images: name"
            " images, or spikes of its first layer (--spikes)"
        )
    values = test.x.flatten(1).numpy().astype(np.float64)
    values = values / 255 if test.x.dtype == torch.uint8 else values
    if values.shape[1] != netx.inputs.size:
        raise ValueError(
            f"{args.model} takes images of {netx.inputs.shape}, and {test.name} has"
            f" {values.shape[1]} values per image: name another data set"
        )
    entered = netx.inputs.spikes(netx.inputs.mantissas(values), netx.model.steps)
    labelled = SpikeInput(spikes=entered.spikes, labels=test.y.numpy())
    return _Prepared(None, netx.model, labelled, folder, {})


def _given_spikes(args: Args) -> SpikeInput:
    """Return the spikes of --spikes, at most --samples of them."""
    assert args.spikes is not None
    if args.dataset:
        raise ValueError(
            f"dataset is {args.dataset!r} and spikes {str(args.spikes)!r}: leave one of them out"
        )
    spikes = read_spikes(args.spikes)
    few = slice(0, args.samples or (None if args.target == "emulator" else LAVA_SAMPLES))
    return spikes.of(few)


def _samples(
    args: Args,
    name: str,
    folder: RunFolder,
    console: Console,
    info: dict[str, Any],  # any: JSON
) -> tuple[DataSet, DataSet]:
    """Return the training set, for calibration, and the test samples to run.

    Args:
        info: metadata of the model, which name the coding of series.
    """
    mel, coding = signal_params(info)
    root = data_root(folder, args.file)
    skip_bad = args.skip_bad or (folder.holds_run() and folder.read_config().skip_bad)
    with console.downloads() as progress:
        train, test = (
            load(name, split, root=root, progress=progress, skip_bad=skip_bad, mel=mel)
            for split in SPLITS
        )
    if isinstance(train, SeriesSet) and isinstance(test, SeriesSet):
        train, test = train.coded(coding), test.coded(coding)
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
            fixed,
            spikes,
            target,
            deadline=args.deadline,
            progress=show,
            record=tuple(args.record),
            faults=args.faults,
        )


def _record(
    args: Args,
    prepared: _Prepared,
    fit: limits.Fit,
    emulated: RunResult,
    energy: EnergyEstimate,
) -> dict[str, Any]:  # any: JSON
    """Return the measurement of the emulator's run."""
    operations, fixed, info = emulated.operations, prepared.fixed, prepared.info
    return {
        "kind": "measurement",
        "name": f"deploy {args.target}",
        "model": args.model.absolute().name,
        "target": args.target,
        "seed": info.get("seed"),
        "samples": emulated.samples,
        "weight_bits": fixed.layers[0].weight_bits,
        "test_accuracy": _accuracy(emulated, prepared.spikes.labels),
        "float_test_accuracy": info.get("test_accuracy"),
        "samples_per_second": emulated.samples / emulated.seconds,
        "cores": fit.cores,
        "loihi2_cores": sum(loihi2.estimate_cores(loihi2.sizes_of(fixed))),
        "operations_per_sample": operations.per_sample(),
        "operations": {name: getattr(operations, name).tolist() for name in operations.totals()},
        "steps": operations.steps,
        "wrapped_currents": emulated.wrapped_currents,
        "saturated_voltages": emulated.saturated_voltages,
        "fit": [vars(layer) for layer in fit.layers],
        "quantisation": fixed.report.as_dict() if fixed.report else None,
        "energy": energy.record(),
    }


def _accuracy(result: RunResult, labels: np.ndarray | None) -> float | None:
    return None if labels is None else result.accuracy(labels)


def _comparison(
    emulated: RunResult, other: RunResult, labels: np.ndarray | None
) -> dict[str, Any]:  # any: JSON
    """Return what another target's run changes in the record; Lava is the only other target."""
    return {
        "lava_mismatches": int((emulated.counts != other.counts).any(axis=1).sum()),
        "test_accuracy": _accuracy(other, labels),
        "samples_per_second": other.samples / other.seconds,
        "emulator_samples_per_second": emulated.samples / emulated.seconds,
    }


def _print_fit(fixed: FixedPointModel, fit: limits.Fit, console: Console) -> None:
    columns = ["layer", "cores", "compartments", "axons in", "axons out", "synapse words"]
    rows = []
    rounding = fixed.report.layers if fixed.report else (None,) * len(fit.layers)
    for layer, rounded in zip(fit.layers, rounding, strict=True):
        loads = (layer.compartments, layer.axons_in, layer.axons_out, layer.synapse_words)
        row = [layer.name, str(layer.cores), *(f"{used}/{limit}" for used, limit in loads)]
        error = "-" if rounded is None else f"{rounded.weight_error_rms:.4f}"
        rows.append([*row, error, "-" if rounded is None else str(rounded.clipped_weights)])
    console.table(
        f"on Loihi 1: {fit.cores} cores of 128; used/most on the fullest core; rounding rms in"
        " thresholds",
        [*columns, "rounding", "clipped"],
        rows,
    )
    cores = sum(loihi2.estimate_cores(loihi2.sizes_of(fixed)))
    console.say(f"on Loihi 2, estimated from one published network: {cores} cores")
    for warning in (*fit.warnings, *(fixed.report.warnings() if fixed.report else ())):
        console.say(f"note: {warning}")


def _print_emulated(record: dict[str, Any], energy: EnergyEstimate, console: Console) -> None:
    right = _right(record)
    console.say(f"emulator: {right}, {record['samples_per_second']:,.0f} samples/s")
    low, high = (1e6 * joules for joules in energy.total)
    console.say(f"modelled on Loihi 1 ({energy.profile}): {low:.3g} to {high:.3g} uJ per sample")


def _print_compared(record: dict[str, Any], console: Console) -> None:
    console.say(
        f"{record['target']}: {_right(record)}, {record['samples_per_second']:,.0f} samples/s;"
        f" {record['lava_mismatches']} mismatches with the emulator"
    )


def _right(record: dict[str, Any]) -> str:  # any: JSON
    """Return the share of right answers as text, or the number of samples without labels."""
    if record["test_accuracy"] is None:
        return f"{record['samples']:,} samples without labels"
    return f"{100 * record['test_accuracy']:.2f} % of {record['samples']:,} test samples"
