"""Longest delay of the spikes onto each layer, as a configuration has it."""

from __future__ import annotations

from ..checks import instance_of, text_of, whole_number
from ..params.neuron import MAX_DELAY


def layer_delays(values: object, layers: int) -> tuple[int, ...]:
    """Return the delays, steps; ValueError where there is not one for each layer.

    Example:
        >>> layer_delays((20, 0), 2)
        (20, 0)
    """
    given: tuple[object, ...] = tuple(instance_of(values, (tuple, list), "delays", "(20, 0)"))
    if len(given) not in (0, layers):
        raise ValueError(
            f"delays is {text_of(given)}; need 0 to {MAX_DELAY} steps for each of"
            f" {layers} layers, or none"
        )
    return tuple(whole_number(value, "delays", 0, MAX_DELAY) for value in given)
