"""Networks and images for the tests of the drawing page."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from biograd.data.datasets import ImageSet
from biograd.deployment import chip_spikes
from biograd.drawing import html
from biograd.feedback import RandomDFA
from biograd.interop.nir import to_model
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.training.trainer import Trainer, TrainParams
from hardware.border.model import LayerModel, Model
from hardware.fixed_point import FixedPointModel, quantise

IMAGES = Path(__file__).parents[2] / "mnist_test_images.npz"
SIZES = (784, 60, 40, 10)


class Net(NamedTuple):
    """A model and its integers."""

    model: Model
    fixed: FixedPointModel

    def page(self, images: ImageSet, **changes) -> str:
        """The page of the network, with these images to pick from."""
        net = html.network(self.fixed, model=self.model)
        return html.render(net, images.x.numpy(), images.y.numpy(), **changes)


@pytest.fixture(scope="session")
def images():
    """A function of split and number that returns the first images."""

    def first(split: str, count: int | None = None) -> ImageSet:
        with np.load(IMAGES, allow_pickle=False) as file:
            x = torch.from_numpy(file[f"{split}_x"])
            y = torch.from_numpy(file[f"{split}_y"].astype(np.int64))
        return ImageSet("mnist", split, x[:count], y[:count], 10)

    return first


@pytest.fixture(scope="session")
def untrained(images) -> Net:
    """A net of two hidden layers, in which a few neurons of each layer fire."""
    generator = np.random.default_rng(3)
    layers = [
        LayerModel(
            w=generator.normal(0.0, 1.5 / math.sqrt(n_in), (out, n_in)),
            bias=generator.normal(0.0, 0.1, out),
            alpha_a=0.5,
            w_fb=generator.normal(size=(out, 10)) if out > 10 else None,
        )
        for n_in, out in itertools.pairwise(SIZES)
    ]
    model = Model(layers=tuple(layers), steps=10)
    return Net(model, quantise(model, calibration=chip_spikes(model, images("train", 100))))


@pytest.fixture(scope="session")
def trained(images) -> Net:
    """A net that has seen the 700 training images six times."""
    net = Network(SIZES, generator=torch.Generator().manual_seed(0))
    learner = LocalLearner(net, RandomDFA(net, generator=torch.Generator().manual_seed(1)))
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
    params = TrainParams(epochs=6, batch=20, steps=10)
    for _ in Trainer(learner, optimizer, images("train"), params=params).run():
        pass
    model = to_model(net, learner.feedback, steps=10, encoder="integrate_and_fire", info={})
    return Net(model, quantise(model, calibration=chip_spikes(model, images("train", 100))))


def _arc(
    cx: float, cy: float, rx: float, ry: float, first: float, last: float
) -> list[list[float]]:
    """An arc of an ellipse between two angles, degrees, y downwards."""
    turns = np.radians(np.linspace(first, last, 25))
    points = zip(cx + rx * np.cos(turns), cy + ry * np.sin(turns), strict=True)
    return [[float(x), float(y)] for x, y in points]


@pytest.fixture(scope="session")
def drawn() -> list[list[list[list[float]]]]:
    """The ten digits, each as strokes of points."""
    return [
        [_arc(0.5, 0.5, 0.28, 0.4, -90, 270)],
        [[[0.5, 0.1], [0.5, 0.9]]],
        [[*_arc(0.5, 0.3, 0.25, 0.2, 180, 380), [0.25, 0.9], [0.78, 0.88]]],
        [_arc(0.45, 0.3, 0.25, 0.2, -160, 80) + _arc(0.45, 0.7, 0.28, 0.2, -80, 150)],
        [[[0.3, 0.1], [0.25, 0.5], [0.75, 0.5]], [[0.7, 0.1], [0.65, 0.9]]],
        [[[0.75, 0.1], [0.35, 0.1], [0.3, 0.45], *_arc(0.45, 0.65, 0.28, 0.22, -100, 140)]],
        [[[0.6, 0.1], [0.35, 0.45], *_arc(0.5, 0.7, 0.2, 0.2, 180, -180)]],
        [[[0.25, 0.12], [0.75, 0.12], [0.45, 0.9]]],
        [_arc(0.5, 0.3, 0.18, 0.18, 90, 450) + _arc(0.5, 0.7, 0.22, 0.2, -90, 270)],
        [[*_arc(0.5, 0.3, 0.2, 0.2, 0, 360), [0.66, 0.9]]],
    ]
