"""Length and strength of the nights."""

from __future__ import annotations

from dataclasses import dataclass

from ..checks import real_fields, whole_fields


@dataclass(frozen=True, kw_only=True)
class SleepParams:
    """The nights of a training run.

    Example:
        >>> SleepParams(every=20).phases
        4
    """

    every: int = 50  # batches between two nights
    phases: int = 4  # phases per night; ours, from trials on MNIST, as all of these
    first_night: int = 100  # phases before training, at least 1: they settle the scale of w_fb
    steps: int = 1000  # time steps of one phase
    rate: float = 0.2  # spikes per step of the dreaming layer
    # standard deviation of the current noise of hidden neurons further on, thresholds
    noise: float = 0.6
    # pull of w_fb towards the coincidences per phase; ours: 0.05 left the first layer 4 degrees
    # further off
    decay: float = 0.02
    # fraction of the difference by which a neuron's running means follow per step (1/t while that
    # is more)
    eta: float = 0.02

    def __post_init__(self) -> None:
        whole_fields(self, "every", "steps", "first_night", table="sleep", least=1)
        whole_fields(self, "phases", table="sleep")
        real_fields(self, "noise", table="sleep", least=0, why="thresholds")
        why = "at most one spike per step"
        real_fields(self, "rate", table="sleep", above=0, below=1, why=why)
        real_fields(self, "decay", "eta", table="sleep", above=0, most=1)
