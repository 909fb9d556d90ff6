"""Readers of data sets: IDX, a wheel with a pickle, and recordings of event cameras."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from pathlib import Path

import mutations
import numpy as np
from reader import Reader, written

_PICKLE = "mnist/data/mnist.pkl.gz"


def idx() -> Reader:
    """Return the reader of MNIST's own format, plain and gzipped."""
    from biograd.data.idx import format_idx, read_idx

    images = format_idx(np.random.default_rng(0).integers(0, 256, (3, 4, 5), dtype=np.uint8))
    labels = format_idx(np.arange(9, dtype=np.uint8))
    seeds = [images, labels, gzip.compress(images, mtime=0), gzip.compress(labels, mtime=0)]
    ways = (mutations.blind, mutations.blind, mutations.inside_gzip)
    return Reader(seeds, read_idx, ways, (b"\x1f\x8b\x08",))


def pickled() -> Reader:
    """Return the reader of MNIST in a wheel: a zip with a gzipped pickle in it."""
    from biograd.data.fetch import mnist_from_wheel

    rng = np.random.default_rng(0)
    parts = tuple(
        (rng.integers(0, 256, (2, 784)).astype(np.float32) / 256, rng.integers(0, 10, 130))
        for _ in range(3)
    )
    seeds = []
    for protocol in (2, 4):
        out, packed = io.BytesIO(), gzip.compress(pickle.dumps(parts, protocol=protocol), mtime=0)
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr(_PICKLE, packed)
        seeds.append(out.getvalue())
    words = (
        b"cos\nsystem\n(S'touch /tmp/owned'\ntR.",
        b"\x8c\x05posix",
        b"X\xff\xff\xff\x7f",
        b"T\xff\xff\xff\x7f",
        b"\x8e" + b"\xff" * 7 + b"\x7f",
    )
    ways = (mutations.inside_zip, mutations.inside_zip, mutations.blind)
    return Reader(seeds, lambda path: mnist_from_wheel(path, _PICKLE), ways, words, "mnist.whl")


def _few_events():
    from biograd.data.events.recording import Events

    t = np.sort(np.random.default_rng(0).integers(0, 300_000, 40))
    return Events(np.arange(40) % 34, np.arange(40) % 30, np.arange(40) % 2, t)


def _spikes(members) -> None:
    """Read the spikes of all recordings."""
    import torch

    members.spikes(torch.arange(len(members.y)), 5)


def events() -> Reader:
    """Return the reader of one recording of N-MNIST's five-byte events."""
    from biograd.data.events.nmnist import SENSOR, parse, to_bytes
    from biograd.data.events.recording import checked

    seeds = [to_bytes(_few_events()), b""]

    def read(path: Path) -> None:
        checked(parse(path.read_bytes(), str(path)), SENSOR, str(path))

    return Reader(seeds, read, name="r.bin")


def event_archive() -> Reader:
    """Return the reader of a zip archive of such recordings."""
    from biograd.data.events.nmnist import nmnist, to_bytes

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for label in range(3):
            archive.writestr(f"Train/{label}/0.bin", to_bytes(_few_events()))
    ways = (mutations.inside_zip, mutations.inside_zip, mutations.blind)
    words = (b"Train/1/0.bin",)
    return Reader(
        [out.getvalue()],
        lambda path: _spikes(nmnist(path.parent, "train")),
        ways,
        words,
        "Train.zip",
    )


def event_trains() -> Reader:
    """Return the reader of spikes in HDF5, as SHD stores them."""
    import h5py

    from biograd.data.events.shd import shd

    def write(path: Path, chunks: bool) -> None:
        with h5py.File(path, "w") as file:
            more = {"chunks": (2,), "compression": "gzip"} if chunks else {}
            for name, kind in (("times", np.float32), ("units", np.int32)):
                part = file.create_dataset(
                    f"spikes/{name}", (3,), dtype=h5py.vlen_dtype(kind), **more
                )
                for index in range(3):
                    part[index] = np.sort(np.arange(6, dtype=kind) / (10 if name == "times" else 1))
            file["labels"] = np.array([0, 1, 2], dtype=np.int64)

    seeds = [
        written(lambda path, chunks=chunks: write(path, chunks), "s.h5") for chunks in (False, True)
    ]
    words = (b"TREE", b"SNOD", b"HEAP", b"GCOL")
    return Reader(seeds, lambda path: _spikes(shd(path, "train")), words=words, name="shd.h5")
