"""Turn records into one self-contained HTML page: measured, modelled and missing figures."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import tyro

from biograd.commands.console import Console
from biograd.commands.helpers.named import run_folder

from ..measurements.chip_prices import priced
from ..report import inputs, render


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    # run folder, or a file in it, for its records and pictures; or a file of records (.jsonl)
    run: tyro.conf.Positional[Path | None] = None
    records: tuple[Path, ...] = ()  # more files of records (.jsonl)
    # page to write; RUN/report.html, else report.html
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    shipped: bool = True  # also the recorded runs that came with BioGrad
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Write the page."""
    folder = _folder(args)
    sources = _record_files(args, folder)
    records, unreadable = inputs.read_files(sources)
    if not records:
        _say_left_out(unreadable, console)
        raise ValueError(
            "there are no records to report: train with 'biograd train', or measure with 'biograd"
            " benchmark'"
        )
    pictures, not_shown = inputs.run_pictures(folder) if folder else ({}, [])
    _say_left_out([*unreadable, *not_shown], console)
    path = render.write(
        map(priced, records),
        args.out or (folder or Path()) / "report.html",
        pictures=pictures,
    )
    console.say(f"wrote {path} from {len(records):,} records of {len(sources)} files")
    return {
        "report": str(path),
        "records": len(records),
        "files": len(sources),
        "unreadable": len(unreadable),
    }


def _folder(args: Args) -> Path | None:
    """Return the run folder that is named, or that holds the named file."""
    if args.run is None or args.run.suffix == ".jsonl":
        return None
    if not args.run.exists():
        raise ValueError(
            f"{args.run} is not a folder: name a run folder, e.g. runs/mnist, or a file in one"
        )
    return run_folder(args.run).path


def _record_files(args: Args, folder: Path | None) -> list[Path]:
    named = (args.run, *args.records) if args.run and not folder else args.records
    for file in named:
        if not file.is_file():
            raise ValueError(f"{file} is not a file: name a file of records (.jsonl)")
    of_run = sorted(folder.glob("*.jsonl")) if folder else []
    shipped = Path(str(files("benchmarks") / "results")) if args.shipped else None
    return [*of_run, *named, *(sorted(shipped.glob("*.jsonl")) if shipped else [])]


def _say_left_out(faults: list[str], console: Console) -> None:
    for fault in faults:
        console.say(f"left out: {fault}")
