"""Parameters, rule strings, and what the microcode can hold."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest

from hardware.learning import synapses
from hardware.learning.params import ChipLearningParams, ChipSleepParams, Product, Rule
from hardware.learning.plan import DAY, plan
from hardware.learning.reference import Connection
from hardware.learning.streams import (
    lava_uniforms,
    mix,
    mix_array,
    noise_spikes,
    row_key,
    synapse_bits,
)

SMALL = ChipLearningParams(sizes=(3, 2, 2), samples=10)


def test_rule_strings_are_in_lavas_notation():
    signed, unsigned = ChipLearningParams(), ChipLearningParams(traces="unsigned")
    assert str(signed.forward_rule) == "1 * 2^-7 * u0 * x1 * y2"
    assert str(unsigned.forward_rule) == "1 * 2^-7 * u0 * x1 * y2 - 1 * 2^-7 * u0 * x1 * y3"
    assert str(signed.feedback_rule) == "1 * 2^-3 * u0 * x1 * y1 - 1 * 2^-5 * u0 * w * y3"
    assert (
        str(unsigned.feedback_rule)
        == "1 * 2^-3 * u0 * x1 * y1 - 1 * 2^-3 * u0 * x1 * y2 - 1 * 2^-5 * u0 * w * y3"
    )


def test_engine_drops_three_bits_of_two_traces_and_five_of_a_weight_and_a_trace():
    # 7 + 7 + 4 - 15 and 9 + 7 + 4 - 15; lava/magma/core/learning/learning_rule_applier.py
    assert Product(1, 0, ("x1", "y2")).shift == 3
    assert Product(1, 0, ("w", "y3")).shift == 5
    assert Product(1, 0, ("x1",)).shift == 0


def test_update_by_hand():
    # x1 = 60, y2 = 5: 300 >> 3 = 37 of 128ths, so 10 + 37/128 of a weight; 9-bit weights, so 10 or
    # 11. y2 = -5: -300 >> 3 = -38, rounded down, so 10 - 38/128: 9 with a rest of 90/128.
    after = {}
    for rounding, weight_bits in (("floor", 9), ("nearest", 9), ("nearest", 8)):
        params = dataclasses.replace(SMALL, rounding=rounding, weight_bits=weight_bits, epoch=1)
        synapses = Connection(params, np.full((1, 3), 10), 0, None)
        synapses.keep, synapses.impulse = 1.0, 60
        synapses.step(1, np.array([1]), np.array([[0, 0, 0], [5, -5, 0], [0, 0, 0]]))
        after[rounding, weight_bits] = synapses.w[0].tolist()
    assert after["floor", 9] == [10, 9, 10]
    assert after["nearest", 9] == [10, 10, 10]
    assert after["nearest", 8] == [10, 10, 10]


def test_forgetting_by_hand():
    # w y3 = 100 * 64 >> 5 = 200, << 2 = 800 of 128ths = 6.25 = 1/16 of the weight.
    forget = ChipLearningParams().feedback_rule.products[-1]
    change = ((-100 * 64) >> forget.shift) << (forget.exponent + 7)
    assert change == -800
    assert change / 128 == -100 / 16


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda: Rule((Product(9, 0, ("x1",)),)), "mantissa 9; the microcode holds -8 to 7"),
        (lambda: Rule((Product(1, -8, ("x1", "y2")),)), "exponent -8; the microcode holds -7 to 8"),
        (
            lambda: Rule((Product(1, 0, ("x1", "y2", "y3", "w")),)),
            "4 factors; the microcode holds 1 to 3",
        ),
        (lambda: Rule((Product(1, 0, ("z1",)),)), "no factor 'z1'"),
        (lambda: Rule(()), "0 products; the microcode holds 1 to 4"),
    ],
)
def test_rules_that_microcode_cannot_hold_are_refused(rule, message):
    with pytest.raises(ValueError, match=message):
        rule()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 64}, "learning epoch is 64; Loihi holds 1 to 63"),
        ({"x1_impulse": 128}, "x1_impulse is 128; need a whole number of 1 to 127"),
        ({"exponent": -9}, "exponent -9; the microcode holds -7 to 8"),
        ({"exponent": 0}, "saturate the 15-bit accumulator"),
        ({"sizes": (784, 10)}, "at least one hidden layer"),
        ({"sizes": (784, 5000, 10)}, "sizes is 5000"),
        ({"sizes": (784, *[20] * 9)}, "9 layers of neurons; at most 8"),
        ({"sizes": (784, 100, 1)}, "need at least 2"),
        ({"steps": 0}, "steps is 0"),
        ({"du": 4096}, "du is 4096"),
        ({"rounding": "up"}, "known are synapse, stock, nearest, floor"),
        ({"rounding": "stock"}, "set 9"),
        ({"weight_bits": 7}, "weight_bits is 7; Loihi has"),
        ({"traces": "complex"}, "known are signed, unsigned"),
        ({"samples": 0}, "samples is 0"),
        ({"window": 0.0}, "window is 0.0"),
        ({"plastic": (True,)}, "plastic has 1 entries; the net has 2 layers"),
        ({"seed": -1}, "seed is -1"),
        ({"gain_hidden": 256}, "gain_hidden is 256"),
    ],
)
def test_bad_parameters_are_refused_in_one_line(values, message):
    with pytest.raises(ValueError, match=message) as caught:
        ChipLearningParams(**values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [{"steps": 2}, {"rate": 0}, {"drive": -1.0}, {"every": 0}])
def test_bad_sleep_is_refused(values):
    with pytest.raises(ValueError, match=f"ChipSleepParams.{next(iter(values))}"):
        ChipSleepParams(**values)


def test_parameters_survive_json():
    params = ChipLearningParams(seed=7, plastic=(False, True), sleep=ChipSleepParams(steps=40))
    assert ChipLearningParams.from_json(params.to_json()) == params
    with pytest.raises(ValueError, match="not of this version"):
        ChipLearningParams.from_json('{"sleep": {}, "unknown": 1}')


def test_gains_fall_from_full_to_nothing_over_the_samples():
    params = ChipLearningParams(samples=1000, sleep=ChipSleepParams(every=100))
    gains = [params.gains(n)[0] for n in range(0, 1001, 100)]
    assert gains[0] == params.gain_hidden
    assert gains == sorted(gains, reverse=True)
    assert gains[-1] == 0
    assert params.gains(99) == params.gains(0), "the host writes gains once per night"
    assert ChipLearningParams().gains(10**6) == (
        ChipLearningParams().gain_hidden,
        ChipLearningParams().gain_output,
    )


@pytest.mark.parametrize("epoch", [1, 2, 4, 5, 63])
def test_samples_and_nights_take_whole_learning_epochs(epoch):
    params = ChipLearningParams(epoch=epoch)
    assert params.period % epoch == 0
    assert params.period >= params.steps + params.layers + 1
    assert params.night % epoch == 0


def test_plan_sleeps_before_and_every_so_many_samples():
    params = ChipLearningParams(
        sizes=(3, 2, 2, 2), sleep=ChipSleepParams(steps=8, every=2, before=1)
    )
    asleep = [segment.asleep for segment in plan(params, np.arange(5))]
    assert asleep == [0, 1, DAY, DAY, 0, 1, DAY, DAY, 0, 1, DAY]
    steps = [segment.last_step for segment in plan(params, np.arange(5))]
    assert steps[0] == params.night
    assert steps[2] - steps[1] == params.period


def test_feedback_update_sees_spikes_and_traces_but_no_forward_weight():
    names = list(inspect.signature(synapses.learn_feedback.py_func).parameters)
    assert names == ["w", "noise", "held", "hebb", "row", "fixed", "bits", "step"]
    assert {
        f for product in ChipLearningParams().feedback_rule.products for f in product.factors
    } == {"x1", "y1", "y3", "w"}


def test_random_numbers_are_the_same_one_by_one_and_all_at_once():
    numbers = np.array([0, 1, 2, 77, 2**31, 2**32 - 1], dtype=np.uint32)
    assert mix_array(numbers).tolist() == [int(mix(n)) for n in numbers]
    bits = synapse_bits(12345, 4, 5, 7)
    one_by_one = [
        [int(mix(np.uint32(row_key(12345, i) + np.uint32(j)))) >> 25 for j in range(5)]
        for i in range(4)
    ]
    assert bits.tolist() == one_by_one


def test_synapse_numbers_are_uniform():
    bits = synapse_bits(1, 300, 300, 3)
    shares = np.bincount(bits.ravel(), minlength=8) / bits.size
    assert np.abs(shares - 1 / 8).max() < 0.005  # standard deviation 0.0011 at 90,000 draws
    assert noise_spikes(5, 100_000, 13_107).mean() == pytest.approx(0.2, abs=0.01)


def test_lavas_numbers_are_those_of_its_generator():
    drawn = np.random.default_rng(5).random(100)
    assert np.array_equal(lava_uniforms(5, 0, 100, 1), drawn)
    assert np.array_equal(lava_uniforms(5, 6, 10, 8), drawn[6:86:8])
    assert lava_uniforms(5, 3, 0, 2).size == 0
