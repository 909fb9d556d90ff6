"""Simulated events: what an event camera in three saccades would see of MNIST. Not N-MNIST, and
called *simulated* everywhere.

N-MNIST cannot be fetched everywhere; this stands in for it, in its file format. As published for
N-MNIST (Orchard et al. 2015, Frontiers in Neuroscience 9:437; the data set's page): a sensor of 34
x 34 pixels, digits at their own 28 x 28 pixels, the camera moving and not
the digit, three saccades along a triangle, microsecond time stamps, five bytes an event. Ours:
everything in `SaccadeParams`, the path's corners and speed, and the camera's equations:

    L[t] = log(dark + bright * grey / 255)      the pixel's light, bilinear between the digit's pixels, log(dark) around it
    ON   when L[t] - L_seen >= on,  then L_seen += on        OFF  when L_seen - L[t] >= off,  then L_seen -= off

with thresholds on, off of every pixel drawn once for the camera, times interpolated linearly
between samples of the path, and background events of either polarity at random. Equal seeds give
equal bytes.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from ...files import atomic_write, shown
from . import loops as loops
from .nmnist import EVENT_BYTES, SENSOR, SIMULATED, Packed, to_bytes
from .recording import Events
from .sets import EventSet

NAME = "events-mnist-simulated"
FORMAT = 1  # of the packed files
# Corners of the path, in units of the reach: where the digit stands before, between and after the
# saccades.
CORNERS = np.array([[-1.0, -1.0], [0.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
MOST = 1 << 17  # events of a simulated recording; real parameters give some thousands
CHUNK = 500  # recordings that are simulated before they are written
MAX_INDEX = 4 << 20  # bytes of the index of a packed file: 400,000 recordings
_LIST = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(<i8|\|u1)', 'fortran_order': False, 'shape': \((\d{1,9}),\),"
    rb" \} *\n",
    re.DOTALL,
)
NOTICE = (
    "These recordings are SIMULATED from MNIST by BioGrad (biograd/data/events/simulated.py). They"
    " are not N-MNIST and were never seen by an event camera: say 'simulated' wherever you show"
    " results on them.\n"
)


@dataclass(frozen=True, kw_only=True)
class SaccadeParams:
    """The simulated camera and its movement. All values ours."""

    # us a saccade takes; three of them. Orchard et al. 2015: about 100 ms each
    saccade: int = 100_000
    # pixels from the middle of the sensor to the sides of the path: 28 + 2 * 3 = 34
    reach: float = 3.0
    sample: int = 2_500  # us between samples of the path, which moves at most 0.34 pixels in them
    dark: float = 1.0  # intensity of the background, 1
    bright: float = 9.0  # intensity that full white adds, 1: a contrast of ten
    threshold: float = 0.45  # log intensity of an event, 1
    mismatch: float = 0.05  # standard deviation of the pixels' thresholds, relative to it
    noise: float = 0.3  # background events per pixel and second
    seed: int = 0  # of thresholds and noise

    def __post_init__(self) -> None:
        if not (0 < self.sample <= self.saccade <= 2_000_000):
            raise ValueError(
                f"sample is {self.sample} us and saccade {self.saccade}: need 0 < sample <= saccade"
                " <= 2,000,000"
            )
        if not 0 <= self.reach <= 10:
            raise ValueError(f"reach is {self.reach}; need 0 .. 10 pixels")
        if not (self.dark > 0 and self.bright > 0 and self.threshold > 0.01):
            raise ValueError(
                f"dark {self.dark}, bright {self.bright}, threshold {self.threshold}: need dark,"
                " bright > 0, threshold > 0.01"
            )
        if not (0 <= self.mismatch <= 0.2 and 0 <= self.noise <= 100 and self.seed >= 0):
            raise ValueError(
                f"mismatch {self.mismatch}, noise {self.noise}, seed {self.seed}: need 0 .. 0.2, 0"
                " .. 100 a second, 0 or more"
            )


class Camera(NamedTuple):
    """A simulated camera, ready to watch."""

    params: SaccadeParams
    # upper left corner of the digit at each sample, pixels (column, row), float64 [samples, 2]
    path: np.ndarray
    on: np.ndarray  # threshold of each pixel, log intensity, float64 [34, 34]
    off: np.ndarray


def camera(p: SaccadeParams | None = None) -> Camera:
    """The camera with these parameters: its path and its pixels' thresholds."""
    p = p or SaccadeParams()
    samples = p.saccade // p.sample
    part = np.arange(1, samples + 1) / samples
    # A saccade starts and ends at rest; its speed is a raised cosine, at most twice the mean.
    gone = (part - np.sin(2 * np.pi * part) / (2 * np.pi))[:, None]
    legs = [start + gone * (stop - start) for start, stop in itertools.pairwise(CORNERS)]
    path = np.concatenate([CORNERS[:1], *legs]) * p.reach + (SENSOR.width - 28) / 2
    draw = np.random.Generator(np.random.PCG64(p.seed)).standard_normal(
        (2, SENSOR.height, SENSOR.width)
    )
    on, off = p.threshold * np.maximum(1 + p.mismatch * draw, 0.3)
    return Camera(p, path, on, off)


def simulate(image: np.ndarray, number: int, watching: Camera) -> Events:
    """What the camera sees of one image; the same for the same image, number and parameters.

    Args:
        image: grey values, uint8 [28, 28].
        number: of the image in its set, which together with the seed starts its noise.
    """
    p = watching.params
    words = np.empty(MOST, dtype=np.int64)
    seed = np.uint64((p.seed * 0x9E3779B97F4A7C15 + number * 0xD1342543DE82EF95 + 1) % (1 << 64))
    noise = p.noise * 1e-6 * watching.on.size
    n = loops.watch(
        image,
        watching.path,
        float(p.sample),
        p.dark,
        p.bright,
        watching.on,
        watching.off,
        noise,
        seed,
        words,
    )
    if n > MOST:
        raise ValueError(
            f"the threshold of {p.threshold} gives {n:,} events of one image, more than {MOST:,}:"
            " raise it"
        )
    words = np.sort(words[:n])
    column, row, polarity = ((words >> shift & 255).astype(np.uint8) for shift in (8, 16, 0))
    return Events(column, row, polarity, words >> 24)


def simulated(
    folder: Path,
    split: str,
    images: Callable[[], tuple[np.ndarray, np.ndarray]],
    progress: Callable[[str, int, int], None],
) -> EventSet:
    """The simulated events of MNIST, from the data folder; made and put there first where they are
    not.

    Args:
        images: gives the pictures, uint8 [n, 28, 28], and classes; asked only where the files are
            not there.
        progress: told (what, bytes written, bytes in all, an estimate) while they are made.
    Raises: ValueError where the files are not what their index says.
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
    """About the size of so many recordings on disk, a little high."""
    return recordings * 4600 * EVENT_BYTES


def write(
    events: Path,
    index: Path,
    x: np.ndarray,
    y: np.ndarray,
    p: SaccadeParams,
    progress: Callable[[str, int, int], None],
    threads: int = 2,
) -> None:
    """Simulate the recordings of all images into one packed file, and its index; each appears whole
    or not at all, the index last.
    """
    starts = np.zeros(len(x) + 1, dtype=np.int64)

    def fill(file: IO[bytes]) -> None:
        done = 0
        for number, raw in enumerate(_simulated_bytes(x, camera(p), threads)):
            file.write(raw)
            done += len(raw)
            starts[number + 1] = done
            if number % CHUNK == CHUNK - 1:
                progress(f"simulating {events.name}", done, done * len(x) // (number + 1))

    atomic_write(events, fill)
    held = io.BytesIO()
    np.savez(
        held, starts=starts, y=y.astype(np.uint8), header=np.frombuffer(_header(p), dtype=np.uint8)
    )
    atomic_write(index, held.getvalue())


def write_files(members: EventSet, folder: Path, progress: Callable[[str, int, int], None]) -> int:
    """Write recordings as N-MNIST's own tree, folder/Train/0/00001.bin and so on, beside a notice
    that they are simulated.

    The part (Train or Test) appears when it is whole.
    Returns: how many files.
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
    def one(number: int) -> bytes:
        return to_bytes(simulate(x[number], number, watching))

    with ThreadPoolExecutor(threads, thread_name_prefix="biograd-events") as pool:
        for first in range(0, len(x), CHUNK):
            yield from pool.map(one, range(first, min(first + CHUNK, len(x))))


def _read_index(index: Path, events: Path, p: SaccadeParams) -> tuple[np.ndarray, np.ndarray]:
    way_out = f"delete {index.parent} and it is made again"
    try:
        starts, y, header = _columns(index)
    except (
        ValueError,
        KeyError,
        OSError,
        EOFError,
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise ValueError(f"{index} is damaged ({shown(error)}): {way_out}") from error
    if header.tobytes() != _header(p):
        raise ValueError(
            f"{index} was simulated with other parameters than this version's: {way_out}"
        )
    size = events.stat().st_size
    falls = (starts[1:] < starts[:-1]).any()
    if (
        len(starts) != len(y) + 1
        or starts[0]
        or (starts % EVENT_BYTES).any()
        or falls
        or size != starts[-1]
    ):
        raise ValueError(
            f"{events} holds {size:,} bytes where its index says {starts[-1:].sum():,}: {way_out}"
        )
    return starts, y.astype(np.int64)


def _header(p: SaccadeParams) -> bytes:
    return json.dumps({"format": FORMAT, "simulated": True, **asdict(p)}).encode()


def _columns(index: Path) -> list[np.ndarray]:
    """Starts, classes and header of an index. They lie there unpacked, so what each claims to hold
    is held against the file's size.
    """
    size, columns = index.stat().st_size, []
    if size > MAX_INDEX:
        raise ValueError(f"{size:,} bytes, more than {MAX_INDEX:,}")
    with zipfile.ZipFile(index) as held:
        for name, kind in (("starts", "<i8"), ("y", "|u1"), ("header", "|u1")):
            entry = held.getinfo(f"{name}.npy")
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > size:
                raise ValueError(
                    f"{name} claims {entry.file_size:,} bytes, the file holds {size:,}"
                )
            content = held.read(entry)
            begins = _LIST.match(content)
            if begins is None or begins[1].decode() != kind:
                raise ValueError(f"{name} is no list of numbers")
            columns.append(np.frombuffer(content[begins.end() :], dtype=kind))
            if len(columns[-1]) != int(begins[2]):
                raise ValueError(
                    f"{name} claims {int(begins[2]):,} numbers and holds {len(columns[-1]):,}"
                )
    return columns
