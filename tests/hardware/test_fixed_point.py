"""Integers lose as little as rounding must, say what they lost, and come back as themselves."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hardware import chip, fixed_point, limits
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.fixed_point import (
    FixedPointLayer,
    FixedPointModel,
    dequantise,
    quantise,
    read_fixed,
    round_to_step,
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


def test_wide_layers_of_large_weights_are_scaled_down_until_a_step_fits():
    model = Model(layers=(LayerModel(w=np.ones((3, 4000)), bias=np.full(3, 7.0)),), steps=10)
    fixed = quantise(model)
    limits.check(fixed)
    assert fixed.layers[0].w.max() < 200 and fixed.report.layers[0].weight_error_max < 0.05


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


def test_calibration_weighs_inputs_by_their_spikes():
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
    layer, report = (
        quantise(example(alpha_u=alpha_u, alpha_v=alpha_v)),
        quantise(example(alpha_u=alpha_u, alpha_v=alpha_v)).report,
    )
    assert (layer.layers[0].du, layer.layers[0].dv) == (du, dv)
    assert (
        report.layers[0].alpha_u_got == (4096 - du - 1) / 4096
        and report.layers[0].alpha_v_got == (4096 - dv) / 4096
    )
    assert report.layers[0].alpha_u_asked == pytest.approx(alpha_u)


def test_a_large_bias_is_spread_over_axons_and_one_beyond_them_is_counted():
    w = np.full((2, 3), 1.0)
    model = Model(layers=(LayerModel(w=w, bias=np.array([5.0, -0.5])),), steps=10)
    fixed = quantise(model)
    layer, report = fixed.layers[0], fixed.report.layers[0]
    assert layer.w_bias.shape == (2, 6) or layer.w_bias.shape == (2, 5)
    assert np.allclose(layer.w_bias.sum(axis=1) * layer.scale, [5.0, -0.5], atol=layer.scale)
    assert report.clipped_biases == 0 and report.bias_axons == layer.w_bias.shape[1]
    huge = quantise(
        Model(layers=(LayerModel(w=w, bias=np.array([50.0, 0.0])),), steps=10)
    ).report.layers[0]
    assert (huge.clipped_biases, huge.bias_axons) == (1, 16) and huge.bias_error_max > 30


def test_no_bias_takes_no_axon():
    fixed = quantise(Model(layers=(LayerModel(w=np.ones((2, 3)), bias=np.zeros(2)),), steps=10))
    assert fixed.layers[0].w_bias.shape == (2, 0)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_fewer_bits_cost_more_but_hold_to_the_limits(bits):
    fixed = quantise(example(), weight_bits=bits)
    limits.check(fixed)
    assert len(np.unique(fixed.layers[0].w)) <= 2**bits
    if bits < 8:
        assert (
            fixed.report.layers[0].weight_error_rms
            > quantise(example()).report.layers[0].weight_error_rms
        )


@pytest.mark.parametrize("bits", [0, 1, 7, 9])
def test_weight_bits_the_chip_has_not_are_refused(bits):
    with pytest.raises(
        ValueError,
        match=f"weight_bits is {bits}; weights of both signs can have 2, 3, 4, 5, 6, 8 bits",
    ):
        quantise(example(), weight_bits=bits)


def test_calibration_spikes_must_fit():
    with pytest.raises(ValueError, match="calibration spikes have 7 inputs, the model has 40"):
        quantise(example(), calibration=SpikeInput(spikes=np.zeros((10, 2, 7))))


def test_integers_put_back_into_a_model_quantise_to_themselves():
    model = example()
    fixed = quantise(model)
    rng = np.random.default_rng(0)  # as if learned on the chip
    learned = replace(
        fixed,
        layers=tuple(
            replace(layer, w=round_to_step(layer.w + rng.normal(0, 9, layer.w.shape)))
            for layer in fixed.layers
        ),
    )
    back = dequantise(learned, model)
    again = quantise(back)
    for layer, expected in zip(again.layers, learned.layers, strict=True):
        assert np.array_equal(layer.w, expected.w)
        assert np.array_equal(layer.w_bias.sum(axis=1), expected.w_bias.sum(axis=1))
        assert (layer.vth, layer.weight_exp, layer.du, layer.dv) == (
            expected.vth,
            expected.weight_exp,
            expected.du,
            expected.dv,
        )
    assert again.report.layers[0].weight_error_max < 1e-6


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
def test_a_recorded_scale_that_makes_no_sense_is_refused(recorded, message):
    with pytest.raises(ValueError, match=message):
        quantise(replace(example(), info={"quantisation": recorded}))


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


def test_a_layer_that_says_nothing_of_it_has_the_usual_constants():
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
    """A model of one layer whose scale is recorded, so that its integers can be computed by hand."""
    layer = LayerModel(w=np.array(w), bias=np.array(bias), **changes)
    return Model(
        layers=(layer,),
        steps=10,
        info={"quantisation": {"layers": [{"vth": vth, "weight_exp": weight_exp}]}},
    )


def test_what_one_layer_cost_is_as_computed_by_hand():
    # k = 16 / 2 = 8, weights a step of 2 apart. Times 8: 2, 0.5 (becomes 0), 3 (half a step off),
    # 255.25 (beyond 254), -258, 0 thrice.
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
    # k = 8: weights 3 and 5 become 4 and 4, inputs spike at 1 and 1/2 a step: 1 - 1/2 too much of
    # the bias of 16, hence 15.5, hence 16; for the second neuron 1 + 1/2 too much of 16: 14.5,
    # hence 14.
    spikes = np.ones((10, 2, 2), dtype=np.uint8)
    spikes[:, 1, 1] = 0
    model = known_scale([[3 / 8, 5 / 8], [3 / 8, 3 / 8]], [2.0, 2.0], vth=8)
    layer = quantise(model, calibration=SpikeInput(spikes=spikes)).layers[0]
    assert layer.w.tolist() == [[4, 4], [4, 4]] and layer.w_bias.sum(axis=1).tolist() == [16, 14]


def test_the_boldest_scale_leaves_two_weights_in_a_thousand_beyond_the_largest():
    # Of four values (-256, -128, 0, 128) a still finer scale would have less error: the limit holds
    # it.
    w = np.random.default_rng(0).normal(0, 0.1, (100, 100)).astype(np.float32)
    report = quantise(
        Model(layers=(LayerModel(w=w, bias=np.zeros(100)),), steps=10), weight_bits=2
    ).report.layers[0]
    # the threshold, some hundreds, is rounded
    assert 128 * report.scale == pytest.approx(np.quantile(np.abs(w), 0.998), rel=0.01)


def test_wide_layers_are_scaled_down_no_further_than_a_step_must_fit():
    model = Model(layers=(LayerModel(w=np.ones((3, 1000)), bias=np.full(3, 16.0)),), steps=10)
    # all inputs and the bias at once
    one_step = limits.worst_case_current(replace(quantise(model).layers[0], du=4095))
    assert 0.93 < one_step / (2 * chip.MAX_STATE) <= 0.95


def test_a_stray_weight_on_a_silent_input_is_clipped_to_a_sixteenth_and_no_further():
    # At k = 4300 all weights but one would be exact; the one that stands in the way is large, on an
    # input that does not spike.
    w = np.full((100, 1000), 2 / 4300)
    w[0, 0] = 1.0
    spikes = np.ones((5, 2, 1000), dtype=np.uint8)
    spikes[:, :, 0] = 0
    model = Model(layers=(LayerModel(w=w, bias=np.zeros(100)),), steps=10)
    layer = quantise(model, calibration=SpikeInput(spikes=spikes)).layers[0]
    assert 254 * layer.scale == pytest.approx(1 / 16, rel=1e-3)
    # were it to spike as often as the others, it would be kept
    assert 254 * quantise(model).layers[0].scale > 1 / 2


@pytest.mark.parametrize("unit", [1 / 64, 16, 1024])
def test_what_is_lost_is_the_same_in_proportion_whatever_the_weights_unit(unit):
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


def test_a_layer_without_weights_keeps_its_biases():
    fixed = quantise(
        Model(layers=(LayerModel(w=np.zeros((2, 3)), bias=np.array([0.5, -2.0])),), steps=10)
    )
    layer = fixed.layers[0]
    assert (layer.vth, layer.weight_exp) == (64, 0) and layer.w_bias.sum(axis=1).tolist() == [
        32,
        -128,
    ]


@pytest.mark.parametrize(
    ("k", "most", "vth", "weight_exp"),
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
    k, most, vth, weight_exp
):
    assert fixed_point._as_threshold(k, most) == (vth, weight_exp)


def test_rounding_is_to_eight_bits_of_both_signs_unless_told_otherwise():
    values = np.linspace(-300, 300, 601)
    assert np.array_equal(round_to_step(values), round_to_step(values, 8, "mixed"))


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
def test_a_layer_of_other_things_than_integers_is_refused(changes, message):
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


def test_integers_of_another_model_are_not_put_back():
    with pytest.raises(ValueError, match=r"zip\(\)"):
        dequantise(quantise(example()), Model(layers=example().layers[1:], steps=10))


@pytest.mark.parametrize(("vth", "weight_exp"), [(1, -7), (1, 7), (131_071, -7), (131_071, 7)])
def test_every_scale_that_loihi_has_may_be_recorded(vth, weight_exp):
    layer = quantise(known_scale([[1.0]], [0.0], vth=vth, weight_exp=weight_exp)).layers[0]
    assert (layer.vth, layer.weight_exp) == (vth, weight_exp)


def test_calibration_follows_the_spikes_of_five_steps_computed_by_hand():
    # Currents 1/2, 1/4, 3/4, -1/4, 11/16 through an input per step; alpha_u = 1/2, alpha_v = 3/4:
    # u: 1/2, 1/2, 1, 1/4, 13/16;  v: 1/2, 7/8, 53/32 fires and clears, 1/4, 1 exactly, which does
    # not fire. The second neuron's bias of 3/8 alone:  u: .375, .5625, .65625, ..., v: .375,
    # .84375, 1.289 fires, .703125, 1.254 fires.
    # fires, .703125, 1.254 fires.
    layer = LayerModel(
        w=np.array([[0.5, 0.25, 0.75, -0.25, 0.6875], [0.0] * 5]),
        bias=np.array([0, 0.375]),
        alpha_u=0.5,
        alpha_v=0.75,
    )
    one_input_a_step = np.eye(5, dtype=np.uint8)[:, None]
    assert fixed_point._float_layer(layer, one_input_a_step)[:, 0].T.tolist() == [
        [0, 0, 1, 0, 0],
        [0, 0, 1, 0, 1],
    ]
