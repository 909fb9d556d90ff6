"""Moves of recordings: shifts, turns, stretches and flips land where they should."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from biograd.data.augment import AugmentParams
from biograd.data.events.recording import Events, Sensor
from biograd.data.events.sets import EventSet

SMALL = Sensor(4, 3, 2)


def recording(*rows: tuple[int, int, int, int]) -> Events:
    """Events from (x, y, p, t)."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Events(*table.T)


def test_a_shift_moves_whole_recordings_and_loses_what_leaves_the_sensor() -> None:
    middle = EventSet.of(
        [recording((1, 1, 0, 0), (2, 1, 1, 600))] * 64, [0] * 64, sensor=SMALL, window=1000
    )
    packed, counts = middle.binned(
        torch.arange(64),
        2,
        augmentation=AugmentParams(shift=2),
        generator=torch.Generator().manual_seed(0),
    )
    s, shifts = packed.dense(), set()
    for b in range(64):
        at = [
            (int(step), int(n) // 12, int(n) % 12 // 4, int(n) % 4)
            for step, n in torch.nonzero(s[:, b])
        ]
        if len(at) == 2:
            (t0, p0, y0, x0), (t1, p1, y1, x1) = at
            # the two keep their places to each other
            assert (t0, p0, t1, p1, y1 - y0, x1 - x0) == (0, 0, 1, 1, 0, 1)
            shifts.add((y0 - 1, x0 - 1))
    # all shifts that leave both on the sensor
    assert {y for y, _ in shifts} == {-1, 0, 1} and {x for _, x in shifts} == {-1, 0, 1}
    assert counts.lost > 0 and counts.events == 128 and s.sum() == 128 - counts.lost


def test_a_turn_of_a_half_circle_and_a_stretch_land_where_they_should() -> None:
    corner = EventSet.of([recording((0, 0, 0, 0))] * 40, [0] * 40, sensor=Sensor(5, 5), window=10)
    turned = corner.spikes(
        torch.arange(40),
        1,
        augmentation=AugmentParams(rotate=180),
        generator=torch.Generator().manual_seed(1),
    )
    rim = {0, 1, 2, 3, 4, 5, 9, 10, 14, 15, 19, 20, 21, 22, 23, 24}
    assert {int(n) for _, _, n in torch.nonzero(turned)} <= rim
    assert len({int(n) for _, _, n in torch.nonzero(turned)}) > 6
    still = corner.spikes(
        torch.arange(40),
        1,
        augmentation=AugmentParams(scale=0.01),
        generator=torch.Generator().manual_seed(1),
    )
    assert {int(n) for _, _, n in torch.nonzero(still)} == {0}
    with pytest.raises(ValueError, match="not bent: set elastic to 0"):
        corner.spikes(
            torch.tensor([0]),
            1,
            augmentation=AugmentParams(elastic=1.0),
            generator=torch.Generator(),
        )


def test_a_flip_mirrors_recordings_before_they_are_moved() -> None:
    corner = EventSet.of([recording((0, 1, 0, 0))] * 40, [0] * 40, sensor=SMALL, window=10)

    def places(**changes: float) -> list[int]:
        p, draws = AugmentParams(**changes), torch.Generator().manual_seed(2)  # type: ignore[arg-type]
        return [
            int(n)
            for _, _, n in torch.nonzero(
                corner.spikes(torch.arange(40), 1, augmentation=p, generator=draws)
            )
        ]

    # row 1 of 4 columns: from its first place to its last
    assert places(flip=1.0) == [7] * 40 and set(places(flip=0.5)) == {4, 7}
    assert set(places(flip=1.0, rotate=180.0)) - {4, 7}  # turned from there
