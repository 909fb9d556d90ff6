"""Records: results, one JSON object per line, appended and never changed.

A record is a dictionary of plain values. Its `kind` is "epoch" (of training), "run" (a finished
one) or "measurement". Names carry the unit where it is not 1 (`seconds`, `feedback_angle_deg`). A
crash can leave half a line at the end, and nothing worse: reading leaves it out, and the next
append cuts it off. This module imports no torch, so that reports read records anywhere.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

Record = dict[str, Any]  # any: JSON

FORMAT = 1  # version of the records; raised when a field changes its meaning
KINDS = ("epoch", "run", "measurement")
MAX_BYTES = 1 << 26  # of a file of records; a run writes about half a kilobyte per epoch
MAX_LINE = 1 << 22  # bytes of one record; as lists of lists it takes 20 times as much memory


def append(path: str | Path, record: Record) -> None:
    """Append one record to a file, whole and synced to the disk; make file and folder if missing.

    The key `format` is added. NumPy numbers and arrays become plain ones, paths become text, and
    NaN and infinity, which JSON does not have, become null. One process writes to a file at a time.

    Raises:
        ValueError: an unknown kind, or a value that JSON does not have.
        OSError: no space or no permission; the file then ends where it ended before.
    """
    if not isinstance(record, dict):
        raise TypeError(f"record is a {type(record).__name__}; need a dictionary with a kind")
    if record.get("kind") not in KINDS:
        raise ValueError(f"a record's kind is {record.get('kind')!r}; known: {', '.join(KINDS)}")
    try:
        line = json.dumps(_plain({"format": FORMAT, **record}), allow_nan=False).encode() + b"\n"
    except TypeError as error:
        raise ValueError(
            f"a record of kind {record['kind']!r} cannot be written as JSON: {error}"
        ) from error
    path = _path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+", buffering=0) as file:
        end = _repair(file.fileno())
        try:
            if file.write(line) != len(line):
                raise OSError("no space left on the disk")
            os.fsync(file.fileno())
        except OSError as error:
            os.ftruncate(file.fileno(), end)
            raise type(error)(
                f"cannot write {path}: {error.strerror or error}; free space there, or name another"
                " folder"
            ) from error


def read(path: str | Path) -> list[Record]:
    """Return all whole records of a file in order, [] without a file; raises as `read_counting`."""
    return read_counting(path)[0]


def read_counting(path: str | Path) -> tuple[list[Record], int]:
    """Return all whole records of a file, and the half-written lines left out at its end (0 or 1).

    Raises: ValueError for a line before the end that is no record, or one of another format; it
    names the file and the line.
    """
    path = _path(path)
    if not path.exists():
        return [], 0
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(
            f"{path} has {path.stat().st_size:,} bytes; records have at most {MAX_BYTES:,}: this is"
            " another file"
        )
    lines = path.read_bytes().split(b"\n")
    records: list[Record] = []
    for number, line in enumerate(lines, start=1):
        record = _parsed(line)
        if record is None and number == len(lines):
            return records, int(bool(line.strip()))
        if record is None:
            raise ValueError(
                f"{path}, line {number} is no record: {_excerpt(line)}; delete that line to go on"
                " without it"
            )
        if record.get("format") != FORMAT:
            raise ValueError(
                f"{path}, line {number} has format {ascii(record.get('format'))[:20]} and this"
                f" version reads {FORMAT}"
            )
        records.append(record)
    return records, 0


def _path(path: str | Path) -> Path:
    """Return a path; TypeError for anything else."""
    if not isinstance(path, str | Path):
        raise TypeError(f"path is a {type(path).__name__}; need a path, as a str or a pathlib.Path")
    return Path(path)


def _repair(handle: int) -> int:
    """Cut off half a line at the end, or add a missing newline; return the file's size."""
    end = size = os.fstat(handle).st_size
    tail = b""
    while end > 0 and b"\n" not in tail:
        start = max(0, end - 65536)
        tail = os.pread(handle, end - start, start) + tail
        end = start
    last = tail.rpartition(b"\n")[2]
    if not last:
        return size
    if _parsed(last) is None:
        os.ftruncate(handle, size - len(last))
        return size - len(last)
    os.write(handle, b"\n")
    return size + 1


def _parsed(line: bytes) -> Record | None:
    """Return the record in a line, or None."""
    if len(line) > MAX_LINE:
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("kind"), str) else None


def _plain(value: Any) -> Any:  # any: what a record may hold, and JSON
    """Return a value as JSON has it."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return _plain(value.tolist()) if hasattr(value, "tolist") else value


def _excerpt(line: bytes) -> str:
    text = line.decode("utf-8", "replace")
    return ascii(text if len(text) <= 40 else text[:40] + "...")
