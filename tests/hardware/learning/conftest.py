"""Small nets, and patterns to learn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from hardware.learning.emulator import learn
from hardware.learning.params import ChipLearningParams
from hardware.learning.sleep_params import ChipSleepParams
from hardware.learning.state import LearningState, start

Patterns = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def tiny() -> ChipLearningParams:
    """A net that learns from a few samples and sleeps often."""
    return ChipLearningParams(
        sizes=(20, 12, 4),
        vth=200,
        init=1.5,
        gain_hidden=255,
        shift_hidden=9,
        samples=40,
        margin_positive=1,
        margin_negative=0,
        sleep=ChipSleepParams(steps=40, every=3, before=2),
    )


@pytest.fixture
def longer(tiny: ChipLearningParams) -> ChipLearningParams:
    """The same net, set to learn patterns well from 600 samples."""
    return dataclasses.replace(
        tiny, samples=600, shift_hidden=14, margin_positive=3, margin_negative=2
    )


@pytest.fixture
def patterns() -> Callable[..., Patterns]:
    """A function that draws noisy prototypes, one per class: uint8 [n, 20], int64 [n]."""

    def draw(n: int, seed: int = 0) -> Patterns:
        prototypes = (np.random.default_rng(99).random((4, 20)) < 0.4) * 255.0
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 4, n)
        noisy = prototypes[labels] + rng.normal(0, 60, (n, 20))
        return np.clip(noisy, 0, 255).astype(np.uint8), labels

    return draw


@pytest.fixture
def taught(patterns: Callable[..., Patterns]) -> Callable[..., LearningState]:
    """A function that lets a new chip learn n patterns."""

    def teach(params: ChipLearningParams, n: int = 7) -> LearningState:
        state = start(params)
        list(learn(state, *patterns(n)))
        return state

    return teach
