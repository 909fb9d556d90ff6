"""Sizes and parts of a network, checked and put together layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ..checks import instance_of, text_of, whole_number
from .descriptions import Part, parse
from .kinds import Connection, Dense, Flatten
from .pools import Pool


def sizes_of(sizes: object, least: int) -> tuple[int, ...]:
    """Return the sizes of populations, at least so many, as ints.

    Raises: TypeError for anything but whole numbers in a row; ValueError for fewer, or below 1.
    """
    plain = sizes.tolist() if isinstance(sizes, Tensor | np.ndarray) else sizes
    need = "an input and an output of at least 1 neuron each"
    instance_of(plain, (list, tuple), "network sizes", "a sequence, e.g. (784, 256, 10)")
    assert isinstance(plain, list | tuple)  # for mypy
    numbers = tuple(whole_number(n, "a network size", -(1 << 63)) for n in plain)
    if len(numbers) < least or any(n < 1 for n in numbers):
        raise ValueError(f"network sizes are {text_of(numbers)}; need {need}")
    return numbers


class Stage(NamedTuple):
    """Synapses, and the pools before them."""

    pools: list[Pool]
    connection: Connection


def stages_of(parts: str | Sequence[Part]) -> list[Stage]:
    """Return the parts as layers; ValueError unless the last of them is dense."""
    instance_of(parts, (str, list, tuple), "layers", "a description, or a sequence of parts")
    stages: list[Stage] = []
    pools: list[Pool] = []
    for part in parse(parts) if isinstance(parts, str) else parts:
        if isinstance(part, Pool):
            pools.append(part)
        elif isinstance(part, Connection) or (isinstance(part, int) and part is not True):
            stages.append(Stage(pools, Dense(part) if isinstance(part, int) else part))
            pools = []
        elif not isinstance(part, Flatten):
            raise TypeError(
                f"layer {len(stages) + 1} is {part!r}; need a connection, a pool, Flatten or a"
                " number of neurons"
            )
    if pools:
        raise ValueError(f"{pools[-1]} comes after the last layer: leave it out, or put it before")
    if not stages or not isinstance(stages[-1].connection, Dense):
        last = stages[-1].connection if stages else "missing"
        raise ValueError(f"the last layer is {last}; need a dense one, e.g. 10 classes")
    return stages
