"""N-MNIST and its five-byte events, from a user's copy: a folder of files, or a zip archive.

    byte 0    x          byte 1    y          byte 2, top bit    polarity, 0 OFF or 1 ON
    byte 2, low 7 bits, byte 3, byte 4    time, us, 23 bits, most significant first

An event with y = 240 is a mark: the clock has wrapped, and 2^13 us are added to all later times.
The files are Train/0/00002.bin .. Train/9/..., Test/0/... of a sensor of 34 x 34 pixels; the folder
is the class. N-Caltech101 has the same format. Simulated recordings are kept in one packed file.
Source: Orchard, Jayawant, Cohen and Thakor 2015, "Converting Static Image Datasets to Spiking
Neuromorphic Datasets Using Saccades", Frontiers in Neuroscience 9:437, and the data set's page
(garrickorchard.com/datasets/n-mnist); the overflow marks: the authors' reader
event-Python/eventvision.py.
"""

from __future__ import annotations

import os
import re
import threading
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...checks import word_of
from ...files import path_of, printable
from . import loops
from .recording import MAX_EVENTS, SKIPPING, Events, Sensor
from .sets import EventSet

SENSOR = Sensor(34, 34, 2)
# us: three saccades of 105 ms, as the authors' code cuts a recording. Ours: later events are left
# out.
WINDOW = 315_000
EVENT_BYTES = 5
LAST_TIME = (1 << 23) - 1  # us, of an event before any overflow mark
# Errors of a damaged zip archive; the last two mean an unknown compression or encryption.
_BROKEN = (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError)
SIMULATED = "SIMULATED.txt"  # a folder with this file holds simulated recordings


def parse(raw: bytes | np.ndarray, name: str) -> Events:
    """Return the events in the bytes of a file, not yet checked against a sensor.

    See `recording.checked` for that.

    Raises: ValueError where the bytes are no whole number of events.
    Example:
        >>> parse(bytes([1, 2, 0x80, 0, 9]), "one event").t
        array([9])
    """
    content = np.frombuffer(raw, dtype=np.uint8) if isinstance(raw, bytes) else raw
    if len(content) % EVENT_BYTES:
        raise ValueError(
            f"{name} holds {len(content):,} bytes, no multiple of {EVENT_BYTES}: truncated, or not"
            f" of this format{SKIPPING}"
        )
    n = len(content) // EVENT_BYTES
    x, y, p, t = (np.empty(n, dtype=kind) for kind in (np.uint8, np.uint8, np.uint8, np.int64))
    events = loops.unpack(content, x, y, p, t)
    return Events(x[:events], y[:events], p[:events], t[:events])


def to_bytes(events: Events) -> bytes:
    """Return the bytes of a file for these events.

    Raises: ValueError where the format cannot hold a coordinate or a time.
    """
    largest = (255, loops.OVERFLOW_ROW - 1, 1, LAST_TIME)
    for column, name, limit in zip(events, ("x", "y", "p", "t"), largest, strict=True):
        if len(column) and not 0 <= int(column.min()) <= int(column.max()) <= limit:
            raise ValueError(
                f"{name} runs from {column.min()} to {column.max()}; five-byte events hold 0 .."
                f" {limit:,}: crop the recording"
            )
    raw = np.empty(EVENT_BYTES * len(events.t), dtype=np.uint8)
    x, y, p, t = (column.astype(np.int64) for column in events)
    loops.pack(x, y, p, t, raw)
    return raw.tobytes()


@dataclass(frozen=True)
class Files:
    """Recordings in one file each, opened when asked for."""

    paths: tuple[Path, ...] = field(repr=False)
    max_events: int = MAX_EVENTS

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Events:
        path = self.paths[index]
        _expect_size(path.stat().st_size, str(path), self.max_events)
        return parse(path.read_bytes(), str(path))

    def where(self, index: int) -> str:
        """Return the file of a recording, for messages."""
        return printable(self.paths[index])


@dataclass(frozen=True)
class Zipped:
    """Recordings in a zip archive, unpacked one at a time when asked for.

    Copies, and processes that are forked or started anew, open the archive for themselves.
    """

    path: Path
    members: tuple[str, ...] = field(repr=False)
    max_events: int = MAX_EVENTS
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    # by process: forked ones would share the place in the file
    _open: dict[int, zipfile.ZipFile] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.members)

    def __reduce__(self) -> tuple[type[Zipped], tuple[Path, tuple[str, ...], int]]:
        return Zipped, (self.path, self.members, self.max_events)

    def __getitem__(self, index: int) -> Events:
        name = self.where(index)
        try:
            with self._lock:
                if (process := os.getpid()) not in self._open:
                    self._open[process] = zipfile.ZipFile(self.path)
                archive = self._open[process]
                size = archive.getinfo(self.members[index]).file_size
                _expect_size(size, name, self.max_events)
                raw = archive.read(self.members[index])
        except _BROKEN as error:
            raise ValueError(
                f"{name} is damaged ({printable(error)}): fetch the archive again"
            ) from error
        return parse(raw, name)

    def where(self, index: int) -> str:
        """Return the archive and the member of a recording, for messages."""
        return f"{self.path}: {printable(self.members[index])}"


@dataclass(frozen=True)
class Packed:
    """Recordings one after the other in a single file, which is mapped and never read whole."""

    path: Path
    starts: np.ndarray  # first byte of each recording, and the end of the last, int64 [n + 1]
    max_events: int = MAX_EVENTS
    _mapped: list[np.ndarray] = field(default_factory=list, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __reduce__(self) -> tuple[type[Packed], tuple[Path, np.ndarray, int]]:
        return Packed, (self.path, self.starts, self.max_events)  # without the mapped file

    def __getitem__(self, index: int) -> Events:
        if not self._mapped:
            self._mapped.append(
                np.memmap(self.path, dtype=np.uint8, mode="r")
                if self.starts[-1]
                else np.zeros(0, dtype=np.uint8)
            )
        start, stop = int(self.starts[index]), int(self.starts[index + 1])
        name = f"recording {index} of {self.path}"
        _expect_size(stop - start, name, self.max_events)
        return parse(np.asarray(self._mapped[0][start:stop]), name)


def nmnist(
    folder: str | Path, split: str, *, name: str = "nmnist", skip_bad: bool = False
) -> EventSet:
    """Open a user's copy of N-MNIST, or of recordings in the same folders and format.

    Files are opened a batch at a time, when their spikes are asked for.

    Args:
        folder: holds Train/0 .. Train/9 and Test/0 .. Test/9 with a .bin file per recording, or
            Train.zip and Test.zip of these.
        split: "train" or "test".
        skip_bad: read every recording once, and leave out those that cannot be read or do not fit
            the sensor; a warning counts and names them. Otherwise the first of them ends training.
    Raises: ValueError where there are no such files.

    Example:
        >>> train = nmnist("N-MNIST", "train")                   # doctest: +SKIP
        >>> train.spikes(torch.arange(100), steps=20).shape      # doctest: +SKIP
        torch.Size([20, 100, 2312])
    """
    folder = path_of(folder, "folder")
    part = folder / word_of(split, ("train", "test"), "split").capitalize()
    if part.is_dir():
        files = (path for path in part.glob("[0-9]/*.bin") if path.is_file())
        paths = sorted(path for path in files if not _is_hidden(path.name))
        labels = [int(path.parent.name) for path in paths]
        members = _labelled(Files(tuple(paths)), labels, part, name, split)
        return members.skip_bad() if skip_bad else members
    archive = part.with_suffix(".zip")
    if archive.is_file():
        classes = _members(archive, split.capitalize())
        names = tuple(sorted(classes))
        labels = [classes[member] for member in names]
        recordings = _labelled(Zipped(archive, names), labels, archive, name, split)
        return recordings.skip_bad() if skip_bad else recordings
    raise ValueError(
        f"{folder} holds neither {part.name}/0 .. {part.name}/9 nor {archive.name}: put the files"
        " of N-MNIST there"
    )


def _labelled(
    recordings: Files | Zipped, labels: list[int], where: Path, name: str, split: str
) -> EventSet:
    if not labels:
        raise ValueError(
            f"{where} holds no recordings: need files 0/*.bin .. 9/*.bin, the folder being the"
            " class"
        )
    return EventSet.of(
        recordings,
        np.array(labels),
        sensor=SENSOR,
        window=WINDOW,
        classes=10,
        name=name,
        split=split,
    )


def _members(archive: Path, part: str) -> dict[str, int]:
    """Return the recordings in an archive by name, and the class of each."""
    try:
        with zipfile.ZipFile(archive) as file:
            names = file.namelist()
    except _BROKEN as error:
        raise ValueError(
            f"{archive} is no whole zip archive ({printable(error)}): fetch it again"
        ) from error
    # Hidden files begin with a dot; macOS keeps such beside each recording, in __MACOSX.
    pattern = re.compile(rf"(?!__MACOSX/)(?:.*/)?(?:{part}/)?([0-9])/[^/.][^/]*\.bin")
    return {name: int(match[1]) for name in names if (match := pattern.fullmatch(name))}


def _is_hidden(name: str) -> bool:
    """True for files such as ._00002.bin, which macOS writes beside recordings."""
    return name.startswith(".")


def _expect_size(size: int, name: str, max_events: int) -> None:
    if size > max_events * EVENT_BYTES:
        raise ValueError(
            f"{name} holds {size // EVENT_BYTES:,} events, more than {max_events:,}: split it, or"
            " raise max_events"
        )
