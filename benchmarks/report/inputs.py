"""The files that a report is made from: records of runs and suites, pictures of a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from biograd.runs import records
from biograd.runs.records import Record

MAX_PICTURE = 4 << 20  # bytes; `biograd train` draws some 100 kB


def read_files(paths: Iterable[str | Path]) -> tuple[list[Record], list[str]]:
    """Return the records of several files, and one line per file that could not be read."""
    read: list[Record] = []
    faults: list[str] = []
    for path in paths:
        try:
            read += records.read(path)
        except (OSError, ValueError) as error:
            faults.append(str(error))
    return read, faults


def run_pictures(folder: str | Path) -> tuple[dict[str, str], list[str]]:
    """Return the SVG pictures of a run folder by name, and one line per picture left out.

    Left out are files over `MAX_PICTURE`; bytes that are not UTF-8 are replaced.
    """
    pictures: dict[str, str] = {}
    faults: list[str] = []
    for path in sorted((Path(folder) / "pictures").glob("*.svg")):
        try:
            size = path.stat().st_size
            if size > MAX_PICTURE:
                faults.append(
                    f"{path} has {size / 2**20:.1f} MiB; a picture of the report has at most"
                    f" {MAX_PICTURE >> 20}: draw it again with 'biograd train'"
                )
            else:
                pictures[path.stem] = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            faults.append(str(error))
    return pictures, faults
