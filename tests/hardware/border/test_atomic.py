"""Files are written whole or not at all."""

from __future__ import annotations

import h5py
import pytest

from hardware.border.atomic import write_whole


def test_writing_leaves_nothing_behind_when_it_fails(tmp_path):
    (tmp_path / "kept").write_text("old")

    def fill(part):
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(tmp_path / "kept", fill)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"] and (
        tmp_path / "kept"
    ).read_text() == "old"


def test_a_whole_file_replaces_the_old_one_and_leaves_no_other(tmp_path):
    for text in ("old", "new"):
        write_whole(tmp_path / "kept", lambda part, text=text: part.write_text(text))
    assert (tmp_path / "kept").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_errors_other_than_the_systems_pass_through(tmp_path):
    with pytest.raises(ZeroDivisionError):
        write_whole(tmp_path / "never", lambda part: part.write_text("half") / 0)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named_with_the_systems_reason_also_by_hdf5(tmp_path):
    for fill in (lambda part: part.write_text("x"), lambda part: h5py.File(part, "w")):
        with pytest.raises(
            FileNotFoundError,
            match=r"^cannot write .*absent/model: No such file or directory; free space there, fix",
        ) as error:
            write_whole(tmp_path / "absent" / "model", fill)
        assert "\n" not in str(error.value)
