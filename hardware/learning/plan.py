"""Order of days and nights of a learning run, step by step, which all Processes follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .params import ChipLearningParams

DAY = -1  # a segment's `asleep` by day


@dataclass(frozen=True)
class Segment:
    """One sample, or one sleep phase of one hidden layer."""

    last_step: int  # of the run, counted from 1
    length: int  # time steps
    asleep: int  # hidden layer (from 0) that noise drives, or DAY
    sample: int  # index of the image, or -1
    gains: tuple[int, int]  # hidden, output


def plan(params: ChipLearningParams, order: np.ndarray) -> list[Segment]:
    """Return the segments of a run that starts on an untrained chip and learns samples `order`.

    Days and nights alternate as in `emulator.learn`.
    """
    segments: list[Segment] = []

    def add(length: int, asleep: int, sample: int, gains: tuple[int, int]) -> None:
        before = segments[-1].last_step if segments else 0
        segments.append(Segment(before + length, length, asleep, sample, gains))

    def night() -> None:
        for layer in range(params.layers - 1):
            add(params.night, layer, -1, (0, 0))

    for _ in range(params.sleep.before if params.sleeps else 0):
        night()
    for number, sample in enumerate(order):
        # The host writes the gains once per night, so a block of samples shares them.
        add(params.period, DAY, int(sample), params.gains(number))
        if params.sleeps and (number + 1) % params.sleep.every == 0:
            night()
    return segments


def steps_of(segments: list[Segment]) -> Iterator[tuple[int, int, Segment]]:
    """Yield every time step: its number in the run, its number k in its segment, the segment.

    Both numbers count from 1.
    """
    for segment in segments:
        for k in range(1, segment.length + 1):
            yield segment.last_step - segment.length + k, k, segment
