"""The data set events-mnist-simulated: MNIST before a simulated event camera, see `camera`.

It replaces N-MNIST, which cannot be fetched everywhere, in N-MNIST's file format; but it is not
N-MNIST, and is called *simulated* everywhere. Recordings are made once and kept in one packed file
per split, with an index of starts and classes. Equal seeds give equal bytes.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import IO

import numpy as np

from ...files import atomic_write, printable
from .camera import Camera, SaccadeParams, camera, simulate
from .nmnist import EVENT_BYTES, SENSOR, SIMULATED, Packed, to_bytes
from .sets import EventSet

NAME = "events-mnist-simulated"
FORMAT = 1  # of the packed files
CHUNK = 500  # recordings that are simulated before they are written
MAX_INDEX = 4 << 20  # bytes of the index of a packed file: 400,000 recordings
MEAN_EVENTS = 4600  # of a recording, a little high
# The header of a list of numbers in NumPy's format: its type, and its length.
_LIST = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(<i8|\|u1)', 'fortran_order': False, 'shape': \((\d{1,9}),\),"
    rb" \} *\n",
    re.DOTALL,
)
# Errors of a damaged index; the last two mean an unknown compression or encryption.
_BROKEN = (
    *(ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile),
    *(NotImplementedError, RuntimeError),
)
NOTICE = (
    "These recordings are SIMULATED from MNIST by BioGrad (biograd/data/events/simulated.py). They"
    " are not N-MNIST and were never seen by an event camera: say 'simulated' wherever you show"
    " results on them.\n"
)


def simulated(
    folder: Path,
    split: str,
    images: Callable[[], tuple[np.ndarray, np.ndarray]],
    progress: Callable[[str, int, int], None],
) -> EventSet:
    """Open the simulated recordings in a folder; they are made first where they are missing.

    Args:
        images: returns the pictures, uint8 [n, 28, 28], and classes; called only to make the files.
        progress: called with (what, bytes written, estimated total) while they are made.
    Raises: ValueError where the files do not match their index.
    """
    events, index = folder / f"{split}.events", folder / f"{split}.index.npz"
    if not index.is_file() or not events.is_file():
        x, y = images()
        write(events, index, x, y, SaccadeParams(), progress)
    starts, y = _read_index(index, events, SaccadeParams())
    p = SaccadeParams()
    return EventSet.of(
        Packed(events, starts),
        y,
        sensor=SENSOR,
        window=3 * p.saccade,
        classes=10,
        name=NAME,
        split=split,
    )


def expected_bytes(recordings: int) -> int:
    """Return about the size of so many recordings on disk, a little high."""
    return recordings * MEAN_EVENTS * EVENT_BYTES


def write(
    events: Path,
    index: Path,
    x: np.ndarray,
    y: np.ndarray,
    p: SaccadeParams,
    progress: Callable[[str, int, int], None],
    threads: int = 2,
) -> None:
    """Simulate the recordings of all images into one packed file, and write its index.

    Each appears whole or not at all, the index last.
    """
    starts = np.zeros(len(x) + 1, dtype=np.int64)

    def fill(file: IO[bytes]) -> None:
        size = 0
        for number, raw in enumerate(_simulated_bytes(x, camera(p), threads)):
            file.write(raw)
            size += len(raw)
            starts[number + 1] = size
            if number % CHUNK == CHUNK - 1:
                progress(f"simulating {events.name}", size, size * len(x) // (number + 1))

    atomic_write(events, fill)
    header = np.frombuffer(_header(p), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, starts=starts, y=y.astype(np.uint8), header=header)
    atomic_write(index, buffer.getvalue())


def write_files(members: EventSet, folder: Path, progress: Callable[[str, int, int], None]) -> int:
    """Write recordings in N-MNIST's folders, with a notice that they are simulated.

    Files are folder/Train/0/00001.bin and so on. The part (Train or Test) appears when it is whole.

    Returns: the number of files.
    Raises: ValueError where the part is there already.
    """
    part, unfinished = folder / members.split.capitalize(), folder / f".{members.split}.part"
    if part.exists():
        raise ValueError(f"{part} is there already: name another folder, or delete it")
    atomic_write(folder / SIMULATED, NOTICE.encode())
    shutil.rmtree(unfinished, ignore_errors=True)
    for label in range(members.classes):
        (unfinished / str(label)).mkdir(parents=True)
    for member in range(len(members)):
        path = unfinished / str(int(members.y[member])) / f"{member + 1:05d}.bin"
        path.write_bytes(to_bytes(members.events(member)))
        if member % CHUNK == CHUNK - 1:
            progress(f"writing {part.name}", member + 1, len(members))
    os.replace(unfinished, part)
    return len(members)


def _simulated_bytes(x: np.ndarray, watching: Camera, threads: int) -> Iterator[bytes]:
    """Yield the bytes of each image's recording in turn, a chunk of them at a time in threads."""

    def recording(number: int) -> bytes:
        return to_bytes(simulate(x[number], number, watching))

    with ThreadPoolExecutor(threads, thread_name_prefix="biograd-events") as pool:
        for first in range(0, len(x), CHUNK):
            yield from pool.map(recording, range(first, min(first + CHUNK, len(x))))


def _read_index(index: Path, events: Path, p: SaccadeParams) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and classes of the recordings, held against the file of events."""
    way_out = f"delete {index.parent} and it is made again"
    try:
        starts, y, header = _columns(index)
    except _BROKEN as error:
        raise ValueError(f"{index} is damaged ({printable(error)}): {way_out}") from error
    if header.tobytes() != _header(p):
        raise ValueError(
            f"{index} was simulated with other parameters than this version's: {way_out}"
        )
    size = events.stat().st_size
    plausible = (
        len(starts) == len(y) + 1
        and not starts[0]
        and not (starts % EVENT_BYTES).any()
        and (starts[1:] >= starts[:-1]).all()
        and size == starts[-1]
    )
    if not plausible:
        raise ValueError(
            f"{events} holds {size:,} bytes where its index says {starts[-1:].sum():,}: {way_out}"
        )
    return starts, y.astype(np.int64)


def _header(p: SaccadeParams) -> bytes:
    return json.dumps({"format": FORMAT, "simulated": True, **asdict(p)}).encode()


def _columns(index: Path) -> list[np.ndarray]:
    """Return starts, classes and header of an index.

    They are stored unpacked, so the size that each claims is held against the file's.
    """
    size, columns = index.stat().st_size, []
    if size > MAX_INDEX:
        raise ValueError(f"{size:,} bytes, more than {MAX_INDEX:,}")
    with zipfile.ZipFile(index) as file:
        for name, kind in (("starts", "<i8"), ("y", "|u1"), ("header", "|u1")):
            entry = file.getinfo(f"{name}.npy")
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > size:
                raise ValueError(
                    f"{name} claims {entry.file_size:,} bytes, the file holds {size:,}"
                )
            content = file.read(entry)
            header = _LIST.match(content)
            if header is None or header[1].decode() != kind:
                raise ValueError(f"{name} is no list of numbers")
            column = np.frombuffer(content[header.end() :], dtype=kind)
            if len(column) != int(header[2]):
                raise ValueError(
                    f"{name} claims {int(header[2]):,} numbers and holds {len(column):,}"
                )
            columns.append(column)
    return columns
