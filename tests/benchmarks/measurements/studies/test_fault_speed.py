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
    for place, ratio in row["some_ratio"].items():
        assert ratio == speeds[f"{place}, some"] / speeds[place]
    assert set(row["none_ratio"]) == {"simulator", "emulator", "learning"}
    assert all(0.1 < ratio < 10 for ratio in row["none_ratio"].values())
    assert described(p)["rounds"] == 1
