"""Drop records of a run, e.g. of epochs that are trained again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ..files import atomic_write
from . import records


def keep(path: Path, wanted: Callable[[records.Record], bool]) -> None:
    """Write the file of records anew, without those that are not wanted."""
    kept = [record for record in records.read(path) if wanted(record)]
    atomic_write(path, b"".join(json.dumps(record).encode() + b"\n" for record in kept))


def keep_epochs(path: Path, epochs: int) -> None:
    """Drop the records of later epochs."""
    keep(path, lambda record: record["kind"] != "epoch" or _epoch(record) <= epochs)


def _epoch(record: records.Record) -> int:
    number = record.get("epoch")
    return number if isinstance(number, int) else 0
