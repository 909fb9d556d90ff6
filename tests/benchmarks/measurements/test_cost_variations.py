"""Early answers stop at the lead they wait for."""

from __future__ import annotations

import dataclasses

import numpy as np

from benchmarks.measurements.cost_variations import early_answers
from hardware.border.model import OperationCounts, RunResult


def test_early_answers_stop_at_the_lead_they_wait_for():
    s_out = np.zeros((4, 2, 2), dtype=np.uint8)  # T, B, classes
    s_out[:, 0, 0] = [1, 1, 1, 1]  # sample 0 leads by n after n steps
    s_out[:, 1, 0] = [1, 0, 0, 0]  # sample 1 leads by 1 after the first, never by more
    nothing = np.zeros(2, dtype=np.int64)
    names = (field.name for field in dataclasses.fields(OperationCounts))
    arrays = {name: nothing for name in names if name not in ("samples", "steps")}
    result = RunResult(
        counts=s_out.sum(axis=0),
        target="emulator",
        seconds=0.1,
        operations=OperationCounts(**arrays, samples=2, steps=8),
        s=(s_out,),
    )
    rows = early_answers(result, np.array([0, 1]))
    assert [row["mean_steps"] for row in rows] == [1.0, (2 + 4) / 2, (3 + 4) / 2, 4.0]
    assert all(row["test_accuracy"] == 0.5 for row in rows)
