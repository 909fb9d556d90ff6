"""Forged recordings that claim a terabyte or unpack without end are refused in little memory."""

from __future__ import annotations

import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest


def sparse(path, size):
    with open(path, "wb") as file:
        file.truncate(size)


def written_index(path, name="starts", **claims):
    """Write an index of simulated events with an array that claims another `shape` or `size`."""
    head = (
        str({"descr": "<i8", "fortran_order": False, "shape": claims.get("shape", (2,))})
        .encode()
        .ljust(118)
        + b"\n"
    )
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr(
            f"{name}.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(900)
        )
    if "size" in claims:
        content = bytearray(path.read_bytes())
        at = content.index(b"PK\x01\x02") + 20
        content[at : at + 8] = struct.pack("<II", claims["size"], claims["size"])
        path.write_bytes(content)


def event_forgeries(folder):
    """Write forged files of events; return how to read each, and the message expected."""
    import h5py

    for name in ("file", "zip", "bomb"):
        (folder / name).mkdir()
    (folder / "file" / "Train" / "3").mkdir(parents=True)
    sparse(folder / "file" / "Train" / "3" / "1.bin", 5 << 38)
    with zipfile.ZipFile(folder / "zip" / "Train.zip", "w") as zipped:
        zipped.writestr("3/1.bin", bytes(900))
    content = bytearray((folder / "zip" / "Train.zip").read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = struct.pack("<I", 0xFFFFFFFE)
    (folder / "zip" / "Train.zip").write_bytes(content)
    packed = zipfile.ZipFile(
        folder / "bomb" / "Train.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1
    )
    with packed, packed.open("3/1.bin", "w") as member:
        for _ in range(120):
            member.write(bytes(1 << 20))
    for name, labels, length in (
        ("labels", 1 << 37, 1 << 37),
        ("rows", 2, 1 << 37),
        ("chunk", 2, 2),
        ("long", 2, 2),
        ("none", 2, 2),
    ):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            for part, kind in (("times", np.float32), ("units", np.int32)):
                chunks = (1 << 27,) if name == "chunk" else (2,)
                made = file.create_dataset(
                    f"spikes/{part}",
                    (length,),
                    dtype=h5py.vlen_dtype(kind),
                    chunks=chunks,
                    maxshape=(None,),
                )
                if name == "long":
                    made[0] = np.arange(3, dtype=kind)
            held = file.create_dataset("labels", (labels,), dtype=np.int64, chunks=(2,))
            if name in ("chunk", "long"):
                held[:] = 0
    content = bytearray((folder / "long.h5").read_bytes())
    at = -1
    # each reference to an array of 3 numbers now claims 4 billion
    while (at := content.find(struct.pack("<I", 3), at + 1)) >= 0:
        heap = int.from_bytes(content[at + 4 : at + 12], "little")
        if content[heap : heap + 4] == b"GCOL":
            content[at : at + 4] = b"\xff\xff\xff\xff"
    (folder / "long.h5").write_bytes(content)
    written_index(folder / "shape.npz", shape=(1 << 40,))
    written_index(folder / "size.npz", size=0xFFFFFFFE)
    sparse(folder / "long.npz", 1 << 40)
    sparse(folder / "columns", 1 << 40)
    watch = "biograd.{}({!r}, 'train').spikes(torch.arange(1), 2)"
    nmnist, shd = (
        (lambda name: watch.format("nmnist", f"{folder}/{name}")),
        (lambda name: watch.format("shd", f"{folder}/{name}.h5")),
    )
    index = (
        "biograd.data.events.simulated._read_index(pathlib.Path({!r}), pathlib.Path('none'), None)"
    )
    column = f"np.memmap({str(folder / 'columns')!r}, np.uint8, 'r')"
    mapped = (
        f"biograd.EventSet.of([biograd.Events(*[{column}] * 4)], [0], sensor=biograd.Sensor(34, 34,"
        " 2), window=9).events(0)"
    )
    return [
        (nmnist("file"), "274,877,906,944 events, more than 20,000,000"),
        (nmnist("zip"), "858,993,458 events, more than 20,000,000"),
        (nmnist("bomb"), "25,165,824 events, more than 20,000,000"),
        (shd("labels"), "137,438,953,472 values of int64; at most 10,000,000 numbers are read"),
        (shd("rows"), "need as many of each"),
        (shd("chunk"), "has parts of 2,147,483,648 bytes; at most 67,108,864 are read"),
        (shd("long"), "holds 4,294,967,295 events, more than 20,000,000"),
        (shd("none"), "/labels has no values at row 0"),
        (index.format(f"{folder}/shape.npz"), "starts is no list of numbers"),
        (index.format(f"{folder}/size.npz"), "starts claims 4,294,967,294 bytes, the file holds"),
        (index.format(f"{folder}/long.npz"), "1,099,511,627,776 bytes, more than"),
        (mapped, "holds 1,099,511,627,776 events, more than 20,000,000"),
    ]


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs /proc to see the peak of memory"
)
def test_forged_events_take_less_than_200_mb(tmp_path):
    forged = event_forgeries(tmp_path)
    program = """
import pathlib, numpy as np, torch, h5py, biograd, biograd.data.events.simulated
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith("VmHWM")][0]
def taken(read):
    before = peak()
    try: eval(read); print(0, "it was read")
    except (ValueError, OSError) as error: print(peak() - before, error)
"""
    program += "".join(f"taken({read!r})\n" for read, _ in forged)
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100
    )
    assert process.returncode == 0, process.stderr
    for line, (_, says) in zip(process.stdout.splitlines(), forged, strict=True):
        taken, _, message = line.partition(" ")
        assert says in message and message.isprintable() and int(taken) * 1024 < 200_000_000, line
