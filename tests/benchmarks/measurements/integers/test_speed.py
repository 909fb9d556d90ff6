"""The race between emulator and Lava counts mismatches, and runs without Lava."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.measurements import speed
from benchmarks.measurements.integers import speed as chip_speed
from biograd.data.datasets import ImageSet
from hardware import targets
from hardware.lava_process import TargetError


@pytest.fixture
def few(monkeypatch):
    drawn = torch.Generator().manual_seed(0)
    images = ImageSet(
        "mnist",
        "train",
        torch.randint(0, 256, (20, 5, 6), generator=drawn, dtype=torch.uint8),
        torch.arange(20) % 5,
        5,
    )
    monkeypatch.setattr(speed, "load", lambda name, split: images)
    monkeypatch.setattr(chip_speed, "SIZES", (30, 12, 5))


def test_without_lava_the_emulator_runs_alone_and_the_reason_is_kept(few, monkeypatch):
    def missing(*_, **__):
        raise TargetError("no Python 3.10 with lava found")

    monkeypatch.setitem(targets.TARGETS, "lava", missing)
    results = chip_speed.emulator_against_lava(samples=20, lava_samples=4)
    assert results["emulator_samples_per_second"] > 0 and results["lava_samples_per_second"] is None
    assert results["why_no_lava"] == "no Python 3.10 with lava found"


def test_samples_that_differ_are_counted(few, monkeypatch):
    def other(fixed, spikes, **_):
        result = targets.run_emulator(fixed, spikes)
        counts = result.counts.copy()
        counts[1] += 1
        return type(result)(counts=counts, target="lava", seconds=0.5, operations=result.operations)

    monkeypatch.setitem(targets.TARGETS, "lava", other)
    results = chip_speed.emulator_against_lava(samples=20, lava_samples=4)
    assert results["lava_mismatches"] == 1 and results["lava_samples_per_second"] == 8
    assert results["ratio_emulator_vs_lava"] == pytest.approx(
        results["emulator_samples_per_second"] / 8
    )
    assert np.isfinite(results["ratio_emulator_vs_lava"])
