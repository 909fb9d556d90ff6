"""Files held against a checksum: read from a folder, or fetched into it once.

Nothing that fails its checksum is used, and no file is ever half-written: a damaged one is fetched
again, and the old one stays beside it as `*.damaged`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..files import atomic_write
from .fetch import Progress, Source
from .idx import read_bounded


class DataError(ValueError):
    """A data set that is unknown, unavailable or damaged."""


@dataclass(frozen=True)
class IdxFile:
    """One file as it must be once unpacked."""

    name: str  # without .gz
    size: int  # bytes
    md5: str


def obtain(
    name: str,
    folder: Path,
    files: Sequence[IdxFile],
    wanted: Sequence[IdxFile],
    sources: Mapping[str, Source],
    progress: Progress,
) -> dict[str, bytes]:
    """Return the unpacked bytes of files by name; where one is missing or damaged, fetch the set.

    Args:
        name: of the data set, for errors.
        folder: where the files are or will be, plain or gzipped.
        files: all files of the set, which are fetched together.
        wanted: those to return.
        sources: by the name that errors give them; the first that gives every file whole is taken.
    Raises: DataError where no source gives the files; OSError where the folder cannot be written.
    """
    contents: dict[str, bytes] = {}
    faults: list[str] = []
    for file in wanted:
        contents |= _verified(folder, file, faults)
    if len(contents) < len(wanted):
        contents = _fetch(name, folder, files, sources, faults, progress)
    return contents


def expect_space(folder: Path, size: int) -> None:
    """Raise OSError where a folder cannot be written, or its disk has less than `size` bytes.

    Called before anything is downloaded.
    """
    atomic_write(folder / ".writable", b"")
    (folder / ".writable").unlink(missing_ok=True)
    if (free := shutil.disk_usage(folder).free) < size:
        raise OSError(
            f"{folder} has {free / 1e6:,.0f} MB free and the data need {size / 1e6:,.0f}: free"
            " space, or set BIOGRAD_DATA"
        )


def _verified(folder: Path, file: IdxFile, faults: list[str]) -> dict[str, bytes]:
    """Return {name: bytes} of a whole file, plain or gzipped; else {}, and add to `faults`."""
    for path in (folder / file.name, folder / f"{file.name}.gz"):
        if path.exists():
            content, fault = _examined(path, file)
            if not fault:
                return {file.name: content}
            faults.append(fault)
    return {}


def _examined(path: Path, file: IdxFile) -> tuple[bytes, str]:
    """Return the unpacked bytes of a path, and their fault, or ""."""
    try:
        content = read_bounded(path, file.size)
    except ValueError as error:
        return b"", str(error)
    fault = _fault(content, file)
    return content, f"{path} {fault}" if fault else ""


def _fault(content: bytes, file: IdxFile) -> str:
    """Return what is wrong with the bytes of a file, or ""."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 == file.md5:
        return ""
    cut = f" ({len(content):,} of {file.size:,} bytes)" if len(content) != file.size else ""
    return f"is damaged or another file{cut}: its MD5 is {md5}, expected {file.md5}"


def _fetch(
    name: str,
    folder: Path,
    files: Sequence[IdxFile],
    sources: Mapping[str, Source],
    faults: Sequence[str],
    progress: Progress,
) -> dict[str, bytes]:
    """Store all files of a set from the first source that gives them whole, and return them."""
    expect_space(folder, sum(file.size for file in files))
    tried = []
    for source_name, source in sources.items():
        try:
            contents = source(progress)
        except (OSError, ValueError) as error:
            tried.append(f"{source_name} ({' '.join(str(error).split())})")
            continue
        wrong = [
            f"{file.name} {fault}" for file in files if (fault := _fault(contents[file.name], file))
        ]
        if not wrong:
            for file in files:
                _store(folder / file.name, contents[file.name], file)
            return contents
        tried.append(f"{source_name} (its {wrong[0]})")
    damaged = f"{'; '.join(faults)}; and it could not be fetched again. " if faults else ""
    raise DataError(
        f"{damaged}No source gives the data set {name!r}; tried {', '.join(tried)}. Go on-line and"
        f" repeat, or put {', '.join(file.name for file in files)} (plain or .gz) into {folder}"
    )


def _store(path: Path, content: bytes, file: IdxFile) -> None:
    """Write a file; a damaged one in its place is kept aside, for it may be the user's own."""
    if path.exists() and _examined(path, file)[1]:
        os.replace(path, path.with_name(f"{path.name}.damaged"))
    atomic_write(path, content)
