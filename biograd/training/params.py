"""Parameters of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field

from .repetition import RepetitionParams


@dataclass(frozen=True, kw_only=True)
class TrainParams:
    """Length of a training run, and the sizes of its batches and samples.

    Example:
        >>> TrainParams(epochs=2, batch=32).steps
        10
    """

    epochs: int = 20  # passes over the training samples
    batch: int = 100  # samples per update
    steps: int = 10  # time steps per sample, T
    # samples with sure answers rest
    repetition: RepetitionParams = field(default_factory=RepetitionParams)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"train.{name} is {getattr(self, name)}; need at least 1")
