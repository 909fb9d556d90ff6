"""Samples shared out over copies of Lava give the emulator's spikes, or one error."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hardware import lava_target, targets
from hardware.lava_process import TargetError


def needs_lava(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that starts Lava, which takes a second or more."""
    return pytest.mark.slow(pytest.mark.usefixtures("lava")(test))


@needs_lava
def test_lava_and_the_emulator_agree_through_files_and_processes(groups, random_net):
    fixed, spikes = random_net(784, 64, 10, samples=30)
    reports: list[tuple[int, int]] = []
    emulated = targets.run(fixed, spikes, "emulator", record="uvs")
    lavas = targets.run(
        fixed, spikes, "lava", record="uvs", workers=2, progress=lambda *done: reports.append(done)
    )
    assert np.array_equal(emulated.counts, lavas.counts) and emulated.counts.any()
    for name in ("u", "v", "s"):
        for a, b in zip(getattr(emulated, name), getattr(lavas, name), strict=True):
            assert np.array_equal(a, b)
    assert (lavas.target, lavas.samples, reports[-1], len(groups)) == ("lava", 30, (30, 30), 2)
    assert lavas.operations.totals() == emulated.operations.totals()


@needs_lava
def test_delayed_inputs_arrive_in_lava_as_in_the_emulator(groups, random_net):
    fixed, spikes = random_net(20, 16, 5, samples=4)
    delay = np.random.default_rng(0).integers(0, 7, 20)
    late = replace(fixed, layers=(replace(fixed.layers[0], delay=delay), *fixed.layers[1:]))
    emulated, at_once = (
        targets.run(net, spikes, "emulator", record="uvs") for net in (late, fixed)
    )
    lavas = targets.run(late, spikes, "lava", record="uvs", workers=2)
    assert np.array_equal(emulated.counts, lavas.counts) and emulated.counts.any()
    for name in ("u", "v", "s"):
        sides = getattr(emulated, name), getattr(lavas, name), getattr(at_once, name)
        for a, b, other in zip(*sides, strict=True):
            assert np.array_equal(a, b) and not np.array_equal(a, other)


@needs_lava
def test_one_sample_of_one_step_runs(groups, random_net):
    fixed, spikes = random_net(3, 2, samples=1, steps=1)
    assert np.array_equal(
        targets.run(fixed, spikes, "lava", workers=4).counts,
        targets.run(fixed, spikes, "emulator").counts,
    )
    assert len(groups) == 1


@pytest.mark.parametrize("workers", [1, 2])
@needs_lava
@pytest.mark.usefixtures("groups")
def test_an_error_inside_lava_is_passed_on_in_one_line(random_net, sabotage, workers):
    sabotage("import hardware.loihi.processes as p\np.PyHostModel.run_spk = lambda self: 1 / 0")
    start = time.monotonic()
    with pytest.raises(TargetError, match=r"^Lava failed: ZeroDivisionError: division by zero$"):
        targets.run(*random_net(5, 4, 3, samples=4), "lava", deadline=60, workers=workers)
    assert time.monotonic() - start < 30


def test_few_samples_run_in_one_copy_and_many_in_one_per_processor(monkeypatch):
    monkeypatch.setattr(lava_target, "usable_processors", lambda: 3)
    assert [lava_target._default_workers(samples) for samples in (1, 99, 149, 1000)] == [1, 1, 2, 3]
