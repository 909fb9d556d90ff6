"""A small trainer, small sets of images, and comparisons of runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from biograd.data.augment import AugmentParams
from biograd.data.samples import Batch
from biograd.encoders import bernoulli
from biograd.feedback import FEEDBACK
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.sleep import SleepParams
from biograd.training.trainer import Trainer, TrainParams

IMAGES = Path(__file__).parents[2] / "mnist_test_images.npz"


@pytest.fixture(scope="session")
def digits() -> Callable[[str], Batch]:
    """Real digits: 700 of part "train", 300 of part "test"."""

    def read(part: str) -> Batch:
        with np.load(IMAGES, allow_pickle=False) as file:
            x, y = torch.from_numpy(file[f"{part}_x"]), torch.from_numpy(file[f"{part}_y"])
            return Batch(x, y.long())

    return read


@pytest.fixture(scope="session")
def patterns() -> Batch:
    """Fifty images of six by six pixels, three classes, each with a bright row of its own."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(50) % 3
    x = torch.randint(0, 90, (50, 6, 6), generator=generator, dtype=torch.uint8)
    x[torch.arange(50), 2 * y] += 120
    return Batch(x, y)


@pytest.fixture(scope="session")
def make_trainer(patterns: Batch) -> Callable[..., Trainer]:
    """Equal trainers, seven batches per epoch, with a random encoder and nights."""

    def make(
        train_set: Batch | None = None,
        *,
        feedback: str = "sleep",
        optimizer: Callable[..., Any] = torch.optim.Adam,
        **options: Any,
    ) -> Trainer:
        images = train_set or patterns
        generator = torch.Generator().manual_seed(0)
        sizes = (images.x[0].numel(), 12, 9, int(images.y.max()) + 1)
        net = Network(sizes, generator=generator)
        learner = LocalLearner(net, FEEDBACK[feedback](net, generator=generator))
        defaults = {
            "params": TrainParams(epochs=2, batch=8, steps=5),
            "sleep": SleepParams(every=3, phases=1, first_night=3, steps=60),
            "augmentation": AugmentParams(shift=1),
            "encoder": bernoulli,
            "test_set": images,
            "seed": 7,
        }
        steps = optimizer(net.parameters(), lr=2e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(steps, 14)
        return Trainer(learner, steps, images, scheduler=schedule, **(defaults | options))

    return make


@pytest.fixture(scope="session")
def weights_of() -> Callable[[Trainer], list[Tensor]]:
    """Copies of all weights of a trainer, forward and feedback."""

    def copy(trainer: Trainer) -> list[Tensor]:
        modules = (trainer.learner.net, trainer.learner.feedback)
        return [value.clone() for module in modules for value in module.state_dict().values()]

    return copy


@pytest.fixture(scope="session")
def without_times() -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """Records without their seconds, which differ between equal runs."""
    times = {"seconds", "night_seconds", "samples_per_second"}

    def drop(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {name: value for name, value in record.items() if name not in times}
            for record in records
        ]

    return drop
