"""Nights of a training run: when the network sleeps, and for how long."""

from __future__ import annotations

import torch

from ..sleep import SleepParams, first_night, sleep_phase
from .learners import Learner, SleepsOnce


def is_due(batches: int, params: SleepParams) -> bool:
    """Return whether a night follows after so many batches of the whole run.

    Example:
        >>> [is_due(batches, SleepParams(every=50)) for batches in (49, 50, 100)]
        [False, True, True]
    """
    return batches % params.every == 0


def night(
    learner: Learner, params: SleepParams, *, first: bool, generator: torch.Generator
) -> None:
    """Let the network sleep one night, where its feedback learns from sleep.

    Args:
        first: the night before training, which settles the scale of the feedback weights.
        generator: of the dreams; equal in all processes afterwards.
    """
    net, feedback = learner.net, learner.feedback
    shared = learner if isinstance(learner, SleepsOnce) else None
    if feedback.sleeps and (shared is None or shared.sleeps_here):
        if first:
            first_night(net, feedback, params, generator=generator)
        else:
            for _ in range(params.phases):
                sleep_phase(net, feedback, params, generator=generator)
    if shared is not None:
        shared.after_sleep(generator)
