"""The tutorials' networks are learned by every method, and fire the same spikes once converted."""

from __future__ import annotations

import pytest
import torch

import biograd as bg
from benchmarks.measurements.tutorials import convolutional, dense
from biograd.data import datasets


@pytest.fixture(autouse=True)
def few_digits(digits, monkeypatch):
    monkeypatch.setitem(datasets.DATASETS, "mnist", lambda root, split, progress: digits(split))
    yield
    torch.set_num_threads(1)


@pytest.mark.slow
@pytest.mark.parametrize("method", dense.METHODS)
def test_every_method_learns_the_tutorials_network(method, monkeypatch):
    # fewer steps: the recipe is the same, and faster
    monkeypatch.setattr(dense, "STEPS", 10)
    monkeypatch.setattr(convolutional, "STEPS", 10)
    monkeypatch.setattr(convolutional, "BATCH", 16)
    short = bg.SleepParams(every=20, steps=300)
    monkeypatch.setattr(convolutional, "LAYERED_SLEEP", short)
    lr = 1e-2 if method.startswith("convolutional") else 3e-3
    result = dense.measure(method, epochs=2, lr=lr, seed=0, threads=1, limit=400)
    assert result["test_accuracy"] == result["test_accuracy_curve"][-1] > 0.5
    assert len(result["test_accuracy_curve"]) == 2
    assert result["measured_on"] == "test" and result["seconds"] > 0


def test_spikes_are_the_same_there_and_back():
    result = dense.round_trip(samples=40)
    assert result["samples"] == 40 and result["output_spikes"] > 0
    assert result["samples_that_differ_as_ours"] == 0
    assert result["samples_that_differ_back_in_snntorch"] == 0


def test_the_convolutional_network_fires_the_same_spikes_once_converted(digits):
    torch.manual_seed(0)
    net = convolutional.tutorial_net()
    with torch.no_grad():
        for part in net:
            for p in part.parameters():
                p *= 3  # untrained, the output is silent
        expected = convolutional.spikes_of(net, convolutional.pixels(digits("test").x[:20]))
    x = bg.encode(digits("test").x[:20], convolutional.constant, convolutional.STEPS)
    assert torch.equal(bg.from_snntorch(net)(x), expected) and expected.any()
