"""CIFAR-10 (Krizhevsky 2009): colour images of ten kinds of things, 32 x 32.

Read from the published archive cifar-10-binary.tar.gz, held against its published MD5, or from the
files of that format in a folder (data_batch_1.bin .. 5.bin, test_batch.bin), e.g. a copy of one's
own. Each record is a label byte and 3,072 pixel bytes: planes of red, green and blue.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import urllib.request
from pathlib import Path

import numpy as np
import torch

from ..files import atomic_write
from .fetch import CHUNK, TIMEOUT, Progress
from .image_sets import ImageSet, Split
from .verified_files import DataError, expect_space

ARCHIVE = "cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"  # published beside the archive
SIZE = 170_052_171  # bytes of the archive
URL = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
RECORD = 1 + 3 * 32 * 32  # bytes of an image with its label
IMAGES = 10_000  # of a file
FILES = {
    "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    "test": ("test_batch.bin",),
}


def cifar10(root: Path, split: Split, progress: Progress) -> ImageSet:
    """Load CIFAR-10, for `datasets.DATASETS`.

    Raises: DataError where files are missing, damaged, or cannot be fetched.
    """
    for folder in (root / "cifar10", root):
        if all((folder / name).exists() for name in FILES[split]):
            contents = [(folder / name).read_bytes() for name in FILES[split]]
            return _as_set("cifar10", split, contents, folder)
        if (folder / ARCHIVE).exists():
            return _as_set("cifar10", split, _unpacked(folder / ARCHIVE, split), folder)
    path = root / "cifar10" / ARCHIVE
    _fetch(path, progress)
    return _as_set("cifar10", split, _unpacked(path, split), path.parent)


def _fetch(path: Path, progress: Progress) -> None:
    expect_space(path.parent, SIZE)
    packed = io.BytesIO()
    try:
        with urllib.request.urlopen(URL, timeout=TIMEOUT) as answer:
            while (chunk := answer.read(CHUNK)) and packed.tell() <= SIZE:
                packed.write(chunk)
                progress(ARCHIVE, packed.tell(), SIZE)
    except OSError as error:
        raise DataError(
            f"{ARCHIVE} cannot be fetched from {URL} ({error}): put it, or the files"
            f" {FILES['train'][0]} .. {FILES['test'][0]} of its format, into {path.parent}, or name"
            " their folder (--data-folder, $BIOGRAD_DATA)"
        ) from error
    _expect_md5(packed.getvalue(), URL)
    atomic_write(path, packed.getvalue())


def _expect_md5(content: bytes, where: str) -> None:
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digest != MD5:
        raise DataError(
            f"{where} has the MD5 {digest} and {len(content):,} bytes; the published archive has"
            f" {MD5} and {SIZE:,}: delete it, and fetch it again"
        )


def _unpacked(path: Path, split: Split) -> list[bytes]:
    """Return the files of a split from the archive, once its checksum is right."""
    content = path.read_bytes() if path.stat().st_size <= SIZE else b""
    _expect_md5(content, str(path))
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        members = (archive.extractfile(f"cifar-10-batches-bin/{name}") for name in FILES[split])
        return [member.read(IMAGES * RECORD) for member in members if member is not None]


def _as_set(name: str, split: Split, contents: list[bytes], folder: Path) -> ImageSet:
    for file, content in zip(FILES[split], contents, strict=True):
        if len(content) != IMAGES * RECORD:
            raise DataError(
                f"{folder / file} has {len(content):,} bytes; need {IMAGES * RECORD:,} ({IMAGES:,}"
                f" records of {RECORD:,}): get it again"
            )
    records = np.frombuffer(b"".join(contents), np.uint8).reshape(-1, RECORD)
    if records[:, 0].max() > 9:
        raise DataError(
            f"{folder} has labels up to {records[:, 0].max()}; CIFAR-10 has 0..9: get it again"
        )
    x = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy())
    y = torch.from_numpy(records[:, 0].astype(np.int64))
    return ImageSet(name, split, x, y, classes=10)
