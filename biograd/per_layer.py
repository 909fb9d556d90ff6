"""One value for all layers, or one for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def for_each(value: T | Sequence[T], count: int, what: str, where: str) -> list[T]:
    """Return one value per layer, from one for all layers or a sequence of one for each.

    Args:
        count: number of layers.
        what, where: names for the message, e.g. "neurons" and "layer".
    Raises: ValueError where a sequence has another length.
    """
    values = list(value) if isinstance(value, Sequence) else [value] * count
    if len(values) != count:
        raise ValueError(
            f"there are {len(values)} {what} for {count} {where}s: give one for all, or one for"
            " each"
        )
    return values
