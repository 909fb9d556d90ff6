"""The simulated data set: made once, damaged files named, and *simulated* everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from biograd.data import datasets
from biograd.data.datasets import ImageSet, load
from biograd.data.events.camera import camera, simulate
from biograd.data.events.nmnist import SIMULATED, nmnist
from biograd.data.events.sets import EventSet
from biograd.data.events.simulated import NAME, write_files

IMAGES = Path(__file__).parents[3] / "mnist_test_images.npz"


def digits(n: int) -> np.ndarray:
    with np.load(IMAGES, allow_pickle=False) as file:
        return file["train_x"][:n]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """MNIST is 30 digits of it."""

    def mnist(root: Path, split: str, progress: object) -> ImageSet:
        return ImageSet("mnist", split, torch.from_numpy(digits(30)), torch.arange(30) % 10, 10)

    monkeypatch.setitem(datasets.DATASETS, "mnist", mnist)


def test_the_data_set_is_made_once_and_read_again(
    tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, int, int]] = []
    monkeypatch.setattr("biograd.data.events.simulated.CHUNK", 10)
    first = load(NAME, "test", root=tmp_path, progress=lambda *step: steps.append(step))
    assert isinstance(first, EventSet) and (len(first), first.name, first.inputs, first.window) == (
        30,
        NAME,
        2312,
        300_000,
    )
    assert [what for what, _, _ in steps] == ["simulating test.events"] * 3
    assert steps[-1][1] == steps[-1][2]
    alone = simulate(digits(30)[7], 7, camera())
    assert all(np.array_equal(a, b) for a, b in zip(first.events(7), alone, strict=True))
    monkeypatch.setitem(datasets.DATASETS, "mnist", None)  # asked again, it would fail
    again = load(NAME, "test", root=tmp_path)
    assert torch.equal(first.spikes(torch.arange(30), 4), again.spikes(torch.arange(30), 4))
    assert sorted(path.name for path in (tmp_path / NAME).iterdir()) == [
        "test.events",
        "test.index.npz",
    ]


def test_damaged_files_say_how_to_get_whole_ones(tmp_path: Path, few: None) -> None:
    load(NAME, "test", root=tmp_path)
    events, index = tmp_path / NAME / "test.events", tmp_path / NAME / "test.index.npz"
    whole = events.read_bytes()
    events.write_bytes(whole[:-5])
    with pytest.raises(
        ValueError,
        match=(
            r"test\.events holds .* bytes where its index says .*: delete .* and it is made again"
        ),
    ):
        load(NAME, "test", root=tmp_path)
    events.write_bytes(whole)
    index.write_bytes(index.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"test\.index\.npz is damaged .*: delete"):
        load(NAME, "test", root=tmp_path)


def test_written_as_files_it_reads_as_n_mnist_does_but_not_under_its_name(
    tmp_path: Path, few: None
) -> None:
    members = load(NAME, "test", root=tmp_path)
    assert write_files(members, tmp_path / "tree", lambda what, done, total: None) == 30
    assert "SIMULATED from MNIST" in (tmp_path / "tree" / SIMULATED).read_text()
    files = nmnist(tmp_path / "tree", "test")
    order = [int(path.stem) - 1 for path in files.recordings.paths]
    assert sorted(order) == list(range(30)) and files.y.tolist() == members.y[order].tolist()
    assert all(
        np.array_equal(a, b) for a, b in zip(files.events(5), members.events(order[5]), strict=True)
    )
    with pytest.raises(ValueError, match="is there already"):
        write_files(members, tmp_path / "tree", lambda what, done, total: None)
