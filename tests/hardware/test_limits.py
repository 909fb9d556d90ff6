"""Every limit of the chip has its message, and worked examples of placement come out."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from hardware import chip, limits
from hardware.fixed_point import FixedPointLayer, FixedPointModel
from hardware.limits import LimitError


def net(*sizes: int, bias: int = 1, **changes) -> FixedPointModel:
    """Layers of weight 2 and threshold 100."""
    layers = [
        FixedPointLayer(w=np.full((n, m), 2), w_bias=np.full((n, bias), 2), vth=100, **changes)
        for m, n in itertools.pairwise(sizes)
    ]
    return FixedPointModel(layers=tuple(layers), steps=10)


@pytest.mark.parametrize("bias", [0, 1])
@pytest.mark.parametrize(
    ("sizes", "mode", "cores"),
    [
        ((784, 256, 256, 10), "inference", [2, 1, 1]),
        ((784, 256, 256, 10), "learning", [4, 2, 1]),
        ((784, 100, 10), "inference", [1, 1]),
        ((784, 100, 10), "learning", [2, 1]),
        ((784, 1024, 10), "learning", [14, 1]),
    ],
)
def test_worked_examples_of_placement(sizes, mode, cores, bias):
    fit = limits.check(net(*sizes, bias=bias), mode)
    assert [layer.cores for layer in fit.layers] == cores
    assert fit.cores == sum(cores)


def test_loads_are_those_of_the_fullest_core():
    first, second = limits.check(net(784, 256, 10)).layers
    # 256 neurons and one bias neuron for the next layer on two cores; 785 axons of 129 weights of
    # 8 bits, in words of 64.
    assert (first.neurons, first.cores, first.neurons_a_core) == (257, 2, 129)
    assert first.compartments == (129, 1024)
    assert first.axons_in == (785, 4096)
    assert first.axons_out == (129, 4096)
    assert first.synapse_words == (785 * 17, 16_384)
    assert second.axons_in == (257, 4096) and second.synapse_words == (257 * 2, 16_384)


def test_learning_takes_two_compartments_tags_and_double_axons():
    (layer,) = limits.check(net(100, 600, bias=0), "learning").layers
    assert layer.cores == 2 and layer.compartments == (600, 1024) and layer.axons_in == (200, 4096)
    assert layer.synapse_words == (100 * -(-300 * 17 // 64), 16_384)


def test_an_axon_out_is_needed_for_each_destination_core():
    fits = limits.check(net(10, 1024, 8192, bias=0)).layers
    assert fits[1].cores > 4
    assert all(
        used <= maximum
        for fit in fits
        for used, maximum in (fit.compartments, fit.axons_in, fit.axons_out, fit.synapse_words)
    )
    assert fits[0].axons_out[0] == fits[0].neurons_a_core * fits[1].cores


def test_fewer_weight_bits_need_less_memory():
    narrow = limits.check(net(784, 1024, 10, weight_bits=8)).cores
    layers = [
        replace(layer, w=layer.w * 16, w_bias=layer.w_bias * 16, weight_bits=4)
        for layer in net(784, 1024, 10).layers
    ]
    assert limits.check(FixedPointModel(layers=tuple(layers), steps=10)).cores < narrow


def one_layer(**changes) -> FixedPointModel:
    arguments = {"w": np.full((3, 4), 2), "w_bias": np.zeros((3, 0), int), "vth": 100} | changes
    return FixedPointModel(layers=(FixedPointLayer(**arguments),), steps=10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"w": np.full((3, 4), 256)},
            r"layer 1: weight 256 is outside -256\.\.255 of mixed weights \(12 are\): lower vth",
        ),
        ({"w": np.full((3, 4), -258)}, r"layer 1: weight -258 is outside -256\.\.255"),
        (
            {"w": np.full((3, 4), 3)},
            (
                r"layer 1: weight 3 is no multiple of 2, the step of 8-bit mixed weights \(12 are"
                r" not\): round with"
            ),
        ),
        ({"w": np.full((3, 4), 255)}, "layer 1: weight 255 is no multiple of 2"),
        (
            {"w": np.full((3, 4), 4), "weight_bits": 5},
            "layer 1: weight 4 is no multiple of 16, the step of 5-bit mixed weights",
        ),
        ({"w_bias": np.full((3, 1), 300)}, "layer 1: bias weight 300 is outside"),
        (
            {"w": np.full((3, 4), -1), "sign_mode": "excitatory"},
            r"layer 1: weight -1 is outside 0\.\.255 of excitatory",
        ),
        (
            {"w": np.full((3, 4), 1), "sign_mode": "inhibitory"},
            r"layer 1: weight 1 is outside -255\.\.0 of inhibitory",
        ),
        (
            {"sign_mode": "null"},
            "layer 1: sign mode is 'null'; Loihi has mixed, excitatory, inhibitory",
        ),
        ({"weight_bits": 7}, "layer 1: weight bits are 7; Loihi has 1, 2, 3, 4, 5, 6, 8"),
        ({"weight_bits": 12}, "layer 1: weight bits are 12"),
        ({"weight_bits": 0}, "layer 1: weight bits are 0"),
        ({"weight_exp": 8}, "layer 1: weight_exp is 8; Loihi holds -7 to 7"),
        ({"weight_exp": -8}, "layer 1: weight_exp is -8"),
        ({"vth": 0}, "layer 1: vth is 0; Loihi holds 1 to 131,071"),
        ({"vth": -5}, "layer 1: vth is -5"),
        ({"vth": 131_072}, "layer 1: vth is 131,072"),
        ({"du": -1}, "layer 1: du is -1; Loihi holds 0 to 4,095"),
        ({"du": 5000}, "layer 1: du is 5,000"),
        ({"dv": 4096}, "layer 1: dv is 4,096; Loihi holds 0 to 4,095"),
        (
            {"w": np.full((3, 600), 254), "weight_exp": 1},
            "layer 1: one step can add a current of 19,507,200; from 16,777,216 on",
        ),
        (
            {"w": np.zeros((3, 4097), int)},
            (
                "layer 1: takes 4,097 input axons for inference; a core has 4,096: narrow the layer"
                " before"
            ),
        ),
        (
            {"w": np.zeros((1024 * 129, 1), int), "w_bias": np.zeros((1024 * 129, 0), int)},
            "the model needs 129 cores for inference; a Loihi chip has 128: use smaller layers",
        ),
    ],
)
def test_each_limit_names_layer_value_limit_and_remedy(changes, message):
    with pytest.raises(LimitError, match="^" + message) as caught:
        limits.check(one_layer(**changes))
    assert "\n" not in str(caught.value)


def test_axons_count_twice_when_learning():
    limits.check(one_layer(w=np.zeros((3, 2049), int)))
    with pytest.raises(LimitError, match="takes 4,098 input axons for learning; a core has 4,096"):
        limits.check(one_layer(w=np.zeros((3, 2049), int)), "learning")


def test_a_bias_neuron_bounds_its_neighbours_threshold():
    model = net(4, 3, 2)
    fits = replace(
        model,
        layers=(
            replace(model.layers[0], vth=chip.MAX_THRESHOLD_WITH_BIAS_NEURON),
            model.layers[1],
        ),
    )
    limits.check(fits)
    too_high = replace(
        model,
        layers=(
            replace(model.layers[0], vth=chip.MAX_THRESHOLD_WITH_BIAS_NEURON + 1),
            model.layers[1],
        ),
    )
    with pytest.raises(
        LimitError,
        match="layer 1: vth is 8,190; with a bias neuron for the next layer at most 8,189 is poss",
    ):
        limits.check(too_high)


@pytest.mark.parametrize("value", [100.7, 100.0, "100", None, True, float("nan")])
@pytest.mark.parametrize("name", ["vth", "du", "weight_exp"])
def test_other_values_than_integers_never_become_a_layer(name, value):
    with pytest.raises(
        ValueError,
        match=rf"FixedPointLayer\.{name} is .*; need an integer \(Lava hangs on a float\)",
    ):
        one_layer(**{name: value})


def test_float_weights_never_become_a_layer():
    with pytest.raises(ValueError, match=r"FixedPointLayer\.w is float64"):
        one_layer(w=np.full((3, 4), 2.0))


def test_a_current_that_could_wrap_causes_a_warning():
    assert limits.check(one_layer()).warnings == ()
    (warning,) = limits.check(one_layer(w=np.full((3, 600), 254), du=0)).warnings
    assert warning.startswith(
        "layer 1: if all inputs of one sign spiked at every step, the current would reach"
        " 39,950,745,600"
    )


def test_the_worst_case_current_is_never_exceeded():
    rng = np.random.default_rng(0)
    for weight_exp in (-3, 0, 2):
        layer = FixedPointLayer(
            w=rng.integers(-128, 128, (5, 7)) * 2,
            w_bias=rng.integers(-128, 128, (5, 2)) * 2,
            vth=100,
            weight_exp=weight_exp,
        )
        largest, _ = limits.worst_case_current(layer)
        u = np.zeros(5)
        for row in np.sign(layer.w):
            for _ in range(50):
                w = np.concatenate([layer.w * (row > 0), layer.w_bias], axis=1).sum(axis=1)
                u = u * (4096 - layer.du - 1) / 4096 + np.floor(w * 2.0**weight_exp) * 64
                assert np.abs(u).max() <= largest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 0}, "learning: learning epoch is 0; Loihi holds 1 to 63"),
        ({"epoch": 64}, "learning: learning epoch is 64"),
        ({"trace": 128}, "learning: trace is 128; Loihi holds 0 to 127"),
        ({"trace": -1}, "learning: trace is -1"),
        ({"delay": 63}, "learning: synaptic delay is 63; Loihi holds 0 to 62"),
        ({"tag": 256}, "learning: tag is 256; Loihi holds -256 to 255"),
    ],
)
def test_learning_numbers_have_limits_too(changes, message):
    limits.check_learning(epoch=20, trace=127, delay=62, tag=-256)
    with pytest.raises(LimitError, match="^" + message):
        limits.check_learning(**({"epoch": 20, "trace": 20} | changes))


def test_learning_warns_of_the_cost_of_a_third_factor():
    assert any(
        "third factor" in warning for warning in limits.check(one_layer(), "learning").warnings
    )
    with pytest.raises(ValueError, match="mode is 'training'; known are inference, learning"):
        limits.check(one_layer(), "training")
