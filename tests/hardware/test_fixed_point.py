"""Quantising loses as little as rounding must, reports the loss, and is deterministic."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hardware import chip, limits
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.convolution.real_layers import run_layer
from hardware.fixed_point import (
    FixedPointLayer,
    FixedPointModel,
    quantise,
    read_fixed,
    write_fixed,
)


def example(seed: int = 0, spread: float = 0.2, **changes) -> Model:
    rng = np.random.default_rng(seed)
    hidden = LayerModel(
        w=rng.normal(0, spread, (30, 40)),
        bias=rng.normal(0, 0.1, 30),
        w_fb=rng.normal(size=(30, 3)),
    )
    output = LayerModel(w=rng.normal(0, spread, (3, 30)), bias=rng.normal(0, 0.1, 3))
    return Model(layers=(replace(hidden, **changes), output), steps=10)


def test_quantised_models_pass_every_limit_and_stay_within_half_a_step():
    for spread in (1e-4, 0.01, 0.2, 5.0, 100.0):
        model = example(spread=spread)
        fixed = quantise(model)
        limits.check(fixed)
        for layer, chip_layer, report in zip(
            model.layers, fixed.layers, fixed.report.layers, strict=True
        ):
            error = np.abs(chip_layer.w * chip_layer.scale - layer.w)
            assert error.max() == pytest.approx(report.weight_error_max)
            assert np.sqrt((error**2).mean()) == pytest.approx(report.weight_error_rms)
            clipped = error > 1.0001 * report.scale
            assert clipped.sum() == report.clipped_weights <= 0.01 * layer.w.size


def test_calibration_weights_inputs_by_their_spikes():
    rng = np.random.default_rng(1)
    w = rng.normal(0, 0.02, (50, 100))
    w[:, 0] = rng.normal(0, 1.0, 50)  # large weights on an input that never spikes
    spikes = (rng.random((10, 50, 100)) < 0.2).astype(np.uint8)
    spikes[:, :, 0] = 0
    model = Model(layers=(LayerModel(w=w, bias=np.full(50, 0.01)),), steps=10)
    plain, calibrated = quantise(model), quantise(model, calibration=SpikeInput(spikes=spikes))
    error = [
        np.abs(f.layers[0].w * f.layers[0].scale - w)[:, 1:].mean() for f in (plain, calibrated)
    ]
    assert error[1] <= error[0] and calibrated.report.calibrated and not plain.report.calibrated
    # The bias takes back what rounding added on average, to within half a weight step.
    rate = spikes.mean(axis=(0, 1))
    layer = calibrated.layers[0]
    drift = (
        (layer.w * layer.scale - w) @ rate
        + layer.w_bias.sum(axis=1) * layer.scale
        - model.layers[0].bias
    )
    assert np.abs(drift).max() <= 1.0001 * layer.scale


@pytest.mark.parametrize(
    ("alpha_u", "alpha_v", "du", "dv"),
    [
        (0.5, 0.75, 2047, 1024),
        (0.0, 0.0, 4095, 4095),
        (0.99999, 0.99999, 0, 0),
        (0.9, 0.1, 409, 3686),
    ],
)
def test_decays_are_the_nearest_of_12_bits(alpha_u, alpha_v, du, dv):
    fixed = quantise(example(alpha_u=alpha_u, alpha_v=alpha_v))
    layer, report = fixed.layers[0], fixed.report.layers[0]
    assert (layer.du, layer.dv) == (du, dv)
    assert report.alpha_u_got == (4096 - du - 1) / 4096
    assert report.alpha_v_got == (4096 - dv) / 4096
    assert report.alpha_u_asked == pytest.approx(alpha_u)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_fewer_bits_lose_more_but_pass_every_limit(bits):
    fixed = quantise(example(), weight_bits=bits)
    limits.check(fixed)
    assert len(np.unique(fixed.layers[0].w)) <= 2**bits
    if bits < 8:
        assert (
            fixed.report.layers[0].weight_error_rms
            > quantise(example()).report.layers[0].weight_error_rms
        )


@pytest.mark.parametrize("bits", [0, 1, 7, 9])
def test_weight_bits_that_the_chip_does_not_have_are_refused(bits):
    with pytest.raises(
        ValueError,
        match=f"weight_bits is {bits}; weights of both signs can have 2, 3, 4, 5, 6, 8 bits",
    ):
        quantise(example(), weight_bits=bits)


def test_calibration_spikes_must_fit():
    with pytest.raises(ValueError, match="calibration spikes have 7 inputs, the model has 40"):
        quantise(example(), calibration=SpikeInput(spikes=np.zeros((10, 2, 7))))


def test_quantising_is_deterministic_and_its_report_fits_json():
    first, second = quantise(example()), quantise(example())
    assert all(np.array_equal(a.w, b.w) for a, b in zip(first.layers, second.layers, strict=True))
    assert json.loads(json.dumps(first.report.as_dict()))["layers"][0]["weights"] == 1200


def test_layers_that_do_not_follow_each_other_are_refused():
    layer = FixedPointLayer(
        w=np.zeros((3, 4), int), w_bias=np.zeros((3, 0), int), vth=chip.MIN_THRESHOLD
    )
    with pytest.raises(ValueError, match="layer 2 takes 4 inputs, layer 1 has 3 neurons"):
        FixedPointModel(layers=(layer, layer), steps=10)
    with pytest.raises(ValueError, match="layers is empty"):
        FixedPointModel(layers=(), steps=10)


def test_integers_come_back_from_their_file(tmp_path):
    fixed = quantise(example())
    write_fixed(fixed, tmp_path / "fixed.npz")
    back = read_fixed(tmp_path / "fixed.npz")
    assert (back.steps, back.dt) == (fixed.steps, fixed.dt)
    for layer, original in zip(back.layers, fixed.layers, strict=True):
        assert np.array_equal(layer.w, original.w) and np.array_equal(layer.w_bias, original.w_bias)
        numbers = ("vth", "weight_exp", "weight_bits", "sign_mode", "du", "dv")
        assert [getattr(layer, name) for name in numbers] == [
            getattr(original, name) for name in numbers
        ]
    np.savez(tmp_path / "other.npz", format=1, layers=1)
    with pytest.raises(ValueError, match=r"other\.npz: has no array 'numbers1'"):
        read_fixed(tmp_path / "other.npz")
    np.savez(tmp_path / "old.npz", format=0)
    with pytest.raises(ValueError, match=r"old\.npz: format 0; this version reads format 1"):
        read_fixed(tmp_path / "old.npz")


def test_a_layers_default_constants():
    layer = FixedPointLayer(w=np.ones((1, 1), int) * 2, w_bias=np.zeros((1, 0), int), vth=10)
    assert (layer.weight_exp, layer.weight_bits, layer.sign_mode, layer.du, layer.dv) == (
        0,
        8,
        "mixed",
        2047,
        1024,
    )
    assert layer.scale == 0.1


def known_scale(w, bias, vth: int, weight_exp: int = 0, **changes) -> Model:
    """A model of one layer with a recorded scale, so that its integers follow by hand."""
    layer = LayerModel(w=np.array(w), bias=np.array(bias), **changes)
    return Model(
        layers=(layer,),
        steps=10,
        info={"quantisation": {"layers": [{"vth": vth, "weight_exp": weight_exp}]}},
    )


def test_the_report_of_one_layer_by_hand():
    # k = 16 / 2 = 8, weights 2 apart. Times 8: 2, 0.5 (becomes 0), 3 (half a step off), 255.25
    # (beyond 254), -258, 0 thrice.
    w = [[0.25, 0.0625, 0.375, 0.0], [255.25 / 8, -258 / 8, 0.0, 0.0]]
    # 4065.25 needs more than 16 axons of 254; 3 lies half a step off.
    fixed = quantise(
        known_scale(w, [4065.25 / 8, 0.375], vth=16, weight_exp=1, alpha_u=0.25, alpha_v=0.8)
    )
    layer, report = fixed.layers[0], fixed.report.layers[0]
    assert layer.w.tolist() == [[2, 0, 4, 0], [254, -256, 0, 0]] and layer.w_bias.sum(
        axis=1
    ).tolist() == [4064, 4]
    assert (layer.vth, layer.weight_exp, layer.scale, report.scale) == (16, 1, 1 / 8, 1 / 8)
    errors = np.array([0, -0.5, 1, 0, -1.25, 2, 0, 0]) / 8
    assert (
        report.weight_error_rms == pytest.approx(np.sqrt((errors**2).mean()))
        and report.weight_error_max == 2 / 8
    )
    assert (report.weights, report.clipped_weights, report.zeroed_weights) == (8, 2, 1)
    assert (report.bias_error_max, report.clipped_biases, report.bias_axons) == (1.25 / 8, 1, 16)
    assert (report.alpha_u_asked, report.alpha_u_got) == (0.25, 0.25)
    # the nearest of 12 bits
    assert report.alpha_v_asked == pytest.approx(0.8) and report.alpha_v_got == 3277 / 4096


def test_the_bias_takes_back_what_rounding_adds_at_the_calibrated_rates():
    # k = 8: weights 3 and 5 become 4 and 4, inputs spike at 1 and 1/2 per step. That adds 1 - 1/2
    # to the first neuron, whose bias of 16 becomes 15.5, rounded to 16; and 1 + 1/2 to the second,
    # whose bias of 16 becomes 14.5, rounded to 14.
    spikes = np.ones((10, 2, 2), dtype=np.uint8)
    spikes[:, 1, 1] = 0
    model = known_scale([[3 / 8, 5 / 8], [3 / 8, 3 / 8]], [2.0, 2.0], vth=8)
    layer = quantise(model, calibration=SpikeInput(spikes=spikes)).layers[0]
    assert layer.w.tolist() == [[4, 4], [4, 4]] and layer.w_bias.sum(axis=1).tolist() == [16, 14]


def test_sizes_are_inputs_and_neurons_without_the_bias_axons():
    first = FixedPointLayer(w=np.zeros((3, 4), int), w_bias=np.zeros((3, 2), int), vth=10)
    second = FixedPointLayer(w=np.zeros((5, 3), int), w_bias=np.zeros((5, 0), int), vth=10)
    fixed = FixedPointModel(layers=(first, second), steps=10)
    assert fixed.sizes == (4, 3, 5) and fixed.dt == 1e-4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"w": np.zeros((2, 3))},
            r"FixedPointLayer\.w is float64 of shape \(2, 3\); need integers",
        ),
        ({"w": np.zeros(3, int)}, r"FixedPointLayer\.w is int64 of shape \(3,\); need integers"),
        ({"w_bias": np.zeros((2, 0))}, r"FixedPointLayer\.w_bias is float64"),
        ({"w_bias": np.zeros((1, 1), int)}, "need the same number of rows, at least 1"),
        ({"w": np.zeros((2, 0), int)}, "need the same number of rows, at least 1"),
        (
            {"w": np.zeros((0, 3), int), "w_bias": np.zeros((0, 1), int)},
            "need the same number of rows, at least 1",
        ),
        ({"vth": 10.0}, r"FixedPointLayer\.vth is 10\.0; need an integer"),
        ({"vth": True}, r"FixedPointLayer\.vth is True; need an integer"),
        ({"du": None}, r"FixedPointLayer\.du is None; need an integer"),
    ],
)
def test_a_layer_of_other_values_than_integers_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        FixedPointLayer(
            **({"w": np.zeros((2, 3), int), "w_bias": np.zeros((2, 1), int), "vth": 10} | changes)
        )


def test_numpys_integers_are_integers():
    layer = FixedPointLayer(
        w=np.zeros((2, 3), np.int8), w_bias=np.zeros((2, 1), np.uint8), vth=np.int16(10)
    )
    assert (type(layer.vth), layer.vth, layer.w.dtype, layer.w_bias.dtype) == (
        int,
        10,
        np.int32,
        np.int32,
    )


def test_calibration_follows_the_spikes_of_five_steps_computed_by_hand():
    # Currents 1/2, 1/4, 3/4, -1/4, 11/16 through an input per step; alpha_u = 1/2, alpha_v = 3/4:
    # u: 1/2, 1/2, 1, 1/4, 13/16;  v: 1/2, 7/8, 53/32 fires and clears, 1/4, 1 exactly, which does
    # not fire. The second neuron's bias of 3/8 alone:  u: .375, .5625, .65625, ..., v: .375,
    # .84375, 1.289 fires, .703125, 1.254 fires.
    layer = LayerModel(
        w=np.array([[0.5, 0.25, 0.75, -0.25, 0.6875], [0.0] * 5]),
        bias=np.array([0, 0.375]),
        alpha_u=0.5,
        alpha_v=0.75,
    )
    one_input_per_step = np.eye(5, dtype=np.uint8)[:, None]
    assert run_layer(layer, one_input_per_step).s[:, 0].T.tolist() == [
        [0, 0, 1, 0, 0],
        [0, 0, 1, 0, 1],
    ]


def test_an_outlier_that_costs_the_other_weights_is_reported_with_the_way_out():
    w = np.full((4, 10), 0.3)
    plain = quantise(Model(layers=(LayerModel(w=w, bias=np.zeros(4)),), steps=10))
    assert plain.report.warnings() == ()
    w[2, 7] = 300.0
    spoiled = quantise(Model(layers=(LayerModel(w=w, bias=np.zeros(4)),), steps=10))
    (warning,) = spoiled.report.warnings()
    assert warning.startswith("layer 1: 39 of 40 weights became 0")
    assert "clip outliers" in warning and "more weight bits" in warning
