"""Clipping: one outlying weight no longer rounds all others to 0."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.clipping import PERCENTILES, choose, clip_weights
from hardware.fixed_point import quantise

RNG = np.random.default_rng(0)
# Each of four classes fires 50 inputs of its own, and one input never fires.
LABELS = RNG.integers(0, 4, 200)
OWN = np.repeat(np.eye(4), 50, axis=1)  # [classes, inputs]
FIRING = (RNG.random((8, 200, 200)) < 0.4 * OWN[LABELS] + 0.02).astype(np.uint8)
SAMPLES = SpikeInput(
    spikes=np.concatenate([FIRING, np.zeros((8, 200, 1), np.uint8)], axis=2), labels=LABELS
)
WEIGHTS = np.concatenate([0.06 * OWN + RNG.normal(0, 0.005, OWN.shape), np.zeros((4, 1))], axis=1)


def model(outlier=0.0):
    w = WEIGHTS.copy()
    w[0, -1] = outlier
    layer = LayerModel(w=w, bias=np.zeros(4), alpha_u=0.0, alpha_v=0.75)
    return Model(layers=(layer,), steps=8)


def test_weights_beyond_the_percentile_are_limited_to_it_and_counted():
    w = np.arange(1.0, 101.0).reshape(10, 10) * np.where(np.arange(100) % 2, 1, -1).reshape(10, 10)
    layer = LayerModel(w=w / 100, bias=np.zeros(10))
    clipped, (clip,) = clip_weights(Model(layers=(layer,), steps=1), 90)
    assert (clip.clipped_weights, clip.largest) == (10, 1.0)
    assert clip.limit == pytest.approx(0.9)
    assert np.array_equal(clipped.layers[0].w, np.clip(layer.w, -clip.limit, clip.limit))
    assert np.array_equal(np.sign(clipped.layers[0].w), np.sign(layer.w))


def test_at_100_nothing_changes():
    unchanged, (clip,) = clip_weights(model(5.0), 100)
    assert np.array_equal(unchanged.layers[0].w, model(5.0).layers[0].w)
    assert clip.clipped_weights == 0


def test_an_outlying_weight_is_clipped_and_the_accuracy_comes_back():
    sound, spoiled = (choose(model(outlier), SAMPLES, SAMPLES) for outlier in (0.0, 500.0))
    assert sound.percentile == 100 and sound.accuracies[100.0] > 0.95
    assert spoiled.accuracies[100.0] < 0.5 < 0.95 < spoiled.accuracies[spoiled.percentile]
    assert spoiled.layers[0].clipped_weights >= 1 and spoiled.layers[0].largest == 500
    rounded = quantise(spoiled.model, calibration=SAMPLES).report.layers[0]
    assert rounded.zeroed_weights < 0.2 * rounded.weights


def test_a_choice_is_plain_json_with_all_percentiles_tried():
    choice = choose(model(500.0), SAMPLES, SAMPLES)
    record = json.loads(json.dumps(choice.as_dict()))
    assert [entry["percentile"] for entry in record["tried"]] == list(PERCENTILES)
    assert record["percentile"] == choice.percentile


@pytest.mark.parametrize("percentile", [0, -1, 100.5, float("nan")])
def test_a_percentile_out_of_range_is_refused(percentile):
    with pytest.raises(ValueError, match="need it above 0, up to 100"):
        clip_weights(model(), percentile)


def test_integers_learned_on_the_chip_are_not_clipped():
    learned = Model(layers=model().layers, steps=8, info={"quantisation": {}})
    with pytest.raises(ValueError, match="learned in the chip's integers"):
        clip_weights(learned, 99.0)


def test_samples_without_labels_cannot_choose():
    with pytest.raises(ValueError, match="have no labels"):
        choose(model(), SAMPLES, SpikeInput(spikes=SAMPLES.spikes))
