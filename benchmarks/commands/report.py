"""Turn records into one self-contained HTML page: what was measured, what is modelled, and what is
missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import tyro

from biograd.commands.console import Console
from biograd.runs import records

from ..report import render


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    run: tyro.conf.Positional[Path | None] = None  # run folder: its records and pictures
    records: tuple[Path, ...] = ()  # more files of records (.jsonl)
    # page to write; RUN/report.html, else report.html
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    shipped: bool = True  # also the recorded runs that came with BioGrad
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Write the page."""
    if args.run and not args.run.is_dir():
        raise ValueError(f"{args.run} is not a folder: name a run folder, e.g. runs/mnist")
    sources = sorted(args.run.glob("*.jsonl")) if args.run else []
    for file in args.records:
        if not file.is_file():
            raise ValueError(f"{file} is not a file: name a file of records (.jsonl)")
        sources.append(file)
    if args.shipped:
        shipped = Path(str(files("benchmarks") / "results"))
        sources += sorted(shipped.glob("*.jsonl"))
    found, skipped = _read(sources, console)
    if not found:
        raise ValueError(
            "there are no records to report: train with 'biograd train', or measure with 'biograd"
            " benchmark'"
        )
    pictures = (
        {file.stem: file.read_text() for file in sorted((args.run / "pictures").glob("*.svg"))}
        if args.run
        else {}
    )
    path = render.write(found, args.out or (args.run or Path()) / "report.html", pictures=pictures)
    console.say(f"wrote {path} from {len(found):,} records of {len(sources)} files")
    return {
        "report": str(path),
        "records": len(found),
        "files": len(sources),
        "unreadable": skipped,
    }


def _read(sources: list[Path], console: Console) -> tuple[list[records.Record], int]:
    found: list[records.Record] = []
    skipped = 0
    for file in sources:
        try:
            found += records.read(file)
        # another version's, or damaged: the page stands without it, and says so here
        except ValueError as error:
            console.say(f"left out: {error}")
            skipped += 1
    return found, skipped
