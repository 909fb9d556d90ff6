"""Weights are rounded to the nearest that the chip holds, at a scale that loses the least."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hardware import chip, limits, weights
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.fixed_point import quantise
from hardware.weights import round_to_step


def example(seed: int = 0, spread: float = 0.2, **changes) -> Model:
    rng = np.random.default_rng(seed)
    hidden = LayerModel(
        w=rng.normal(0, spread, (30, 40)),
        bias=rng.normal(0, 0.1, 30),
        w_fb=rng.normal(size=(30, 3)),
    )
    output = LayerModel(w=rng.normal(0, spread, (3, 30)), bias=rng.normal(0, 0.1, 3))
    return Model(layers=(replace(hidden, **changes), output), steps=10)


def known_scale(w, bias, vth: int, weight_exp: int = 0, **changes) -> Model:
    """A model of one layer with a recorded scale, so that its integers follow by hand."""
    layer = LayerModel(w=np.array(w), bias=np.array(bias), **changes)
    return Model(
        layers=(layer,),
        steps=10,
        info={"quantisation": {"layers": [{"vth": vth, "weight_exp": weight_exp}]}},
    )


@pytest.mark.parametrize(
    ("values", "bits", "mode", "rounded"),
    [
        (
            [-3, 3, 0.9, 1.1, -1.1, 253.4, 255, 300, -256, -300],
            8,
            "mixed",
            [-4, 4, 0, 2, -2, 254, 254, 254, -256, -256],
        ),
        ([9, 7, -9, 300, -300], 5, "mixed", [16, 0, -16, 240, -256]),
        ([3, -3, 254.6, 300], 8, "excitatory", [3, 0, 255, 255]),
        ([3, -3, -254.6, -300], 8, "inhibitory", [0, -3, -255, -255]),
        ([9, -300], 5, "inhibitory", [0, -248]),
    ],
)
def test_weights_are_rounded_to_the_nearest_the_chip_holds(values, bits, mode, rounded):
    assert round_to_step(np.array(values), bits, mode).tolist() == rounded


def test_rounding_is_to_eight_bits_of_both_signs_by_default():
    values = np.linspace(-300, 300, 601)
    assert np.array_equal(round_to_step(values), round_to_step(values, 8, "mixed"))


def test_wide_layers_of_large_weights_are_scaled_down_until_a_step_fits():
    model = Model(layers=(LayerModel(w=np.ones((3, 4000)), bias=np.full(3, 7.0)),), steps=10)
    fixed = quantise(model)
    limits.check(fixed)
    assert fixed.layers[0].w.max() < 200 and fixed.report.layers[0].weight_error_max < 0.05


def test_wide_layers_are_scaled_down_no_further_than_a_step_must_fit():
    model = Model(layers=(LayerModel(w=np.ones((3, 1000)), bias=np.full(3, 16.0)),), steps=10)
    # all inputs and the bias at once
    _, one_step = limits.worst_case_current(quantise(model).layers[0])
    assert 0.93 < one_step / (2 * chip.MAX_STATE) <= 0.95


def test_the_scale_beats_the_one_that_clips_nothing():
    rng = np.random.default_rng(0)
    w = rng.normal(0, 0.05, (200, 300))
    w[0, 0] = 3.0  # an outlier that would waste the range
    model = Model(layers=(LayerModel(w=w, bias=np.zeros(200)),), steps=10)
    report = quantise(model).report.layers[0]
    plain = 254 / 3.0
    plain_rms = np.sqrt(((round_to_step(w * plain) / plain - w) ** 2).mean())
    assert report.weight_error_rms < plain_rms
    assert report.clipped_weights > 0  # and it says so


def test_the_largest_scale_clips_two_weights_in_a_thousand():
    # Of four values (-256, -128, 0, 128) a still larger scale would have less error: the limit
    # prevents it.
    w = np.random.default_rng(0).normal(0, 0.1, (100, 100)).astype(np.float32)
    report = quantise(
        Model(layers=(LayerModel(w=w, bias=np.zeros(100)),), steps=10), weight_bits=2
    ).report.layers[0]
    # the threshold, some hundreds, is rounded
    assert 128 * report.scale == pytest.approx(np.quantile(np.abs(w), 0.998), rel=0.01)


def test_a_stray_weight_on_a_silent_input_is_clipped_to_a_sixteenth_and_no_further():
    # At k = 4300 all weights but one would be exact; that one is large, on an input that does not
    # spike.
    w = np.full((100, 1000), 2 / 4300)
    w[0, 0] = 1.0
    spikes = np.ones((5, 2, 1000), dtype=np.uint8)
    spikes[:, :, 0] = 0
    model = Model(layers=(LayerModel(w=w, bias=np.zeros(100)),), steps=10)
    layer = quantise(model, calibration=SpikeInput(spikes=spikes)).layers[0]
    assert 254 * layer.scale == pytest.approx(1 / 16, rel=1e-3)
    # if it spiked as often as the others, it would be kept
    assert 254 * quantise(model).layers[0].scale > 1 / 2


@pytest.mark.parametrize("unit", [1 / 64, 16, 1024])
def test_the_relative_rounding_error_does_not_depend_on_the_weights_unit(unit):
    w = np.random.default_rng(0).normal(0, 0.05, (200, 300))
    w[0, 0] = 3.0
    plain, other = (
        quantise(Model(layers=(LayerModel(w=w * by, bias=np.zeros(200)),), steps=10))
        .report.layers[0]
        .weight_error_rms
        for by in (1, unit)
    )
    # thresholds from 64 on are rounded by less than a hundredth
    assert other / unit == pytest.approx(plain, rel=0.01)


@pytest.mark.parametrize(
    ("k", "max_vth", "vth", "weight_exp"),
    [
        (64.0, 131_071, 64, 0),  # well resolved as it is
        (63.0, 131_071, 126, 1),
        (1.0, 131_071, 64, 6),
        (0.01, 131_071, 1, 7),  # as far as the exponent goes
        (0.001, 131_071, 1, 7),  # a threshold is at least 1
        (40.0, 79, 40, 0),  # 80 would be too much
        (40.0, 80, 80, 1),
        (5.0, 79, 40, 3),
        (200.4, 131_071, 200, 0),
        (900.0, 500, 500, 0),
    ],
)
def test_a_scale_is_written_with_a_threshold_of_at_least_64_where_it_may_be(
    k, max_vth, vth, weight_exp
):
    assert weights._as_threshold(k, max_vth) == (vth, weight_exp)


@pytest.mark.parametrize(
    ("recorded", "message"),
    [
        (
            {"layers": [{"vth": 5}, {"vth": 5, "weight_exp": 0}]},
            "names no vth and weight_exp for layer 1",
        ),
        (
            {"layers": [{"vth": 0, "weight_exp": 0}] * 2},
            "asks for vth 0, weight_exp 0 in layer 1: beyond Loihi's range",
        ),
        ({"layers": [{"vth": 9, "weight_exp": 9}] * 2}, "beyond Loihi's range"),
        ({"layers": [{"vth": 9, "weight_exp": 0}]}, "names no vth and weight_exp for layer 1"),
    ],
)
def test_an_invalid_recorded_scale_is_refused(recorded, message):
    with pytest.raises(ValueError, match=message):
        quantise(replace(example(), info={"quantisation": recorded}))


@pytest.mark.parametrize(("vth", "weight_exp"), [(1, -7), (1, 7), (131_071, -7), (131_071, 7)])
def test_every_scale_that_loihi_has_may_be_recorded(vth, weight_exp):
    layer = quantise(known_scale([[1.0]], [0.0], vth=vth, weight_exp=weight_exp)).layers[0]
    assert (layer.vth, layer.weight_exp) == (vth, weight_exp)


def test_a_large_bias_is_spread_over_axons_and_one_beyond_them_is_counted():
    w = np.full((2, 3), 1.0)
    model = Model(layers=(LayerModel(w=w, bias=np.array([5.0, -0.5])),), steps=10)
    fixed = quantise(model)
    layer, report = fixed.layers[0], fixed.report.layers[0]
    assert layer.w_bias.shape in ((2, 5), (2, 6))
    assert np.allclose(layer.w_bias.sum(axis=1) * layer.scale, [5.0, -0.5], atol=layer.scale)
    assert report.clipped_biases == 0 and report.bias_axons == layer.w_bias.shape[1]
    huge = quantise(
        Model(layers=(LayerModel(w=w, bias=np.array([50.0, 0.0])),), steps=10)
    ).report.layers[0]
    assert (huge.clipped_biases, huge.bias_axons) == (1, 16) and huge.bias_error_max > 30


def test_no_bias_takes_no_axon():
    fixed = quantise(Model(layers=(LayerModel(w=np.ones((2, 3)), bias=np.zeros(2)),), steps=10))
    assert fixed.layers[0].w_bias.shape == (2, 0)


def test_a_layer_without_weights_keeps_its_biases():
    fixed = quantise(
        Model(layers=(LayerModel(w=np.zeros((2, 3)), bias=np.array([0.5, -2.0])),), steps=10)
    )
    layer = fixed.layers[0]
    assert (layer.vth, layer.weight_exp) == (64, 0) and layer.w_bias.sum(axis=1).tolist() == [
        32,
        -128,
    ]
