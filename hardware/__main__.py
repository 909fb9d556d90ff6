"""Run or check exported models on the chip side alone, without torch.

python -m hardware run model.nir spikes.npz result.npz --target lava
"""

from __future__ import annotations

import argparse
import sys

from . import limits
from .border.files import read_model, read_spikes, write_result
from .border.model import Model
from .border.nir_foreign import Foreign
from .fixed_point import quantise
from .lava_process import TargetError
from .targets import DEADLINE, TARGETS, run


def main(arguments: list[str] | None = None) -> int:
    """Run or check a model file; return the exit code: 0, or 2 after one line on standard error."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options) if options.command == "run" else _check(options)
    except (ValueError, OSError, TargetError) as err:
        print(f"error: {' '.join(str(err).split())}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hardware",
        description="Run or check exported models in Loihi's integers, without torch.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run", help="run encoded samples through a model")
    runner.add_argument(
        "model", help="model file, .nir, of BioGrad or of another tool (run for the spikes' steps)"
    )
    runner.add_argument("spikes", help="encoded samples, .npz")
    runner.add_argument("result", help="result file to write, .npz")
    runner.add_argument(
        "--target",
        choices=list(TARGETS),
        default="emulator",
        help="where to run: here, or in Lava's simulation (default: %(default)s)",
    )
    runner.add_argument(
        "--deadline",
        type=float,
        default=DEADLINE,
        help="seconds that Lava may take (default: %(default)g)",
    )
    runner.add_argument(
        "--record", default="", help="variables to keep for every layer and step, e.g. u,v,s"
    )
    runner.add_argument(
        "--workers",
        type=int,
        help="copies of the net that Lava runs in parallel (default: one per processor)",
    )
    checker = commands.add_parser("check", help="check a model against the chip's limits")
    checker.add_argument("model", help="model file, .nir")
    checker.add_argument(
        "--mode",
        choices=["inference", "learning"],
        default="inference",
        help="use of the chip (default: %(default)s)",
    )
    for command in (runner, checker):
        command.add_argument(
            "--dt",
            type=float,
            help="seconds per step of another tool's file, if the file does not imply it",
        )
        command.add_argument(
            "--w-in",
            choices=["euler", "jump"],
            help="meaning of w_in in another tool's CubaLIF: NIR's equation, or Norse's jump",
        )
    return parser


def _run(options: argparse.Namespace) -> int:
    spikes = read_spikes(options.spikes)

    def progress(done: int, samples: int) -> None:
        print(f"{done}/{samples} samples", file=sys.stderr)

    record = [name for name in options.record.split(",") if name]
    result = run(
        _read(options, steps=spikes.spikes.shape[0]),
        spikes,
        options.target,
        deadline=options.deadline,
        record=record,
        workers=options.workers,
        progress=progress,
    )
    write_result(result, options.result)
    for event, count in (
        ("currents wrapped", result.wrapped_currents),
        ("voltages saturated", result.saturated_voltages),
    ):
        if count:
            print(
                f"warning: {event} {count:,} times: lower the weights, or raise the threshold",
                file=sys.stderr,
            )
    accuracy = (
        "" if spikes.labels is None else f", accuracy {100 * result.accuracy(spikes.labels):.2f} %"
    )
    print(f"{result.samples} samples on {result.target} in {result.seconds:.2f} s{accuracy}")
    return 0


def _check(options: argparse.Namespace) -> int:
    fixed = quantise(_read(options, steps=1))
    fit = limits.check(fixed, options.mode)
    print("\n".join(table(fit)))
    for warning in fit.warnings:
        print(f"warning: {warning}")
    return 0


def _read(options: argparse.Namespace, steps: int) -> Model:
    """Read the model file, and print notes on what another tool's leaves open."""
    foreign = Foreign(steps=steps, dt=options.dt, w_in=options.w_in)
    model = read_model(options.model, foreign=foreign)
    for note in model.notes:
        print(f"note: {note}", file=sys.stderr)
    return model


def table(fit: limits.Fit) -> list[str]:
    """Return the lines of a table: cores per layer, and loads of its fullest core, used/maximum."""
    rows: list[tuple[str, ...]] = [
        ("layer", "neurons", "cores", "compartments", "axons in", "axons out", "synapse words")
    ]
    for layer in fit.layers:
        loads = (layer.compartments, layer.axons_in, layer.axons_out, layer.synapse_words)
        rows.append(
            (
                layer.name,
                str(layer.neurons),
                str(layer.cores),
                *(f"{used}/{maximum}" for used, maximum in loads),
            )
        )
    rows.append((f"{fit.mode}: {fit.cores} of {limits.chip.CHIP_CORES} cores", *[""] * 6))
    widths = [max(len(row[column]) for row in rows[:-1]) for column in range(7)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


if __name__ == "__main__":
    sys.exit(main())
