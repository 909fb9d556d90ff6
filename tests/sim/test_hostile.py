"""Damaged files: every reader reads them, or refuses them in one printable line.

The long run is `tools/fuzz`; forged files are in test_forgeries.py.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib
from hypothesis import given
from hypothesis import strategies as st

from biograd.data import datasets
from biograd.runs.config import RunConfig
from biograd.runs.config_files import read_config

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
    # The reader of checkpoints sets its own data set.
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
    assert 0 < read < 120, "the damage is too light, or too heavy, to test anything"
    assert {path.name for path in tmp_path.iterdir()} == {reader.name, *reader.beside}


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="needs /proc to see the peak of memory"
)
def test_the_tool_counts_what_it_reads_and_names_every_input():
    command = [sys.executable, str(FUZZ), "spikes", "--inputs", "300", "--seed", "3"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert process.returncode == 0, process
    report = json.loads(process.stdout)
    assert report["read"] + report["refused"] == 300 and report["read"] > 0
    assert report["failed"] == report["crashed"] == report["hung"] == 0


def test_the_tool_notices_what_a_reader_must_not_do(tmp_path):
    watch = child.Watch(tmp_path)
    reader = readers.Reader([b"x"], lambda path: None)
    tally = {"read": 0, "refused": 0, "slowest": 0.0, "memory": 0}

    def fault(read):
        reader.read = read
        return child._try(reader, tmp_path, b"x", watch, tally)

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
