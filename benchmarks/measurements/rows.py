"""A row of the table of learning in the chip's integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One row of the table: its differences from the main row."""

    method: str
    epochs: int
    changes: dict[str, Any]  # of ChipLearningParams; any: their types
    shuffled_labels: bool = False
    dataset: str = "mnist"
