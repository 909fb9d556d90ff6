"""Position and speed of a training run, after each batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Progress(NamedTuple):
    """Position and speed of a training run, for progress bars."""

    epoch: int  # running epoch, 0-based
    batch: int  # batches learned in it
    batches: int  # batches per epoch; 0: a loader of unknown length
    samples_per_second: float
    # accuracy or rmse of this epoch so far; on a GPU it may lag by a tenth of a second
    figures: Mapping[str, float] = MappingProxyType({})

    @property
    def train_accuracy(self) -> float:
        """Accuracy of this epoch so far, 0..1; nan where no classes are learned."""
        return self.figures.get("accuracy", math.nan)
