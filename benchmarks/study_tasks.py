"""Tasks of the suite `studies`."""

from __future__ import annotations

from .measurements.studies import separation
from .task import Task

TEN_SEEDS = tuple(range(10))


def independent_components() -> list[Task]:
    """Separate mixtures by the two-compartment rule, ten seeds."""
    return [
        Task(
            name="independent components",
            config=separation.described(p),
            seed=seed,
            work=lambda bench, p=p, seed=seed: separation.measure(p, seed),  # type: ignore[misc]
        )
        for p in separation.TASKS
        for seed in TEN_SEEDS
    ]


STUDIES = (independent_components,)
