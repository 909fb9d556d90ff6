"""Arrays of .npz files are read within stated sizes, and never unpickled."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hardware.border import archive


def forged(tmp_path, name: str, header: bytes) -> Path:
    """An .npz whose array `name` has the given .npy header, in Python's own notation."""
    path = tmp_path / "forged.npz"
    with zipfile.ZipFile(path, "w") as file:
        text = header.ljust(117) + b"\n"
        file.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
    return path


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000000, 1000), }",
            "the file holds",
        ),
        (
            b"{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 2, 2), }",
            r"has shape \(-1, 2, 2\)",
        ),
        (
            b"{'descr': '|O', 'fortran_order': False, 'shape': (1, 1, 1), }",
            "pickled objects are never read",
        ),
        (
            b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1, 1, 1), }",
            "pickled objects are never read",
        ),
        (b"{'descr': '|u1', __import__('os').abort()}", "not a readable .npz"),
        (b"no header at all", "not a readable .npz"),
    ],
)
def test_an_npz_with_a_forged_header_is_refused_before_memory_is_taken(tmp_path, header, message):
    with pytest.raises(ValueError, match=message):
        archive.read_npz(forged(tmp_path, "spikes", header))


def test_an_npz_with_pickled_objects_is_never_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (json.loads, ("[broken",))

    np.savez(tmp_path / "bomb.npz", spikes=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match="pickled objects are never read"):
        archive.read_npz(tmp_path / "bomb.npz")


def test_an_npz_cut_short_or_no_npz_at_all_is_refused(tmp_path):
    path = tmp_path / "spikes.npz"
    archive.write_npz(path, {"spikes": np.ones(750, np.uint8)})
    whole = path.read_bytes()
    for content in (b"", b"PK", whole[: len(whole) // 2], whole[:-5], b"\x93NUMPY"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"not a readable \.npz file"):
            archive.read_npz(path)


def test_a_zip_bomb_is_refused_by_its_announced_size(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    archive.write_npz(path, {"spikes": np.ones(750, np.uint8)})
    monkeypatch.setattr(archive, "MAX_BYTES", 700)
    with pytest.raises(ValueError, match=r"unpacks to 878 bytes; at most 700 are read"):
        archive.read_npz(path)
