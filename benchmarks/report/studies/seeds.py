"""Records of a study's task, one per seed."""

from __future__ import annotations

import numpy as np

from biograd.runs.records import Record

STUDIES_COMMAND = "biograd benchmark --suite studies"


def newest_seeds(records: list[Record], task: str) -> list[Record]:
    """Return the newest record of each seed of a task, seeds rising; records: oldest first."""
    by_seed = {record["seed"]: record for record in records if record["results"]["task"] == task}
    return [by_seed[seed] for seed in sorted(by_seed)]


def spread(values: list[float]) -> str:
    """Return the mean of values as text, with their standard deviation if there are several."""
    deviation = f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else ""
    return f"{np.mean(values):.3g}{deviation}"
