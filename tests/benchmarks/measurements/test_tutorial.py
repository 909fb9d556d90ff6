"""The tutorial's network is learned by every method, and keeps its spikes through NIR."""

from __future__ import annotations

import pytest
import torch

from benchmarks.measurements import tutorial
from biograd.data import datasets


@pytest.fixture(autouse=True)
def few_digits(digits, monkeypatch):
    monkeypatch.setitem(datasets.DATASETS, "mnist", lambda root, split, progress: digits(split))
    yield
    torch.set_num_threads(1)


@pytest.mark.slow
@pytest.mark.parametrize("method", tutorial.METHODS)
def test_every_method_learns_the_tutorials_network(method, monkeypatch):
    monkeypatch.setattr(tutorial, "STEPS", 10)  # of 25: the recipe is the same, and faster
    result = tutorial.measure(method, epochs=2, lr=3e-3, seed=0, threads=1)
    assert result["test_accuracy"] == result["test_accuracy_curve"][-1] > 0.5
    assert len(result["test_accuracy_curve"]) == 2
    assert result["measured_on"] == "test" and result["seconds"] > 0


def test_spikes_are_the_same_there_and_back():
    result = tutorial.round_trip(samples=40)
    assert result["samples"] == 40 and result["output_spikes"] > 0
    assert result["samples_that_differ_as_ours"] == 0
    assert result["samples_that_differ_back_in_snntorch"] == 0
