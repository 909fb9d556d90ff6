"""Random nets, and watchers over the processes that run Lava."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hardware import lava_process
from hardware.border.model import SpikeInput
from hardware.fixed_point import FixedPointLayer, FixedPointModel
from hardware.weights import round_to_step

SHARED_MEMORY = Path("/dev/shm")


def make_net(*sizes: int, samples: int = 2, steps: int = 10) -> tuple[FixedPointModel, SpikeInput]:
    """Random weights and spikes, the same at each call; half of the layers fire."""
    rng = np.random.default_rng(0)
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        w = round_to_step(rng.normal(0, 40, (n_out, n_in + 1)))
        layers.append(FixedPointLayer(w=w[:, :-1], w_bias=w[:, -1:], vth=300))
    spikes = np.random.default_rng(1).random((steps, samples, sizes[0])) < 0.2
    return FixedPointModel(layers=tuple(layers), steps=steps), SpikeInput(spikes=spikes)


@pytest.fixture
def random_net() -> Callable[..., tuple[FixedPointModel, SpikeInput]]:
    return make_net


@pytest.fixture
def leftovers() -> Callable[[str], list[str]]:
    """A function that names the shared memory of one job."""

    def names(segments: str) -> list[str]:
        if not SHARED_MEMORY.is_dir():
            return []
        return [path.name for path in SHARED_MEMORY.glob(f"{segments}*")]

    return names


@pytest.fixture
def groups(monkeypatch, leftovers) -> list[int]:
    """Process groups of all guarded jobs; each must end without processes and shared memory."""
    ended: list[int] = []
    end_group = lava_process.end_group

    def checked_end(process, segments):
        end_group(process, segments)
        ended.append(process.pid)
        assert lava_process.members(process.pid) == []
        assert process.poll() is not None
        assert leftovers(segments) == []

    monkeypatch.setattr(lava_process, "end_group", checked_end)
    return ended


@pytest.fixture
def sabotage(monkeypatch) -> Callable[[str], None]:
    """A function that makes every Lava worker run `code` before its job."""

    def inject(code: str) -> None:
        last = "importlib.import_module(module).main(arguments)"
        assert last in lava_process._BOOTSTRAP
        monkeypatch.setattr(
            lava_process, "_BOOTSTRAP", lava_process._BOOTSTRAP.replace(last, code + "\n" + last)
        )

    return inject
