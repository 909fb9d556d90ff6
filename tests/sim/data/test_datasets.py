"""Data sets by name: known names, the data folder, and validation splits."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch

from biograd.data import datasets
from biograd.data.datasets import load, validation_split
from biograd.data.image_sets import ImageSet
from biograd.data.verified_files import DataError


def images(n: int) -> ImageSet:
    x = torch.arange(n, dtype=torch.uint8)[:, None, None].expand(n, 28, 28)
    return ImageSet("some", "train", x, torch.arange(n) % 10, 10)


def test_an_unknown_set_or_split_lists_the_known_ones(tmp_path):
    with pytest.raises(DataError, match="no data set 'imagenet'; known: mnist, fashion"):
        load("imagenet", "train", root=tmp_path)
    with pytest.raises(DataError, match="no split 'valid' of mnist; known: train, test"):
        inspect.unwrap(load)("mnist", "valid", root=tmp_path)  # past the tests' own check of types


def test_the_folder_is_the_argument_or_the_variable_or_the_cache(tmp_path, monkeypatch):
    roots: list[Path] = []

    def some(root, split, progress):
        roots.append(root)
        return images(3)

    monkeypatch.setitem(datasets.DATASETS, "some", some)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("BIOGRAD_DATA", raising=False)
    load("some", "train")
    monkeypatch.setenv("BIOGRAD_DATA", str(tmp_path / "mine"))
    load("some", "train")
    load("some", "train", root=tmp_path / "named")
    assert roots == [tmp_path / folder for folder in ("cache/biograd", "mine", "named")]
    monkeypatch.delenv("BIOGRAD_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert datasets.data_folder() == tmp_path / ".cache/biograd"


def test_a_user_without_a_home_is_asked_to_name_the_data_folder(monkeypatch):
    def no_home(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    with pytest.raises(DataError, match=r"has no home: name another folder \(--data-folder"):
        load("mnist", "train")


def test_a_validation_split_loses_nothing_does_not_overlap_and_repeats():
    rest, chosen = validation_split(images(100), n=30, seed=3)
    assert (len(rest), len(chosen), chosen.split) == (70, 30, "validation")
    assert sorted(torch.cat((rest.x[:, 0, 0], chosen.x[:, 0, 0])).tolist()) == list(range(100))
    assert torch.equal(chosen.x, validation_split(images(100), n=30, seed=3)[1].x)
    assert not torch.equal(chosen.x, validation_split(images(100), n=30, seed=4)[1].x)


@pytest.mark.parametrize("n", [0, 100, -1])
def test_a_validation_split_that_leaves_a_part_empty_is_refused(n):
    with pytest.raises(ValueError, match="need 0 < n < 100"):
        validation_split(images(100), n=n)
