"""Sets of images: subsets, the contract of every fetched set, and the few digits of the tests."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import urllib.request
from pathlib import Path
from urllib.error import URLError

import jaxtyping
import numpy as np
import pytest
import torch

from biograd.data import datasets, image_sets, verified_files
from biograd.data.datasets import load
from biograd.data.idx import format_idx
from biograd.data.image_sets import ImageSet
from biograd.data.verified_files import DataError


@pytest.mark.parametrize("indices", [[4, 1], torch.tensor([4, 1]), slice(1, 3)])
def test_a_subset_keeps_pictures_and_classes_together(indices):
    x = torch.arange(10, dtype=torch.uint8)[:, None, None].expand(10, 28, 28)
    part = ImageSet("some", "train", x, torch.arange(10), 10).subset(indices)
    expected = [1, 2] if isinstance(indices, slice) else [4, 1]
    assert part.y.tolist() == part.x[:, 0, 0].tolist() == expected


def test_one_sample_is_an_image_and_its_label_and_a_loader_makes_batches_of_them():
    images = ImageSet("some", "train", torch.rand(6, 4, 5), torch.arange(6), 6)
    x, y = images[4]
    assert torch.equal(x, images.x[4]) and y == 4
    batches = list(torch.utils.data.DataLoader(images, batch_size=4))
    assert torch.equal(torch.cat([x for x, _ in batches]), images.x)
    assert torch.cat([y for _, y in batches]).tolist() == list(range(6))
    with pytest.raises(ValueError, match=r"index is 6; need 0 \.\. 5"):
        images[6]


@pytest.mark.parametrize(
    ("shape", "layout"), [((20,), (1, 1, 20)), ((4, 5), (1, 4, 5)), ((3, 4, 5), (3, 4, 5))]
)
def test_the_layout_of_images_has_planes_rows_and_columns(shape, layout):
    images = ImageSet("some", "train", torch.zeros(2, *shape), torch.zeros(2, dtype=torch.int), 1)
    assert images.shape == layout


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"x": torch.zeros(5, 4)}, ValueError, "there are 5 images and 6 labels"),
        ({"x": torch.zeros(6)}, ValueError, r"images have the shape \(6,\); need"),
        ({"x": torch.zeros(6, 0)}, ValueError, r"images have the shape \(6, 0\)"),
        ({"x": torch.full((6, 4), 1.5)}, ValueError, r"outside 0\.\.1 or not finite: scale them"),
        ({"x": torch.full((6, 4), float("nan"))}, ValueError, "not finite"),
        ({"x": torch.zeros(6, 4, dtype=torch.int64)}, ValueError, "images are torch.int64"),
        ({"y": torch.arange(1, 7)}, ValueError, r"labels run from 1 to 6; need 0 \.\. 5: count"),
        ({"classes": -1}, ValueError, "ImageSet.classes is -1; need at least 1 class"),
        ({"classes": 6.0}, TypeError, "ImageSet.classes is 6.0, a float; need a whole number"),
        ({"x": [[0.0] * 4] * 6}, TypeError, r"images are .*; need a dense torch.Tensor"),
        ({"split": None}, TypeError, "split is None; need a short name"),
    ],
)
def test_fields_that_do_not_fit_are_refused_in_one_line(changes, error, message, monkeypatch):
    # as users run: the check of types would speak first
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    fields = {"x": torch.zeros(6, 4), "y": torch.arange(6), "classes": 6, "split": "train"}
    with pytest.raises(error, match=message) as refused:
        ImageSet("some", **fields | changes)
    assert "\n" not in str(refused.value)


def test_every_fetched_set_keeps_the_contract(tmp_path, monkeypatch):
    """Real names, files and checks; the bytes of the mirrors replaced by blank pictures."""
    counts = {"train": 60_000, "t10k": 10_000}
    blank = {}
    for part, n in counts.items():
        blank[f"{part}-images-idx3-ubyte"] = format_idx(np.zeros((n, 28, 28), np.uint8))
        blank[f"{part}-labels-idx1-ubyte"] = format_idx(np.zeros(n, np.uint8))
    names = {hashlib.md5(content).hexdigest(): name for name, content in blank.items()}
    monkeypatch.setattr(image_sets, "from_mirror", lambda base, sizes: lambda progress: blank)
    asked = set()

    def fault(content, file):
        asked.add(file.md5)
        right = names[hashlib.md5(content).hexdigest()] == file.name and len(content) == file.size
        return "" if right else "is not as it should be"

    monkeypatch.setattr(verified_files, "_fault", fault)
    for name in datasets.FETCHED:
        part = datasets.DATASETS[name](tmp_path, "test", lambda what, done, total: None)
        assert isinstance(part, ImageSet)
        assert (part.name, part.split, part.x.shape) == (name, "test", (10_000, 28, 28))
    assert len(asked) == 4 * len(datasets.FETCHED)


@pytest.fixture
def offline(monkeypatch):
    """No network: neither addresses nor tools answer."""

    def unreachable(*args, **kwargs):
        raise URLError("Name or service not known")

    def failing(command, **kwargs):
        text = "WARNING: retrying\nERROR: no connection\n"
        return subprocess.CompletedProcess(command, 1, "", text)

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setattr(subprocess, "run", failing)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")


@pytest.mark.parametrize("name", ["mnist", "fashion"])
def test_without_network_the_error_lists_what_was_tried_and_where_files_go(name, tmp_path, offline):
    with pytest.raises(DataError) as error:
        load(name, "train", root=tmp_path)
    text = str(error.value)
    folder = str(tmp_path / name)
    for part in ("amazonaws.com", "ERROR: no connection", "train-images-idx3-ubyte", folder):
        assert part in text
    assert "\n" not in text and "WARNING" not in text
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_images_for_tests_are_what_their_readme_says():
    with np.load(Path(__file__).parents[2] / "mnist_test_images.npz") as few:
        assert few["train_x"].shape == (700, 28, 28) and few["test_x"].shape == (300, 28, 28)
        assert few["train_x"].dtype == np.uint8
        assert np.bincount(few["train_y"]).tolist() == [70] * 10
        assert np.bincount(few["test_y"]).tolist() == [30] * 10
