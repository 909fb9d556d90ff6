"""SHD and similar sets: spikes in HDF5, as the Heidelberg data sets store them. Read from a user's
copy, one recording at a time.

    spikes/times   [n] of arrays of float    time of each spike, s
    spikes/units   [n] of arrays of integer  channel that fired, of 700 of an artificial cochlea
    labels         [n] integer               class, 0 .. 19: digits spoken in German and English

Source: Cramer, Stradmann, Schemmel and Zenke 2020, "The Heidelberg spiking data sets for the
systematic evaluation of spiking neural networks" (arXiv 1910.07407). A channel is a pixel of a
sensor that is one row high and has one polarity.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...checks import whole_number
from ...files import path_of, printable
from ..hdf5_rows import Rows, array, numbers
from .recording import MAX_EVENTS, Events, Sensor
from .sets import EventSet

SENSOR = Sensor(700)
WINDOW = 1_400_000  # us. Ours: later spikes are left out, and counted
CLASSES = 20
MAX_RECORDINGS = 10_000_000
MAX_SECONDS = 1_000_000


@dataclass(frozen=True)
class Hdf5Recordings:
    """Recordings of an HDF5 file, read when asked for; safe from several threads.

    Copies, and processes that are forked or started anew, open the file for themselves.
    """

    path: Path
    length: int
    max_events: int = MAX_EVENTS
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    # times and units once opened, by process
    _open: dict[int, list[Rows]] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return self.length

    def __reduce__(self) -> tuple[type[Hdf5Recordings], tuple[Path, int, int]]:
        return Hdf5Recordings, (self.path, self.length, self.max_events)

    def __getitem__(self, index: int) -> Events:
        name = f"recording {index} of {self.path}"
        with self._lock:
            if (process := os.getpid()) not in self._open:
                file = _opened(self.path)
                with _damage_as_value_error(self.path):
                    parts = [
                        Rows(self.path, file[part]) for part in ("spikes/times", "spikes/units")
                    ]
                self._open[process] = parts
            with _damage_as_value_error(self.path):
                times, units = (array(row, index, self.max_events) for row in self._open[process])
        times = times.astype(np.float64)
        if times.shape != units.shape or units.dtype.kind not in "iu":
            raise ValueError(
                f"{name} has {times.shape} times and {units.shape} units of {units.dtype}: need one"
                " unit per time, integers"
            )
        if not (np.abs(times) < MAX_SECONDS).all():
            raise ValueError(
                f"{name} has times that are not finite, or beyond {MAX_SECONDS:,} s: need seconds"
            )
        zeros = np.zeros(len(times), dtype=np.int64)
        # Negative times stay negative (no rounding to 0), so that the check of events reports them.
        return Events(units, zeros, zeros, np.floor(times * 1e6 + 0.5).astype(np.int64))


def shd(
    path: str | Path,
    split: str,
    *,
    classes: int = CLASSES,
    sensor: Sensor = SENSOR,
    window: float = WINDOW,
    skip_bad: bool = False,
) -> EventSet:
    """Open the recordings of an HDF5 file such as shd_train.h5; only the labels are read at once.

    Args:
        classes, sensor, window: as `EventSet` has them.
        skip_bad: read every recording once, and leave out those that cannot be read or do not fit
            the sensor; a warning counts and names them.
    Raises: ValueError where the file is no HDF5, lacks one of the three parts, or has labels that
    are no integers; OSError where it is not there.

    Example:
        >>> train = shd("shd_train.h5", "train")                  # doctest: +SKIP
        >>> train.spikes(torch.arange(100), steps=100).shape      # doctest: +SKIP
        torch.Size([100, 100, 700])
    """
    path, classes = path_of(path, "path"), whole_number(classes, "classes", 1)
    file = _opened(path)
    with file, _damage_as_value_error(path):
        missing = [part for part in ("spikes/times", "spikes/units", "labels") if part not in file]
        if missing:
            raise ValueError(
                f"{path} has no {' and no '.join(missing)}: need the layout of SHD (spikes/times,"
                " spikes/units, labels)"
            )
        lengths = {part: len(file[part]) for part in ("spikes/times", "spikes/units", "labels")}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{n:,} {part}" for part, n in lengths.items())
            raise ValueError(f"{path} has {counts}: need as many of each")
        labels = numbers(Rows(path, file["labels"]), MAX_RECORDINGS)
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{path} has labels of {labels.dtype}; need integers, 0 .. {classes - 1}")
    recordings = Hdf5Recordings(path, len(labels))
    members = EventSet.of(
        recordings,
        labels.astype(np.int64),
        sensor=sensor,
        window=window,
        classes=classes,
        name="shd",
        split=split,
    )
    return members.skip_bad() if skip_bad else members


@contextmanager
def _damage_as_value_error(path: Path) -> Iterator[None]:
    """Turn the errors of HDF5, all the file's fault, into a ValueError of one line."""
    try:
        yield
    except (
        KeyError,
        RuntimeError,
        OSError,
        TypeError,
        AttributeError,
        OverflowError,
        zlib.error,
    ) as error:
        raise ValueError(
            f"{path} cannot be read ({printable(error)}): the file is damaged, fetch it again"
        ) from error


def _opened(path: Path) -> Any:  # any: h5py's File
    import h5py  # takes 0.2 s, and only this data set needs it

    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file: put your copy there (unpacked, .h5)")
    try:
        return h5py.File(path, "r")
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"{path} is no whole HDF5 file ({printable(error)}): unpack it, or fetch it again"
        ) from error
