"""A user's own samples from .npz files and folders of images, and how they are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from biograd.data.datasets import load
from biograd.data.image_sets import ImageSet
from biograd.data.spike_sets import SpikeSet
from biograd.data.verified_files import DataError
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment


def arrays(x: np.ndarray, y: np.ndarray | None = None) -> dict[str, np.ndarray]:
    labels = np.arange(len(x)) % 2 if y is None else y
    return {"x_train": x, "y_train": labels, "x_test": x[:4], "y_test": labels[:4]}


def saved(folder: Path, **parts: np.ndarray) -> str:
    np.savez(folder / "my.npz", **parts)
    return str(folder / "my.npz")


def test_images_numbers_and_spikes_come_as_they_are(tmp_path: Path) -> None:
    grey = np.arange(8 * 6, dtype=np.uint8).reshape(8, 3, 2)
    images = load(saved(tmp_path, **arrays(grey)), "train")
    assert isinstance(images, ImageSet) and torch.equal(images.x, torch.from_numpy(grey))
    assert images.shape == (1, 3, 2) and images.classes == 2

    numbers = np.linspace(-3, 5, 16, dtype=np.float64).reshape(8, 2)
    scaled = load(saved(tmp_path, **arrays(numbers)), "train")
    assert scaled.x.min() == 0 and scaled.x.max() == 1 and scaled.x.shape == (8, 2)

    spikes = np.random.default_rng(0).random((8, 5, 2, 4, 3)) < 0.3
    trains = load(saved(tmp_path, **arrays(spikes)), "test")
    assert isinstance(trains, SpikeSet) and trains.shape == (2, 4, 3)
    assert torch.equal(trains.s, torch.from_numpy(spikes[:4]).flatten(2))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.float32])
def test_labels_of_any_whole_number_type_and_one_hot_rows_are_classes(tmp_path, dtype) -> None:
    x, y = np.zeros((6, 2, 2), np.uint8), np.array([0, 2, 1, 2, 0, 1])
    plain = load(saved(tmp_path, **arrays(x, y.astype(dtype))), "train")
    hot = load(saved(tmp_path, **arrays(x, np.eye(3, dtype=dtype)[y])), "train")
    assert plain.y.tolist() == hot.y.tolist() == y.tolist()
    assert plain.classes == hot.classes == 3


def test_numbers_of_the_test_set_beyond_the_training_range_are_cut_to_it(tmp_path: Path) -> None:
    parts = arrays(np.linspace(0, 10, 8, dtype=np.float32).reshape(8, 1))
    parts["x_test"] = np.array([[-5.0], [5.0], [20.0], [10.0]], np.float32)
    assert load(saved(tmp_path, **parts), "test").x.flatten().tolist() == [0, 0.5, 1, 1]


X = np.zeros((8, 3, 2), np.uint8)
FAULTS = {
    "no y_test": ({k: v for k, v in arrays(X).items() if k != "y_test"}, "no y_test"),
    "labels of other length": (arrays(X) | {"y_train": np.arange(7)}, "need one label per sample"),
    "other sizes": (arrays(X) | {"x_test": np.zeros((4, 2, 2), np.uint8)}, "need one shape"),
    "fractions": (arrays(X) | {"y_train": np.full(8, 0.5)}, "whole numbers"),
    "negative": (arrays(X) | {"y_train": np.full(8, -1)}, "need classes of 0 or more"),
    "nan": (arrays(np.full((8, 2), np.nan)), "holds 16 values that are not finite"),
    "words": (arrays(X) | {"y_train": np.array(["a"] * 8)}, "need numbers"),
    "objects": (arrays(X) | {"y_train": np.array([None] * 8, object)}, "cannot be read"),
    "empty": (arrays(X) | {"x_train": X[:0], "y_train": np.arange(0)}, "at least one sample"),
    "one axis": (arrays(np.zeros(8, np.uint8)), "need \\[n, ...\\]"),
    "spikes of two axes": (arrays(np.zeros((8, 3), bool)), "spikes need"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_does_not_serve_is_refused_in_one_line(tmp_path: Path, fault: str) -> None:
    parts, message = FAULTS[fault]
    with pytest.raises(DataError, match=message) as refusal:
        load(saved(tmp_path, **parts), "train")
    assert "\n" not in str(refusal.value) and "my.npz" in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive at all"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "my.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read as an \.npz file"):
        load(str(path), "train")


def a_folder(root: Path, mode: str = "L") -> Path:
    for split in ("train", "test"):
        for value, name in ((0, "cats"), (200, "dogs")):
            folder = root / "pets" / split / name
            folder.mkdir(parents=True)
            for number in range(2):
                Image.new(mode, (5, 4), value if mode == "L" else (value, 1, 2)).save(
                    folder / f"{number}.png"
                )
            (folder / ".DS_Store").write_bytes(b"x")
    return root / "pets"


@pytest.mark.parametrize(("mode", "shape"), [("L", (1, 4, 5)), ("RGB", (3, 4, 5))])
def test_a_folder_of_images_per_class_is_a_set(tmp_path: Path, mode: str, shape: tuple) -> None:
    images = load(str(a_folder(tmp_path, mode)), "train")
    assert isinstance(images, ImageSet) and images.shape == shape and images.name == "pets"
    assert images.y.tolist() == [0, 0, 1, 1] and images.classes == 2
    assert images.x.flatten(1)[:, 0].tolist() == [0, 0, 200, 200]


def test_images_of_mixed_sizes_broken_ones_and_unknown_classes_are_named(tmp_path: Path) -> None:
    pets = a_folder(tmp_path)
    odd = pets / "train" / "dogs" / "odd.png"
    Image.new("L", (6, 4)).save(odd)
    with pytest.raises(DataError, match=r"odd.png has the shape \(4, 6\)"):
        load(str(pets), "train")
    odd.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"odd\.png cannot be read as an image"):
        load(str(pets), "train")
    (pets / "test" / "mice").mkdir()
    with pytest.raises(DataError, match="classes without training images: mice"):
        load(str(pets), "test")


def test_a_path_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match=r"there is no data set nowhere.npz"):
        load("nowhere.npz", "train")


def test_a_run_learns_ones_own_spikes_in_maps_with_a_convolution(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    own = y[:, None, None, None, None] == np.arange(2)[:, None, None]  # each class has its plane
    rates = np.where(own, 0.6, 0.1)
    spikes = rng.random((40, 6, 2, 5, 5)) < rates
    path = saved(tmp_path, x_train=spikes, y_train=y, x_test=spikes, y_test=y)
    config = RunConfig(
        dataset=path, encoder="events", net="4c3s2-2", steps=6, epochs=8, batch=10, lr=0.02
    )
    experiment = Experiment.from_config(config)
    assert experiment.net.shapes == [(2, 5, 5), (4, 3, 3), (2,)]
    assert list(experiment.trainer.run())[-1]["test_accuracy"] >= 0.9
