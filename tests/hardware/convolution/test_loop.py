"""Convolutions, pools, loops and readouts: the compiled loops do the reference's steps."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from hardware import emulator
from hardware.border.model import COUNTED, SpikeInput
from hardware.border.shapes import Convolution
from hardware.emulator_step import run_reference
from hardware.fixed_layers import FixedPointLayer, FixedPointModel, read_fixed, write_fixed
from hardware.targets import run

from .conftest import GEOMETRIES, network, random_layer


def run_both(fixed: FixedPointModel, spikes: SpikeInput):
    """Result of the compiled loops, once every number equals the reference's."""
    fast, plain = emulator.run(fixed, spikes, record="uvs"), run_reference(fixed, spikes)
    for name in ("u", "v", "s"):
        pairs = zip(getattr(fast, name), getattr(plain, name), strict=True)
        for number, (a, b) in enumerate(pairs, start=1):
            assert np.array_equal(a, b), f"{name} of layer {number}"
    assert np.array_equal(fast.counts, plain.counts)
    for name in COUNTED:
        assert np.array_equal(getattr(fast.operations, name), getattr(plain.operations, name)), name
    return fast


@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_geometry_runs_as_its_reference(name):
    result = run_both(*network(name))
    assert all(s.any() for s in result.s[:1]) and np.abs(result.counts).sum() > 0


def test_a_kernel_by_hand():
    # maps of 1 x 3, kernel (2, 4), no padding: positions see (s0, s1) and (s1, s2)
    conv = Convolution(in_shape=(1, 1, 3), channels=1, kernel=(1, 2))
    layer = FixedPointLayer(
        w=np.array([[[[2, 4]]]]),
        w_bias=np.zeros((1, 0), int),
        vth=5,
        du=4095,
        dv=4095,
        conv=conv,
    )
    spikes = np.array([[[1, 1, 0]], [[0, 1, 1]], [[1, 0, 0]]])
    result = run_both(FixedPointModel(layers=(layer,), steps=3), SpikeInput(spikes=spikes))
    # sums 6, 2 | 4, 6 | 2, 0, times 64; the threshold is 5 * 64
    assert result.u[0][:, 0].tolist() == [[384, 128], [256, 384], [128, 0]]
    assert result.s[0][:, 0].tolist() == [[1, 0], [0, 1], [0, 0]]
    # spikes reach 1, 2 and 1 positions: 3, 3 and 1 synaptic operations; both, both and one neuron
    assert result.operations.synaptic_operations.tolist() == [0, 7]
    assert result.operations.active_updates.tolist() == [0, 5]


def test_a_loops_spike_arrives_one_step_later():
    layer = FixedPointLayer(
        w=np.array([[8], [0]]),
        w_bias=np.zeros((2, 0), int),
        w_rec=np.array([[0, 0], [8, 0]]),
        vth=5,
        du=4095,
        dv=4095,
    )
    spikes = np.array([1, 0, 0, 0]).reshape(4, 1, 1)
    result = run_both(FixedPointModel(layers=(layer,), steps=4), SpikeInput(spikes=spikes))
    assert result.s[0][:, 0].tolist() == [[1, 0], [0, 1], [0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("reset", "voltages"),
    [
        # 10 arrives in each step, the threshold is 15, v keeps all
        ("zero", [10, 0, 10, 0]),
        ("subtract", [10, 5, 0, 10]),
        ("subtract_late", [10, 20, 15, 25]),
        ("none", [10, 20, 30, 40]),
    ],
)
def test_resets_by_hand(reset, voltages):
    layer = FixedPointLayer(
        w=np.array([[10]]), w_bias=np.zeros((1, 0), int), vth=14, du=4095, dv=0, reset=reset
    )
    if reset in ("subtract", "subtract_late"):
        layer = dataclasses.replace(layer, vth=15)
        voltages = {"subtract": [10, 5, 15, 10], "subtract_late": [10, 20, 15, 25]}[reset]
    spikes = SpikeInput(spikes=np.ones((4, 1, 1), int))
    result = run_both(FixedPointModel(layers=(layer,), steps=4), spikes)
    assert (result.v[0].ravel() // 64).tolist() == voltages


def test_a_readout_answers_with_the_sum_of_its_voltages():
    layer = FixedPointLayer(
        w=np.array([[10], [-4]]), w_bias=np.zeros((2, 0), int), vth=5, du=4095, dv=0, fires=False
    )
    result = run_both(
        FixedPointModel(layers=(layer,), steps=3), SpikeInput(spikes=np.ones((3, 1, 1), int))
    )
    assert (result.counts // 64).tolist() == [[10 + 20 + 30, -4 - 8 - 12]]
    assert not result.s[0].any() and result.predictions.tolist() == [0]


def test_biases_of_the_neurons_own_add_to_the_voltage():
    layer = FixedPointLayer(
        w=np.array([[10]]),
        w_bias=np.zeros((1, 0), int),
        vth=100,
        du=4095,
        dv=0,
        bias_mant=np.array([3]),
    )
    result = run_both(
        FixedPointModel(layers=(layer,), steps=3), SpikeInput(spikes=np.zeros((3, 1, 1), int))
    )
    assert (result.v[0].ravel() // 64).tolist() == [3, 6, 9] and not result.u[0].any()


def test_delays_postpone_each_inputs_spikes():
    layer = FixedPointLayer(
        w=np.array([[8, 8]]),
        w_bias=np.zeros((1, 0), int),
        vth=5,
        du=4095,
        dv=4095,
        delay=np.array([0, 2]),
    )
    spikes = np.array([[1, 0], [0, 1], [0, 0], [0, 1], [0, 0]]).reshape(5, 1, 2)
    result = run_both(FixedPointModel(layers=(layer,), steps=5), SpikeInput(spikes=spikes))
    assert result.s[0].ravel().tolist() == [1, 0, 0, 1, 0]  # the last comes after the end


@pytest.mark.parametrize("name", GEOMETRIES)
def test_integers_of_convolutions_come_back_from_their_file(name, tmp_path):
    fixed, spikes = network(name)
    write_fixed(fixed, tmp_path / "fixed.npz")
    back = read_fixed(tmp_path / "fixed.npz")
    assert [layer.conv for layer in back.layers] == [layer.conv for layer in fixed.layers]
    first, second = (emulator.run(model, spikes, record="v") for model in (fixed, back))
    for a, b in itertools.zip_longest(first.v, second.v):
        assert np.array_equal(a, b)
    assert np.array_equal(first.counts, second.counts)


def test_layers_of_shapes_that_do_not_fit_are_refused():
    rng = np.random.default_rng(0)
    conv = Convolution(in_shape=(2, 5, 5), channels=3, kernel=3)
    with pytest.raises(ValueError, match=r"w has shape \(3, 1, 3, 3\); need \(3, 2, 3, 3\)"):
        random_layer(rng, (3, 1, 3, 3), conv=conv)
    with pytest.raises(ValueError, match=r"w_rec has shape \(2, 2\); need \(3, 3\)"):
        random_layer(rng, (3, 4), w_rec=np.zeros((2, 2), int))
    readout = random_layer(rng, (3, 4), fires=False)
    with pytest.raises(ValueError, match="only the last layer can be a readout"):
        FixedPointModel(layers=(readout, random_layer(rng, (2, 3))), steps=2)
    with pytest.raises(ValueError, match="delay holds 63 steps; the chip has 0 to 62"):
        random_layer(rng, (3, 4), delay=np.array([0, 1, 2, 63]))


def test_layers_that_lava_does_not_hold_are_refused_before_it_starts():
    plain = random_layer(np.random.default_rng(0), (3, 4))
    late = random_layer(np.random.default_rng(0), (2, 3), delay=np.array([0, 2, 1]))
    subtracts = dataclasses.replace(plain, reset="subtract")
    spikes = SpikeInput(spikes=np.ones((2, 1, 4), int))
    for layers, message in (
        ((subtracts,), "layer 1 resets by 'subtract', and Lava's"),
        ((plain, late), "layer 2 has delays of up to 2 steps; Lava runs those of the input"),
    ):
        with pytest.raises(ValueError, match=message):
            run(FixedPointModel(layers=layers, steps=2), spikes, "lava")
