"""The price of fault injection, on random images."""

from __future__ import annotations

import torch

from benchmarks.measurements.studies.fault_speed import SpeedParams, described, measure
from biograd.data.datasets import ImageSet


def test_ratios_are_of_the_plain_code_in_the_same_rounds() -> None:
    x = (255 * torch.rand(40, 8, 8, generator=torch.Generator().manual_seed(0))).to(torch.uint8)
    images = ImageSet("random", "test", x, torch.arange(40) % 4, 4)
    p = SpeedParams(hidden=8, samples=40, steps=4, rounds=1, seconds=0.01)
    (row,) = measure(p, 0, images)
    speeds = row["samples_per_second"]
    for way in ("none", "some"):
        ratios = row[f"{way}_ratio"]
        assert set(ratios) == {"simulator", "emulator", "learning"}
        for place, ratio in ratios.items():
            assert ratio == speeds[f"{place}, {way}"] / speeds[place]
    assert described(p)["rounds"] == 1
