"""Parameters of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..checks import instance_of, whole_fields
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
        whole_fields(self, "epochs", "batch", "steps", table="train", least=1)
        need = "RepetitionParams()"
        instance_of(self.repetition, RepetitionParams, "train.repetition", need)
