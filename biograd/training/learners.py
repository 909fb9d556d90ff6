"""The interface between the training loop and learners."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ..feedback import Feedback
from ..learning.learner import StepResult
from ..network import Network


@runtime_checkable
class Learner(Protocol):
    """A learner that `Trainer` can train: `LocalLearner`, or another way to learn a network.

    Two attributes are optional: `readout`, the meaning of the output's spikes (classes without it),
    and `by_events`, true where `step` also takes packed spikes.
    """

    @property
    def net(self) -> Network: ...
    @property
    def feedback(self) -> Feedback: ...
    @property
    def threads(self) -> int: ...
    def step(self, spikes: Tensor, labels: Tensor) -> StepResult: ...


@runtime_checkable
class SleepsOnce(Protocol):
    """A learner shared by several processes, of which one sleeps for all."""

    @property
    def sleeps_here(self) -> bool:
        """True in the process that sleeps."""
        ...

    def after_sleep(self, generator: torch.Generator) -> None:
        """Take over weights and random numbers from the process that slept."""
        ...
