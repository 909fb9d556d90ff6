"""Files held against checksums: found or fetched, and every failure reported in one line."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from biograd.data import datasets
from biograd.data.datasets import load
from biograd.data.idx import format_idx
from biograd.data.image_sets import load_idx_set
from biograd.data.verified_files import DataError, IdxFile

PICTURES = np.random.default_rng(1).integers(0, 256, (12, 28, 28), dtype=np.uint8)
CLASSES = np.arange(12, dtype=np.uint8) % 10
BYTES = {
    "train-images": format_idx(PICTURES[:8]),
    "train-labels": format_idx(CLASSES[:8]),
    "test-images": format_idx(PICTURES[8:]),
    "test-labels": format_idx(CLASSES[8:]),
}
FILES = {
    (split, part): IdxFile(name, len(BYTES[name]), hashlib.md5(BYTES[name]).hexdigest())
    for split in ("train", "test")
    for part, name in (("x", f"{split}-images"), ("y", f"{split}-labels"))
}
IMAGES = BYTES["train-images"]


class Mirror:
    """A source in memory that counts how often it is asked."""

    def __init__(self):
        self.content, self.fault, self.asked = dict(BYTES), None, 0

    def __call__(self, progress):
        self.asked += 1
        if self.fault:
            raise self.fault
        progress("tiny", 5, 10)
        return dict(self.content)


@pytest.fixture
def mirrors(monkeypatch):
    """A data set `tiny` with two sources in memory."""
    sources = {"first": Mirror(), "second": Mirror()}

    def tiny(root, split, progress):
        return load_idx_set("tiny", root / "tiny", split, FILES, sources, progress)

    monkeypatch.setitem(datasets.DATASETS, "tiny", tiny)
    return sources


def one_line(error) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def leftovers(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.rglob("*") if path.is_file() and path.name not in BYTES
    )


def test_a_fetched_set_holds_the_pictures_and_their_classes(tmp_path, mirrors):
    train, test = load("tiny", "train", root=tmp_path), load("tiny", "test", root=tmp_path)
    assert torch.equal(train.x, torch.from_numpy(PICTURES[:8].copy()))
    assert torch.equal(test.y, torch.tensor([8, 9, 0, 1]))
    assert (train.x.dtype, train.y.dtype) == (torch.uint8, torch.int64)
    assert (len(train), train.classes, test.split) == (8, 10, "test")


def test_a_second_load_asks_no_source(tmp_path, mirrors):
    load("tiny", "train", root=tmp_path)
    load("tiny", "test", root=str(tmp_path))
    assert (mirrors["first"].asked, mirrors["second"].asked) == (1, 0)
    assert leftovers(tmp_path) == []


def test_progress_is_reported_while_fetching(tmp_path, mirrors):
    calls = []
    load("tiny", "train", root=tmp_path, progress=lambda *step: calls.append(step))
    assert calls == [("tiny", 5, 10)]


def test_the_second_source_serves_when_the_first_fails_or_gives_other_bytes(tmp_path, mirrors):
    first = mirrors["first"]
    first.fault = TimeoutError("timed out")
    assert len(load("tiny", "train", root=tmp_path / "a")) == 8
    first.fault, first.content = None, BYTES | {"test-labels": b"something else"}
    assert len(load("tiny", "train", root=tmp_path / "b")) == 8 and mirrors["second"].asked == 2


def test_files_of_the_user_are_taken_plain_or_gzipped(tmp_path, mirrors):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny/train-images.gz").write_bytes(gzip.compress(IMAGES))
    (tmp_path / "tiny/train-labels").write_bytes(BYTES["train-labels"])
    assert len(load("tiny", "train", root=tmp_path)) == 8 and mirrors["first"].asked == 0


@pytest.mark.parametrize("damage", [b"", IMAGES[:-1], IMAGES[:-1] + b"x", IMAGES + b"x"])
def test_a_damaged_file_is_fetched_again_and_kept_aside(tmp_path, mirrors, damage):
    load("tiny", "train", root=tmp_path)
    (tmp_path / "tiny/train-images").write_bytes(damage)
    again = load("tiny", "train", root=tmp_path)
    assert torch.equal(again.x, torch.from_numpy(PICTURES[:8].copy()))
    assert (tmp_path / "tiny/train-images.damaged").read_bytes() == damage
    assert mirrors["first"].asked == 2


def test_a_damaged_file_without_network_is_named_with_both_checksums_and_left_alone(
    tmp_path, mirrors
):
    load("tiny", "train", root=tmp_path)
    path, cut = tmp_path / "tiny/train-images", IMAGES[:100]
    path.write_bytes(cut)
    for mirror in mirrors.values():
        mirror.fault = OSError("no route\n to host")
    with pytest.raises(DataError) as error:
        load("tiny", "train", root=tmp_path)
    text = one_line(error)
    checksums = (hashlib.md5(cut).hexdigest(), FILES["train", "x"].md5)
    for part in (str(path), *checksums, "100 of 6,288", "first (no route to host)"):
        assert part in text
    assert path.read_bytes() == cut and leftovers(tmp_path) == []


def test_a_cut_gzip_is_named(tmp_path, mirrors):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny/train-images.gz").write_bytes(gzip.compress(IMAGES)[:50])
    mirrors["first"].fault = mirrors["second"].fault = OSError("down")
    with pytest.raises(DataError, match=r"train-images\.gz is not a whole gzip file"):
        load("tiny", "train", root=tmp_path)


def test_a_full_disk_is_reported_before_anything_is_fetched(tmp_path, mirrors, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(OSError, match="0 MB free") as error:
        load("tiny", "train", root=tmp_path)
    assert "BIOGRAD_DATA" in one_line(error) and mirrors["first"].asked == 0


def test_a_disk_that_fills_up_while_writing_leaves_nothing_behind(tmp_path, mirrors, monkeypatch):
    written = []

    def full(handle):
        written.append(handle)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as error:
        load("tiny", "train", root=tmp_path)
    assert str(tmp_path / "tiny") in one_line(error) and leftovers(tmp_path) == []


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path, mirrors):
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(OSError, match="cannot write") as error:
        load("tiny", "train", root=tmp_path / "data")
    assert "another folder" in one_line(error) and mirrors["first"].asked == 0


def test_two_threads_at_once_both_get_the_data(tmp_path, monkeypatch):
    meet = threading.Barrier(2)

    def source(progress):
        meet.wait(10)  # both have found the folder empty, and write at the same time
        return dict(BYTES)

    def tiny(root, split, progress):
        return load_idx_set("tiny", root, split, FILES, {"one": source}, progress)

    monkeypatch.setitem(datasets.DATASETS, "tiny", tiny)
    sets = []
    threads = [
        threading.Thread(target=lambda: sets.append(load("tiny", "train", root=tmp_path)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(part) for part in sets] == [8, 8] and leftovers(tmp_path) == []
