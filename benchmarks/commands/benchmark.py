"""Measure: a suite of tasks, each recorded with configuration, seed, commit and machine.

Tasks that are finished in the file of records are not repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from biograd.checks import known_words
from biograd.commands.console import Console
from biograd.commands.helpers.named import run_folder
from biograd.runs import records
from biograd.runs.records import Record

from .. import runner
from ..suites import SUITES
from ..summary import compare, summary

_SUITES = "\n".join(f"{name}: {suite.what}" for name, suite in SUITES.items())


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    suite: Annotated[str, tyro.conf.arg(help=_SUITES)] = "quick"
    # run folder, or a file in it, with the trained network that quick, energy and full measure
    run: Path | None = None
    out: Path | None = None  # file of records; RUN/measurements.jsonl, else runs/SUITE.jsonl
    threads: int = 0  # processor threads of the races; 0: as many as there are cores
    compare: Path | None = None  # file of records of an earlier run: show what changed since
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Run the suite."""
    _check(args)
    run = run_folder(args.run).path if args.run else None
    out = args.out or (run / "measurements.jsonl" if run else Path("runs") / f"{args.suite}.jsonl")
    measured: list[Record] = []
    with console.bar(args.suite, unit="tasks") as bar:
        for record in runner.run(
            args.suite,
            out=out,
            run_folder=run,
            threads=args.threads,
            progress=lambda what, done, total: bar(done, total, what),
        ):
            measured.append(record)
            console.say(f"{record['name']}: {record.get('error', 'recorded')}")
    for name, reason in runner.left_out(args.suite).items():
        console.say(f"{name}: left out ({reason})")
    result = summary(measured) | {
        "suite": args.suite,
        "records": str(out),
        "tasks": len(measured),
        "failed": sum("error" in record for record in measured),
    }
    for name, value in result.items():
        if isinstance(value, float):
            console.say(f"{name}: {value:.4g}")
    if args.compare:
        _show_changes(args.compare, measured, console)
    return result


def _check(args: Args) -> None:
    if args.suite not in SUITES:
        raise ValueError(f"there is no suite {args.suite!r}; {known_words(args.suite, SUITES)}")
    if args.threads < 0:
        raise ValueError(f"threads is {args.threads}; need 0 (all cores) or more")
    if args.compare and not args.compare.is_file():
        raise ValueError(f"{args.compare} is not a file: name the records of an earlier run")


def _show_changes(before: Path, measured: list[Record], console: Console) -> None:
    cells = [
        [
            row["task"],
            row["figure"],
            f"{row['before']:.4g}",
            f"{row['after']:.4g}",
            f"{row['ratio']:.3f}" if row["ratio"] else "-",
        ]
        for row in compare(records.read(before), measured)
    ]
    console.table(f"since {before}", ["task", "figure", "before", "after", "ratio"], cells)
