"""The doors that are advertised are open: parts defined in a test are used as they are written.

Each kind of part is used by name, through a run's configuration (`by_name`), and as an object,
through `LocalLearner` and `Trainer` (`by_object`). A fast path that took its place would show:
calls are counted, and results are held against those of the stock parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from biograd.data.datasets import ImageSet
from biograd.encoders import bernoulli
from biograd.feedback import Feedback, RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import Neuron
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment
from biograd.sleep import SleepParams
from biograd.training.trainer import Trainer, TrainParams

Trained = tuple[list[Tensor], dict[str, Any]]  # weights, and the epoch's record (any: JSON)
NIGHTS = SleepParams(every=1, phases=1, first_night=2, steps=20)


@pytest.fixture
def nights() -> SleepParams:
    """Two phases before training, and one after every batch."""
    return NIGHTS


@pytest.fixture
def config() -> RunConfig:
    """Two batches, two layers, five steps, and feedback that does not sleep."""
    return RunConfig(
        hidden=(12,),
        epochs=1,
        batch=50,
        limit=100,
        steps=5,
        threads=1,
        feedback="dfa",
        sleep=NIGHTS,
    )


@pytest.fixture
def by_name() -> Callable[[RunConfig], Trained]:
    """Train by the words of a configuration."""

    def run(config: RunConfig) -> Trained:
        experiment = Experiment.from_config(config)
        (record,) = experiment.trainer.run()
        return list(experiment.net.parameters()), record

    return run


@pytest.fixture
def images() -> ImageSet:
    """60 images of 30 pixels, in three classes."""
    x = torch.rand(60, 30, generator=torch.Generator().manual_seed(0))
    return ImageSet("random", "train", x, torch.arange(60) % 3, 3)


@pytest.fixture
def by_object(images: ImageSet) -> Callable[..., Trained]:
    """Train by objects: three batches, two layers, ten steps."""

    def run(
        *,
        neuron: Neuron | None = None,
        feedback: type[Feedback] = RandomDFA,
        train_set: Any = images,
        encoder: Any = bernoulli,
        **parts: Any,
    ) -> Trained:
        first, second = (torch.Generator().manual_seed(seed) for seed in (1, 2))
        net = Network((30, 12, 3), neuron=neuron, generator=first)
        for layer in net.layers:
            layer.w *= 3  # so that all layers fire
        trainer = Trainer(
            LocalLearner(net, feedback(net, generator=second), **parts),
            torch.optim.SGD(net.parameters(), lr=0.1),
            train_set,
            params=TrainParams(epochs=1, batch=20),
            test_set=train_set,
            encoder=encoder,
            sleep=NIGHTS,
        )
        (record,) = trainer.run()
        return list(net.parameters()), record

    return run


@pytest.fixture
def same() -> Callable[[list[Tensor], list[Tensor]], bool]:
    """Tell whether two lists of weights are equal to the bit."""

    def compare(first: list[Tensor], second: list[Tensor]) -> bool:
        return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))

    return compare
