"""Measure: a suite of tasks, each recorded with configuration, seed, commit and machine; done tasks
are not done again.

quick measures a trained run (part of `make mnist`); paper sets BioGrad beside backpropagation;
energy prices training and inference; speed races against snnTorch on this machine; full is all of
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biograd.commands.console import Console
from biograd.runs import records

from .. import suite


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    suite: str = "quick"  # quick, paper, energy, speed, events, snntorch or full
    # run folder with the trained network that quick, energy and full measure
    run: Path | None = None
    out: Path | None = None  # file of records; RUN/measurements.jsonl, else runs/SUITE.jsonl
    threads: int = 0  # processor threads of the races; 0: as many as there are cores
    compare: Path | None = None  # another file of records: after the suite, show what changed since
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Work through the suite."""
    if args.suite not in suite.SUITES:
        raise ValueError(f"there is no suite {args.suite!r}; known: {', '.join(suite.SUITES)}")
    if args.threads < 0:
        raise ValueError(f"threads is {args.threads}; need 0 (all cores) or more")
    if args.compare and not args.compare.is_file():
        raise ValueError(f"{args.compare} is not a file: name the records of an earlier run")
    out = args.out or (
        args.run / "measurements.jsonl" if args.run else Path("runs") / f"{args.suite}.jsonl"
    )
    found, failed = [], 0
    with console.bar(args.suite, unit="tasks") as bar:
        for record in suite.run(
            args.suite,
            out=out,
            run_folder=args.run,
            threads=args.threads,
            progress=lambda what, done, total: bar(done, total, what),
        ):
            found.append(record)
            failed += "error" in record
            console.say(f"{record['name']}: {record.get('error', 'recorded')}")
    for name, reason in suite.left_out(args.suite).items():
        console.say(f"{name}: left out ({reason})")
    result = suite.summary(found) | {
        "suite": args.suite,
        "records": str(out),
        "tasks": len(found),
        "failed": failed,
    }
    for name, value in result.items():
        if isinstance(value, float):
            console.say(f"{name}: {value:.4g}")
    if args.compare:
        rows = suite.compare(records.read(args.compare), found)
        cells = [
            [
                r["task"],
                r["figure"],
                f"{r['before']:.4g}",
                f"{r['after']:.4g}",
                f"{r['ratio']:.3f}" if r["ratio"] else "-",
            ]
            for r in rows
        ]
        console.table(
            f"since {args.compare}", ["task", "figure", "before", "after", "ratio"], cells
        )
    return result
