"""Feedback paths: how the error reaches the apical compartments of every hidden layer."""

from collections.abc import Callable

from .direct import RandomDFA, SleepAligned, Symmetric
from .layered import (
    LayeredFeedback,
    LayeredRandom,
    LayeredSleep,
    LayeredSymmetric,
    sleep_aligned,
)
from .path import Feedback, feedback_angle, feedback_angles, true_path

FEEDBACK: dict[str, Callable[..., Feedback]] = {
    "sleep": sleep_aligned,
    "sleep-direct": SleepAligned,
    "sleep-layered": LayeredSleep,
    "dfa": RandomDFA,
    "random-layered": LayeredRandom,
    "symmetric": Symmetric,
    "symmetric-layered": LayeredSymmetric,
}

__all__ = [
    "FEEDBACK",
    "Feedback",
    "LayeredFeedback",
    "LayeredRandom",
    "LayeredSleep",
    "LayeredSymmetric",
    "RandomDFA",
    "SleepAligned",
    "Symmetric",
    "feedback_angle",
    "feedback_angles",
    "sleep_aligned",
    "true_path",
]
