"""Models, spikes, counts and results check themselves, and say in one line what is wrong."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from hardware.border.model import COUNTED, OperationCounts, RunResult, SpikeInput


def counted(layers: int = 3) -> OperationCounts:
    numbers = {name: np.arange(layers) + index for index, name in enumerate(COUNTED)}
    return OperationCounts(**numbers, samples=4, steps=40)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"w": np.full((6, 5), np.nan)}, "LayerModel.w holds 30 values that are not finite"),
        ({"w": np.zeros(5)}, "LayerModel.w is float64 of shape (5,)"),
        ({"w": np.zeros((0, 5))}, "LayerModel.w has shape (0, 5)"),
        ({"bias": np.zeros(4)}, "LayerModel.bias has shape (4,)"),
        ({"w_fb": np.zeros((4, 3))}, "LayerModel.w_fb has shape (4, 3)"),
        ({"w": np.array([["a"] * 5] * 6)}, "LayerModel.w is <U1"),
        ({"alpha_u": 1.0}, "LayerModel.alpha_u is 1.0"),
        ({"alpha_v": -0.1}, "LayerModel.alpha_v is -0.1"),
        ({"alpha_a": float("nan")}, "LayerModel.alpha_a is nan"),
        ({"alphas_u": np.full(6, 1.0)}, "LayerModel.alphas_u holds 1.0; need 0, or 1e-07 to below"),
        ({"alphas_v": np.full(5, 0.5)}, "LayerModel.alphas_v has shape (5,); w has 6 rows"),
        ({"alphas_v": np.linspace(-0.5, 0.5, 6)}, "LayerModel.alphas_v holds -0.5; need 0, or"),
        ({"alphas_v": np.full(6, 9e-8)}, "LayerModel.alphas_v holds 9"),
        ({"window": 0.0}, "LayerModel.window is 0.0; need a half-width above 0"),
        ({"window": float("inf")}, "LayerModel.window is inf"),
    ],
)
def test_an_invalid_layer_is_refused(model, changes, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        replace(model.layers[0], **changes)


@pytest.mark.parametrize("name", ["alpha_u", "alpha_v", "alpha_a"])
def test_the_smallest_kept_fraction_is_the_one_that_the_error_names(model, name):
    assert getattr(replace(model.layers[0], **{name: 2e-7}), name) == np.float32(2e-7)
    with pytest.raises(
        ValueError, match=rf"{name} is 9e-08; need 0, or 1e-07 to (below|at most) 1"
    ):
        replace(model.layers[0], **{name: 9e-8})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": ()}, "Model.layers is empty"),
        ({"steps": 0}, "Model.steps is 0"),
        ({"steps": 2.5}, "Model.steps is 2.5"),
        ({"dt": 0.0}, "Model.dt is 0.0"),
        ({"info": {"x": float("nan")}}, "Model.info holds values that JSON cannot"),
        ({"info": {"x": np.zeros(2)}}, "Model.info holds values that JSON cannot"),
    ],
)
def test_an_invalid_model_is_refused(model, changes, message):
    with pytest.raises(ValueError, match="^" + message):
        replace(model, **changes)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((1, 1), r"Model.layers\[1\] takes 6 inputs, layers\[0\] has 3 neurons"),
        ((0,), r"Model.layers\[-1\].w_fb is set"),
    ],
)
def test_layers_that_do_not_fit_together_are_refused(model, layers, message):
    with pytest.raises(ValueError, match="^" + message):
        replace(model, layers=tuple(model.layers[index] for index in layers))


def test_the_class_with_most_spikes_wins_and_the_lowest_of_equals():
    counts = np.array([[0, 3, 3], [5, 5, 5], [0, 0, 1]])
    result = RunResult(counts=counts, target="emulator", seconds=0.0, operations=counted())
    assert result.predictions.tolist() == [1, 0, 2]
    assert result.accuracy(np.array([1, 0, 0])) == pytest.approx(2 / 3)


def test_counts_are_summed_and_divided_by_the_samples():
    operations = counted()
    assert operations.totals()["spikes"] == sum(np.arange(3) + COUNTED.index("spikes"))
    assert operations.per_sample()["spikes"] == operations.totals()["spikes"] / 4
    with pytest.raises(ValueError, match=r"OperationCounts.messages is int64 of shape \(2,\)"):
        replace(operations, messages=np.zeros(2, int))
    with pytest.raises(ValueError, match=r"OperationCounts\.spikes"):
        replace(operations, spikes=-np.ones(3, int))


def test_numbers_other_than_0_and_1_are_no_spikes():
    for value in (2, 0.5, np.nan, -1, 256):
        with pytest.raises(ValueError, match="other values than 0 and 1"):
            SpikeInput(spikes=np.full((3, 4, 5), value))
