"""A data set of three classes, and spikes for one step, for every peer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from benchmarks.peers.baselines import BaselineParams, build
from biograd.data.augment import AugmentParams
from biograd.runs.config import RunConfig


class Blobs:
    """Three classes of 15-pixel images that differ in which pixels are bright."""

    def __init__(self, n: int = 120) -> None:
        generator = torch.Generator().manual_seed(3)
        self.y = torch.arange(n) % 3
        bright = torch.nn.functional.one_hot(torch.arange(15) % 3, 3).T.repeat(1, 1)[self.y].float()
        self.x = (
            (0.2 * torch.rand(n, 15, generator=generator) + 0.7 * bright).clamp(0, 1).view(n, 3, 5)
        )


@pytest.fixture(scope="session")
def blobs() -> Blobs:
    """The data set."""
    return Blobs()


@pytest.fixture(scope="session")
def config() -> RunConfig:
    """The run of every peer."""
    return RunConfig(
        hidden=(24, 16), epochs=10, batch=20, steps=8, lr=1e-2, augment=AugmentParams()
    )


@pytest.fixture(scope="session")
def spikes() -> torch.Tensor:
    """Random spikes of one batch, [8, 20, 15]."""
    return torch.bernoulli(
        torch.rand(8, 20, 15, generator=torch.Generator().manual_seed(0)),
        generator=torch.Generator().manual_seed(1),
    )


@pytest.fixture
def gradients(blobs, config, spikes) -> Callable[..., list[torch.Tensor]]:
    """The gradients of one step by a method, for the same spikes and initial weights."""

    def of(method: str, *, layered: bool = True) -> list[torch.Tensor]:
        trainer = build(config, BaselineParams(method=method, layered=layered), blobs, None)
        trainer.learner.step(spikes, blobs.y[:20])
        return [p.grad for p in trainer.learner.net.parameters()]

    return of
