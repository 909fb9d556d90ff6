"""Data sets by name: read from the data folder, or fetched into it once; every byte is verified.

    train = load("mnist", "train")        # 60,000 images, uint8 [60000, 28, 28]
    train, validation = validation_split(train)

The data folder is the argument `root`, else $BIOGRAD_DATA, else $XDG_CACHE_HOME/biograd, else
~/.cache/biograd. MNIST is in its folder `mnist` as the four IDX files of the original, each plain
or gzipped; once they are there no network is needed. Recordings of event cameras are the user's own
copies: N-MNIST in the folder `nmnist` (Train/, Test/ or their zip archives), SHD in `shd`
(shd_train.h5, shd_test.h5); `root` may also be that folder itself. `events-mnist-simulated` is made
from MNIST, once. Spoken digits, `fsdd`, are fetched or read from wav files (`sound.digits`), their
split by speaker is `fsdd-george` and so on. To add a data set, write one function and one line in
`DATASETS`, at the end.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, overload

import numpy as np
import torch

from ..checks import instance_of, known_words, text_of, truth_value, whole_number
from ..files import is_path, path_of
from .cifar10 import cifar10
from .events.nmnist import SIMULATED, nmnist
from .events.sets import EventSet
from .events.shd import shd
from .events.simulated import NAME as SIMULATED_EVENTS
from .events.simulated import expected_bytes, simulated
from .fetch import Progress
from .image_sets import ImageSet, Split, fashion, mnist
from .own_sets import load_own
from .sound.clips import SoundSet
from .sound.digits import SPEAKERS, spoken_digits
from .sound.mel import MelParams
from .sound.series import SeriesSet
from .sound.vowels import japanese_vowels
from .spike_sets import SpikeSet
from .verified_files import DataError, expect_space

DataSet = ImageSet | EventSet | SpikeSet | SeriesSet


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
    name: str,
    split: Split,
    *,
    root: str | Path | None = None,
    progress: Progress | None = None,
    skip_bad: bool = False,
    mel: MelParams | None = None,
) -> DataSet: ...


def load(
    name: str,
    split: Split,
    *,
    root: str | Path | None = None,
    progress: Progress | None = None,
    skip_bad: bool = False,
    mel: MelParams | None = None,
) -> DataSet:
    """Load one half of a data set, fetched first where it is not in the data folder yet.

    Recordings are opened, not read. A damaged file is fetched again; the old one stays beside it as
    `*.damaged`.

    Args:
        name: one of `DATASETS`, or the path of one's own samples (`own_sets`).
        root: the data folder, instead of the usual one (see the top of this file).
        progress: called with (what is fetched, bytes so far, total bytes or 0) while fetching.
        skip_bad: read every recording once, and leave out those that cannot be read; a warning
            counts and names them. Images are held against checksums anyway.
        mel: filter bank of sounds; other sets do not use it.
    Raises:
        DataError: an unknown name or split; no source gives the files; a file is damaged and cannot
        be fetched again.
        ValueError: a file of recordings is not of its format.
        OSError: the data folder cannot be read or written, or its disk is full.

    Example:
        >>> len(load("mnist", "test"))    # doctest: +SKIP
        10000
    """
    if not isinstance(name, str) or not (name in DATASETS or is_path(name)):
        raise DataError(
            f"there is no data set {text_of(name)}; {known_words(str(name), DATASETS)}; or a path:"
            " my.npz, ./images"
        )
    if not isinstance(split, str) or split not in ("train", "test"):
        raise DataError(f"there is no split {text_of(split)} of {name}; known: train, test")
    if progress is None:
        progress = _no_progress
    elif not callable(progress):
        raise TypeError(f"progress is {text_of(progress)}; need a function, or None")
    truth_value(skip_bad, "skip_bad")
    samples: DataSet | SoundSet
    if name not in DATASETS:
        samples = load_own(name, split, skip_bad=skip_bad)
    else:
        folder = data_folder() if root is None else _in_home(path_of(root, "root"))
        samples = DATASETS[name](folder, split, progress)
    if isinstance(samples, SoundSet):
        return samples.series(mel, skip_bad=skip_bad)
    if skip_bad and isinstance(samples, EventSet):
        return samples.skip_bad()
    return samples


def load_images(
    name: str, split: Split, *, root: str | Path | None = None, progress: Progress | None = None
) -> ImageSet:
    """Load one half of a data set of images; raises DataError for recordings."""
    images = None if name in RECORDED else load(name, split, root=root, progress=progress)
    if not isinstance(images, ImageSet):
        raise DataError(
            f"{name} is a set of recordings, and this works on images: name one of"
            f" {', '.join(FETCHED)}"
        )
    return images


def data_folder() -> Path:
    """Return the usual data folder, see the top of this file."""
    if named := os.environ.get("BIOGRAD_DATA"):
        return _in_home(Path(named))
    return _in_home(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")) / "biograd"


def _in_home(path: Path) -> Path:
    """Return the path with a leading ~ replaced by the user's home."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise DataError(
            f"the data folder is {path}, and this user has no home: name another folder"
            " (--data-folder, root=, $BIOGRAD_DATA)"
        ) from None


@overload
def validation_split(
    train: ImageSet, n: int = 5000, seed: int = 0
) -> tuple[ImageSet, ImageSet]: ...
@overload
def validation_split(
    train: EventSet, n: int = 5000, seed: int = 0
) -> tuple[EventSet, EventSet]: ...
@overload
def validation_split(train: DataSet, n: int = 5000, seed: int = 0) -> tuple[DataSet, DataSet]: ...
def validation_split(train: DataSet, n: int = 5000, seed: int = 0) -> tuple[DataSet, DataSet]:
    """Split a training set at random into (the rest, n samples to choose hyperparameters on).

    The same seed gives the same parts.

    Example:
        >>> x, y = torch.zeros(100, 28, 28, dtype=torch.uint8), torch.arange(100) % 10
        >>> mine = ImageSet("mine", "train", x, y, classes=10)
        >>> [len(part) for part in validation_split(mine, 20)]
        [80, 20]
    """
    kinds = (ImageSet, EventSet, SpikeSet, SeriesSet)
    instance_of(train, kinds, "train", "a set: ImageSet, EventSet, SpikeSet or SeriesSet")
    n, seed = whole_number(n, "n", -len(train)), whole_number(seed, "seed", -(1 << 63))
    if not 0 < n < len(train):
        raise ValueError(
            f"a validation split of {n:,} of {len(train):,} samples leaves one part empty; need 0 <"
            f" n < {len(train):,}"
        )
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    chosen = train.subset(order[:n].sort().values)
    rest = train.subset(order[n:].sort().values)
    return rest, dataclasses.replace(chosen, split="validation")


def _no_progress(what: str, done: int, total: int) -> None:
    """Show nothing while files are fetched."""


def _nmnist(root: Path, split: Split, progress: Progress) -> EventSet:
    """Open the user's copy of N-MNIST (Orchard et al. 2015): MNIST seen by an event camera."""
    folder = _own_copy(
        root,
        "nmnist",
        split.capitalize(),
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
    """Open the user's copy of SHD (Cramer et al. 2020): spoken digits through a model cochlea."""
    file = f"shd_{split}.h5"
    return shd(
        _own_copy(root, "shd", file, file, "shd_train.h5 and shd_test.h5 (unpacked)") / file, split
    )


def _simulated(root: Path, split: Split, progress: Progress) -> EventSet:
    """Open MNIST as seen by a simulated event camera; made where it is not there yet."""
    folder = root / SIMULATED_EVENTS

    def images() -> tuple[np.ndarray, np.ndarray]:
        digits = DATASETS["mnist"](root, split, progress)
        assert isinstance(digits, ImageSet)
        expect_space(folder, expected_bytes(len(digits)))
        return digits.x.numpy(), digits.y.numpy()

    return simulated(folder, split, images, progress)


def _own_copy(root: Path, name: str, wanted: str, instead: str, what: str) -> Path:
    """Return the folder of a user's copy: root/name, or root itself where the files are there."""
    for folder in (root / name, root):
        if (folder / wanted).exists() or (folder / instead).exists():
            return folder
    raise DataError(
        f"there is no copy of {name} in {root / name} or {root}, and none can be fetched: put"
        f" {what} there, or name the folder that holds them (--data-folder, $BIOGRAD_DATA)"
    )


DATASETS: dict[str, Callable[[Path, Split, Progress], DataSet | SoundSet]] = {
    "mnist": mnist,
    "fashion": fashion,
    "cifar10": cifar10,
    SIMULATED_EVENTS: _simulated,
    "nmnist": _nmnist,
    "shd": _shd,
    "fsdd": spoken_digits,
    **{f"fsdd-{person}": partial(spoken_digits, held_out=person) for person in SPEAKERS},
    "japanese-vowels": japanese_vowels,
}
FETCHED = ("mnist", "fashion")  # small sets, which `biograd data` fetches unless it is named others
RECORDED = (SIMULATED_EVENTS, "nmnist", "shd")  # recordings: made, or a user's own
