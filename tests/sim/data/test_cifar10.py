"""CIFAR-10 from files of its published format, small or damaged ones refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biograd.data import cifar10 as module
from biograd.data.datasets import load
from biograd.data.verified_files import DataError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "IMAGES", 2)  # per file
    rng = np.random.default_rng(0)
    (tmp_path / "cifar10").mkdir()
    for number, name in enumerate((*module.FILES["train"], *module.FILES["test"])):
        records = rng.integers(0, 256, (2, module.RECORD), dtype=np.uint8)
        records[:, 0] = number, number + 1
        (tmp_path / "cifar10" / name).write_bytes(records.tobytes())
    return tmp_path


def test_records_are_a_label_and_planes_of_red_green_and_blue(folder: Path) -> None:
    images = load("cifar10", "train", root=folder)
    assert images.shape == (3, 32, 32) and images.y.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    first = (folder / "cifar10" / "data_batch_1.bin").read_bytes()
    assert images.x[0].flatten().tolist() == list(first[1 : module.RECORD])
    assert load("cifar10", "test", root=folder / "cifar10").y.tolist() == [5, 6]


def test_a_file_cut_short_or_with_other_labels_is_named(folder: Path) -> None:
    path = folder / "cifar10" / "test_batch.bin"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match=r"test_batch.bin has 6,145 bytes; need 6,146"):
        load("cifar10", "test", root=folder)
    path.write_bytes(b"\x0b" + content[1:])
    with pytest.raises(DataError, match="labels up to 11; CIFAR-10 has"):
        load("cifar10", "test", root=folder)


def test_an_archive_of_another_checksum_is_refused(tmp_path: Path) -> None:
    (tmp_path / module.ARCHIVE).write_bytes(b"not the archive")
    with pytest.raises(DataError, match=f"the published archive has {module.MD5}"):
        load("cifar10", "train", root=tmp_path)


def test_where_it_cannot_be_fetched_the_way_out_is_named(tmp_path, monkeypatch) -> None:
    def refuse(url: str, timeout: float) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(module.urllib.request, "urlopen", refuse)
    with pytest.raises(DataError, match=r"no route to host.*put it, or the files data_batch_1.bin"):
        load("cifar10", "train", root=tmp_path)
    assert not list((tmp_path / "cifar10").iterdir())  # nothing half-written
