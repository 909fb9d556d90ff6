"""Weights of classes as a configuration names them."""

from __future__ import annotations

import math

from ..checks import text_of


def class_weights(text: str) -> list[float]:
    """Read numbers with commas between them, finite and at least 0, one of them above 0.

    Raises: ValueError that names the words that are known, too.
    """
    try:
        weights = [float(part) for part in text.split(",")]
    except ValueError:
        weights = []
    if not weights or not all(0 <= weight < math.inf for weight in weights) or not any(weights):
        raise ValueError(
            f"class_weights is {text_of(text)}; known: equal, balanced, or numbers of 0 or more"
            " with commas, e.g. 1,1,2.5"
        )
    return weights
