"""A suite of three small tasks that count how often they are done, and a few real digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.suites import SUITES, Suite
from benchmarks.task import Task
from biograd.data.datasets import ImageSet

IMAGES = Path(__file__).parents[1] / "mnist_test_images.npz"


@pytest.fixture
def counted(monkeypatch):
    """The suite "counted" of three tasks, the second in two parts; the names of those done."""
    calls: list[str] = []

    def work(name, parts):
        def yield_parts(bench):
            for part in range(parts):
                calls.append(name)
                yield {
                    "value": 10.0 * len(calls),
                    "bounds": [1.0, 2.0],
                    "part_of": name,
                    "curve": [1.0, 2.0, 3.0],
                    "index": part,
                }

        return yield_parts

    tasks = [
        Task(name="first", config={"n": 1}, seed=0, work=work("first", 1)),
        Task(name="second", work=work("second", 2)),
        Task(name="third", config={"n": 3}, work=work("third", 1)),
    ]
    monkeypatch.setitem(SUITES, "counted", Suite(what="three tasks", parts=[lambda: tasks]))
    return calls


@pytest.fixture(scope="session")
def digits():
    """The 700 training and 300 test images of tests/ by split, as data set `mnist`."""

    def of_split(split: str) -> ImageSet:
        with np.load(IMAGES, allow_pickle=False) as file:
            x = torch.from_numpy(file[f"{split}_x"])
            y = torch.from_numpy(file[f"{split}_y"].astype(np.int64))
        return ImageSet("mnist", split, x, y, 10)

    return of_split
