"""Two angles held over delays, by the local rule and by BPTT: errors, manifold, tuning."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from biograd.studies.torus import torus, tuning_change
from biograd.studies.two_angles import TwoAnglesParams, two_angles
from biograd.studies.working_memory import MemoryParams, WorkingMemory


@dataclass(frozen=True, kw_only=True)
class WorkingMemoryParams:
    """Network, task, and how long it learns."""

    network: MemoryParams = field(default_factory=MemoryParams)
    task: TwoAnglesParams = field(default_factory=TwoAnglesParams)
    batches: int = 300
    points: int = 6  # of the curve
    trials: int = 1000  # of the final error
    angles: int = 12  # of either item, of the grid


# the local rule with targets from each stimulus on; BPTT as in the paper, and the rule like that
WAYS = tuple(
    WorkingMemoryParams(network=MemoryParams(rule=rule, taught=taught))
    for rule, taught in (("local", "delays"), ("bptt", "cue"), ("local", "cue"))
)


def measure(p: WorkingMemoryParams, seed: int) -> Iterator[dict[str, Any]]:  # any: JSON
    """Yield one row: errors of new trials after learning, and the shape of the memory."""
    memory = WorkingMemory(p.network, task=p.task, seed=seed)
    start = time.process_time()
    curve = [list(progress) for progress in memory.fit(p.batches, every=-(-p.batches // p.points))]
    seconds = time.process_time() - start
    first, second = memory.errors(two_angles(p.trials, generator=memory.generator, p=p.task))
    early, late = memory.held(p.angles)
    shape = torus(late)
    yield {
        "task": "two angles",
        "rule": p.network.rule,
        "taught": p.network.taught,
        "first_deg": first,
        "second_deg": second,
        "cpu_seconds": seconds,
        "curve": curve,
        "torus": {
            "variance": shape.variance,
            "four_components": shape.four,
            "principal_deg": shape.principal_deg,
            "radii": shape.radii,
            "roundness": shape.roundness,
            "shares": shape.shares,
        },
        "tuning": tuning_change(early.mean(axis=1), late.mean(axis=1)),
        "projected": np.round(shape.projected, 3).tolist(),
    }


def described(p: WorkingMemoryParams) -> dict[str, Any]:  # any: JSON
    """Return the configuration that identifies a row."""
    return asdict(p)
