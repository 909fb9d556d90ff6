"""Untrusted files, in both environments: damaged ones by the hundred, and forged sizes.

Readers and damage are those of `tools/fuzz`, which also has the long run.
"""

from __future__ import annotations

import importlib.util
import io
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from hardware.border import archive, files

FUZZ = Path(__file__).parents[2] / "tools" / "fuzz"
sys.path.insert(0, str(FUZZ))
import child  # noqa: E402
import readers  # noqa: E402

PEAK = """
import sys; sys.path.insert(0, {root!r})
from {module} import {name}
before = [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
try:
    {name}({path!r})
    message = "it was read"
except (ValueError, OSError) as error:
    message = str(error)
after = [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
print(after - before, message)
"""


@pytest.mark.parametrize("name", ["model", "foreign", "spikes", "result", "fixed", "learning"])
def test_damaged_files_are_read_or_refused_in_one_printable_line(name, tmp_path):
    reader = readers.READERS[name]()
    read = 0
    for number in range(200):
        path = reader.put(tmp_path, child.make(reader, 7, number))
        try:
            reader.read(path)
            read += 1
        except (ValueError, OSError) as error:
            assert str(error).isprintable() and str(error), (number, str(error))
    assert 0 < read < 200, "the damage is too light, or too heavy, to mean anything"
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([reader.name, *reader.beside])


@pytest.mark.parametrize(
    "path",
    sorted((FUZZ.parents[1] / "tests" / "fuzz").glob("*/*")),
    ids=lambda path: f"{path.parent.name}-{path.name}",
)
def test_files_that_once_broke_a_reader_are_refused(path, tmp_path):
    if importlib.util.find_spec("torch") is None and path.parent.name in (
        "checkpoint",
        "config",
        "event-trains",
        "pickle",
    ):
        pytest.skip("a reader of the simulator")
    reader = readers.READERS[path.parent.name]()
    with pytest.raises((ValueError, OSError)) as caught:
        reader.read(reader.put(tmp_path, path.read_bytes()))
    assert str(caught.value).isprintable()


def forged_header(path):
    out = io.BytesIO()
    header = (
        b"{'descr': '|u1', 'fortran_order': False, 'shape': (1024, 1024, 1048576), }".ljust(118)
        + b"\n"
    )
    with zipfile.ZipFile(out, "w") as zipped:
        zipped.writestr(
            "spikes.npy",
            b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\x01" * 100,
        )
    path.write_bytes(out.getvalue())


def forged_directory(path):
    forged_header(path)
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = b"\xfe\xff\xff\xff"  # 4 GB once unpacked
    path.write_bytes(content)


def bomb(path):
    body = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        body, {"descr": "|u1", "fortran_order": False, "shape": (1, 1, 320 * 2**20)}
    )
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped,
        zipped.open("spikes.npy", "w") as out,
    ):
        out.write(body.getvalue())
        for _ in range(320):
            out.write(bytes(2**20))


def dictionary_bomb(path):
    """LZMA that asks for a dictionary of 4 GB before the first byte."""
    forged_header(path)
    content = bytearray(path.read_bytes())
    for at in (8, content.index(b"PK\x01\x02") + 10):
        content[at : at + 2] = b"\x0e\x00"
    path.write_bytes(content)


def claimed_dataset(path):
    good_model(path)
    with h5py.File(path, "r+") as file:
        file["node/nodes/fc1"].create_dataset("bomb", shape=(2**37,), dtype="f8", chunks=(2**16,))


def claimed_fill(path):
    """A claim of 1.6 GB of zeros, below the limit of sizes, without any values."""
    good_model(path)
    with h5py.File(path, "r+") as file:
        file["node/nodes/fc1"].create_dataset("bomb", shape=(2 * 10**8,), dtype="f8")


def chunk_bomb(path):
    """A chunk of 250 KB that unpacks to 250 MB: HDF5 itself would go on until memory ends."""
    good_model(path)
    with h5py.File(path, "r+") as file:
        dataset = file["node/nodes/fc1"].create_dataset(
            "bomb", shape=(100,), dtype="u1", chunks=(100,), compression="gzip"
        )
        dataset.id.write_direct_chunk((0,), zlib.compress(bytes(250 * 2**20), 9))


def long_text(path):
    """A text that claims to be 2 GB long."""
    good_model(path)
    with h5py.File(path, "r") as file:
        place = file["node/nodes/fc1/type"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[place : place + 4] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(content)


def endless_heap(path):
    """A heap whose first object is 0 bytes long, on which HDF5 would loop for ever."""
    good_model(path)
    content = bytearray(path.read_bytes())
    at = content.index(b"GCOL") + 16
    content[at : at + 16] = bytes(16)
    path.write_bytes(content)


def good_model(path):
    path.write_bytes(readers.model().seeds[0])


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs /proc to see the peak of memory"
)
@pytest.mark.parametrize(
    ("forge", "reader", "says"),
    [
        (forged_header, "read_spikes", "needs 1,099,511,627,776 bytes, the file holds"),
        (forged_directory, "read_spikes", "unpacks to 4,294,967,294 bytes"),
        (bomb, "read_spikes", "bytes that unpack to 335,544,"),
        (dictionary_bomb, "read_spikes", "compressed by method 14"),
        (claimed_dataset, "read_model", "'bomb' brings the file to 1,099,511"),
        (claimed_fill, "read_model", "bytes that unpack to 1,600,0"),
        (chunk_bomb, "read_model", "'bomb' unpacks to another size than it says"),
        (long_text, "read_model", "has a text of 2,147,483,647 letters, more than the file"),
        (endless_heap, "read_model", "damaged heap"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_forgery_takes_less_than_200_mb(forge, reader, says, tmp_path):
    forge(tmp_path / "forged")
    root = str(FUZZ.parents[1])
    program = PEAK.format(
        root=root, module="hardware.border.files", name=reader, path=str(tmp_path / "forged")
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    taken, _, message = run.stdout.partition(" ")
    assert says in message and message.strip().isprintable()
    assert int(taken) * 1024 < 200_000_000


def test_the_most_compressible_array_is_still_read(tmp_path):
    archive.write_npz(tmp_path / "s.npz", {"silent": np.zeros(24 * 2**20, dtype=np.uint8)})
    # zlib at level 1 goes no further than 229
    assert (tmp_path / "s.npz").stat().st_size * 200 < 24 * 2**20
    assert not archive.read_npz(tmp_path / "s.npz")["silent"].any()


def test_an_array_without_values_may_not_have_endless_rows(tmp_path):
    for rows in (archive.MAX_EMPTY, archive.MAX_EMPTY + 1):
        np.savez(tmp_path / "rows.npz", empty=np.zeros((rows, 0), np.int8))
        if rows == archive.MAX_EMPTY:
            assert archive.read_npz(tmp_path / "rows.npz")["empty"].shape == (rows, 0)
    with pytest.raises(
        ValueError,
        match=(
            r"array 'empty' of shape \(65537, 0\) holds no values in more than 65,536 rows: write"
            r" it again"
        ),
    ):
        archive.read_npz(tmp_path / "rows.npz")


def test_a_format_that_is_no_number_is_reported_by_its_shape(tmp_path):
    np.savez(
        tmp_path / "s.npz",
        spikes=np.zeros(1, np.uint8),
        shape=[1, 2, 3],
        format=np.zeros((20_000, 3, 0)),
    )
    with pytest.raises(
        ValueError, match=r"s\.npz: format of shape \(20000, 3, 0\); this version reads format"
    ):
        files.read_spikes(tmp_path / "s.npz")


def test_a_table_of_contents_larger_than_all_arrays_is_refused_unread(tmp_path):
    with zipfile.ZipFile(tmp_path / "many.npz", "w") as zipped:
        for number in range(20_000):
            zipped.writestr(f"{number}.npy", b"")
    with pytest.raises(ValueError, match="table of contents is larger than"):
        archive.read_npz(tmp_path / "many.npz")
