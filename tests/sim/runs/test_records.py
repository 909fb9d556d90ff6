"""Records: appended in one piece, repaired after a crash, refused when damaged."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biograd.runs import records
from biograd.runs.records import append, read, read_counting

EPOCH = {"kind": "epoch", "epoch": 1, "test_accuracy": 0.5}


def test_appended_records_are_read_in_order(tmp_path):
    path = tmp_path / "deep/er/records.jsonl"
    for epoch in range(3):
        append(path, EPOCH | {"epoch": epoch})
    append(str(path), {"kind": "run", "angles": [8.0, 12.5], "name": "naïve\nname", "none": None})
    stored = read(path)
    assert [record.get("epoch") for record in stored] == [0, 1, 2, None]
    assert stored[3] == {
        "format": 1,
        "kind": "run",
        "angles": [8.0, 12.5],
        "name": "naïve\nname",
        "none": None,
    }
    assert path.read_bytes().count(b"\n") == 4


def test_no_file_holds_no_records(tmp_path):
    assert read_counting(tmp_path / "none.jsonl") == ([], 0)


def test_numpy_values_paths_and_infinities_become_plain(tmp_path):
    record = {
        "a": np.float32(0.5),
        "b": np.arange(3),
        "c": Path("x"),
        "d": [float("nan"), np.inf],
        "e": np.array([np.nan]),
        5: (True,),
    }
    append(tmp_path / "r", {"kind": "run"} | record)
    plain = {"a": 0.5, "b": [0, 1, 2], "c": "x", "d": [None, None], "e": [None], "5": [True]}
    assert read(tmp_path / "r") == [{"format": 1, "kind": "run"} | plain]


@given(cut=st.integers(1, 60))
def test_half_a_line_is_left_out_counted_and_cut_off_by_the_next_append(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("records") / "r"
    append(path, EPOCH)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: min(cut, len(whole) - 2)])
    assert read_counting(path) == ([{"format": 1} | EPOCH], 1)
    append(path, EPOCH | {"epoch": 2})
    assert read_counting(path) == ([{"format": 1} | EPOCH, {"format": 1} | EPOCH | {"epoch": 2}], 0)


def test_a_long_half_line_is_cut_off_too(tmp_path):
    append(tmp_path / "r", EPOCH)
    whole = (tmp_path / "r").read_bytes()
    (tmp_path / "r").write_bytes(whole + b'{"x": "' + b"y" * 200_000)
    append(tmp_path / "r", EPOCH)
    assert (tmp_path / "r").read_bytes() == whole * 2


def test_a_whole_line_that_lost_its_newline_is_kept(tmp_path):
    append(tmp_path / "r", EPOCH)
    (tmp_path / "r").write_bytes((tmp_path / "r").read_bytes().rstrip())
    assert read_counting(tmp_path / "r")[1] == 0
    append(tmp_path / "r", EPOCH)
    assert len(read(tmp_path / "r")) == 2


@pytest.mark.parametrize("broken", [b"{half", b"", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_a_broken_line_in_the_middle_is_named(tmp_path, broken):
    append(tmp_path / "r", EPOCH)
    whole = (tmp_path / "r").read_bytes()
    (tmp_path / "r").write_bytes(whole + broken + b"\n" + whole)
    with pytest.raises(ValueError, match=r"r, line 2 is no record: .*; delete that line") as error:
        read(tmp_path / "r")
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


@pytest.mark.parametrize("version", [2, None, "1"])
def test_another_format_is_refused_with_both_numbers(tmp_path, version):
    (tmp_path / "r").write_text(json.dumps({"format": version} | EPOCH) + "\n")
    with pytest.raises(
        ValueError, match=rf"line 1 has format {version!r} and this version reads 1"
    ):
        read(tmp_path / "r")


def test_an_unknown_kind_and_other_objects_are_refused_and_not_written(tmp_path):
    with pytest.raises(ValueError, match="kind is 'epcoh'; known: epoch, run, measurement"):
        append(tmp_path / "r", {"kind": "epcoh"})
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        append(tmp_path / "r", EPOCH | {"what": object()})
    assert not (tmp_path / "r").exists()


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    append(tmp_path / "r", EPOCH)
    before = (tmp_path / "r").read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="r: No space left on device; free space there"):
        append(tmp_path / "r", EPOCH)
    assert (tmp_path / "r").read_bytes() == before


def test_a_file_too_large_for_records_is_refused_before_it_is_read(tmp_path, monkeypatch):
    append(tmp_path / "r", EPOCH)
    monkeypatch.setattr(records, "MAX_BYTES", 10)
    with pytest.raises(ValueError, match="records have at most 10: this is another file"):
        read(tmp_path / "r")


def test_records_need_no_torch():
    source = (
        "import importlib.util, sys; s = importlib.util.spec_from_file_location('r', sys.argv[1]); "
    )
    source += (
        "m = importlib.util.module_from_spec(s); s.loader.exec_module(m); sys.exit('torch' in"
        " sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-I", "-c", source, records.__file__], check=False
        ).returncode
        == 0
    )
