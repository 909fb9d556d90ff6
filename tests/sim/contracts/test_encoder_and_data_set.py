from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from biograd.data.datasets import DATASETS, ImageSet
from biograd.encoders import ENCODERS
from biograd.runs.experiment import Experiment

calls: list[str] = []  # methods of the parts below, in the order of their calls


@pytest.fixture(autouse=True)
def uncounted() -> None:
    calls.clear()


def always(x: Tensor, steps: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Fire at every step where there is anything."""
    calls.append("encoder")
    return (x > 0).to(x.dtype).expand(steps, *x.shape)


@pytest.mark.usefixtures("mnist")
def test_an_encoder_is_used_by_name_and_as_an_object(
    monkeypatch: pytest.MonkeyPatch,
    config: Any,
    by_name: Any,
    by_object: Any,
    same: Any,
) -> None:
    monkeypatch.setitem(ENCODERS, "always", always)
    weights, _ = by_name(dataclasses.replace(config, encoder="always"))
    assert calls.count("encoder") == 2 + 1  # two batches, 300 test images
    assert not same(weights, by_name(config)[0])
    calls.clear()
    weights, _ = by_object(encoder=always)
    assert calls.count("encoder") == 3 + 1 and not same(weights, by_object()[0])


def test_a_data_set_by_name_is_a_function_of_folder_split_and_progress(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, config: Any, images: Any
) -> None:
    def own(root: Any, split: str, progress: Any) -> ImageSet:
        calls.append(f"{root.name} {split}")
        progress("own", 1, 1)
        return images.subset(slice(0, 50 if split == "train" else 10))

    fetched: list[tuple[str, int, int]] = []
    monkeypatch.setitem(DATASETS, "own", own)
    config = dataclasses.replace(config, dataset="own", limit=0, data_folder=str(tmp_path))
    experiment = Experiment.from_config(config, progress=lambda *call: fetched.append(call))
    assert calls == [f"{tmp_path.name} train", f"{tmp_path.name} test"] and len(fetched) == 2
    assert experiment.net.sizes == (30, 12, 3)
    (record,) = experiment.trainer.run()
    assert record["samples"] == 50


class Pairs(NamedTuple):
    """Any object with images and labels."""

    x: Tensor
    y: Tensor


class Recorded:
    """Any object that gives spikes itself."""

    inputs = 30

    def __init__(self) -> None:
        self.y = torch.arange(60) % 3

    def spikes(self, members: Tensor, steps: int, *, augmentation: Any, generator: Any) -> Tensor:
        calls.append("spikes")
        fires = torch.arange(30) % 3 == self.y[members][:, None]
        return fires.float().expand(steps, *fires.shape)


def test_a_data_set_as_an_object_needs_images_or_spikes_and_labels(
    by_object: Any, same: Any, images: Any
) -> None:
    assert same(by_object(train_set=Pairs(images.x, images.y))[0], by_object()[0])
    _, record = by_object(train_set=Recorded())
    assert calls.count("spikes") == 3 + 1 and record["test_accuracy"] > 0.5
