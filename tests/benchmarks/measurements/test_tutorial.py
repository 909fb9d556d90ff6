from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.measurements import tutorial
from benchmarks.suite import SUITES
from biograd.data import datasets


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
    def few(root, split, progress):
        with np.load(
            Path(__file__).parents[2] / "mnist_test_images.npz", allow_pickle=False
        ) as file:
            x, y = (
                torch.from_numpy(file[f"{split}_x"]),
                torch.from_numpy(file[f"{split}_y"].astype(np.int64)),
            )
        return datasets.ImageSet("mnist", split, x, y, 10)

    monkeypatch.setitem(datasets.DATASETS, "mnist", few)
    yield
    torch.set_num_threads(1)


@pytest.mark.slow
@pytest.mark.parametrize("method", tutorial.METHODS)
def test_every_method_learns_the_tutorials_network(method):
    result = tutorial.measure(method, epochs=2, lr=3e-3, seed=0, threads=1)
    assert (
        result["test_accuracy"] == result["test_accuracy_curve"][-1] > 0.5
        and len(result["test_accuracy_curve"]) == 2
    )
    assert result["measured_on"] == "test" and result["seconds"] > 0


def test_spikes_are_the_same_there_and_back():
    result = tutorial.round_trip(samples=40)
    assert result["samples"] == 40 and result["output_spikes"] > 0
    assert (
        result["samples_that_differ_as_ours"] == result["samples_that_differ_back_in_snntorch"] == 0
    )


def test_the_suite_names_each_trial_once():
    tasks = SUITES["snntorch"]()
    assert len({(task.name, str(task.config), task.seed) for task in tasks}) == len(tasks) == 16
