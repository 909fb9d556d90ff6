"""Atomic files: whole or not at all."""

import os

import pytest

from biograd.files import atomic_write


def test_bytes_and_functions_are_written_and_folders_made(tmp_path):
    atomic_write(tmp_path / "a/b/one", b"new")
    atomic_write(tmp_path / "a/b/one", lambda file: file.write(b"newer"))
    assert (tmp_path / "a/b/one").read_bytes() == b"newer" and os.listdir(tmp_path / "a/b") == [
        "one"
    ]


def test_a_function_that_fails_half_way_leaves_the_old_file(tmp_path):
    atomic_write(tmp_path / "one", b"old")

    def failing(file):
        file.write(b"half")
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        atomic_write(tmp_path / "one", failing)
    assert (tmp_path / "one").read_bytes() == b"old" and os.listdir(tmp_path) == ["one"]


def test_an_error_of_the_system_keeps_its_type_and_names_the_file(tmp_path):
    (tmp_path / "one").mkdir()
    with pytest.raises(
        IsADirectoryError, match=r"cannot write .*one: Is a directory; free space there"
    ) as error:
        atomic_write(tmp_path / "one", b"new")
    assert "\n" not in str(error.value) and os.listdir(tmp_path) == ["one"]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileExistsError, match="cannot write"):
        atomic_write(tmp_path / "file/one", b"")
