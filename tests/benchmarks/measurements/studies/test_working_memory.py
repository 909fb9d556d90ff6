"""Working memory measured in its tiny form."""

from __future__ import annotations

import json

import pytest

from benchmarks.measurements.studies.working_memory import (
    WorkingMemoryParams,
    described,
    measure,
)
from biograd.studies.two_angles import TwoAnglesParams
from biograd.studies.working_memory import MemoryParams


@pytest.mark.parametrize("rule", ["local", "bptt"])
def test_errors_manifold_and_tuning_are_recorded(rule: str) -> None:
    p = WorkingMemoryParams(
        network=MemoryParams(rule=rule, units=10, batch=4),
        task=TwoAnglesParams(orientations=4, shortest=2, longest=3, stimulus=2, cue=3),
        batches=4,
        points=2,
        trials=20,
        angles=4,
    )
    (row,) = measure(p, 1)
    assert row["rule"] == rule and [point[0] for point in row["curve"]] == [2, 4]
    assert 0 < row["first_deg"] < 91 and 0 < row["second_deg"] < 91
    assert len(row["projected"]) == 4 and 0 < row["torus"]["four_components"] <= 1
    assert json.loads(json.dumps(described(p)))["network"]["units"] == 10
    assert (row["first_deg"], row["tuning"]) == _again(p)


def _again(p: WorkingMemoryParams) -> tuple[float, dict[str, float]]:
    (row,) = measure(p, 1)
    return row["first_deg"], row["tuning"]
