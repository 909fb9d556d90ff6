"""Parameters of learning: valid ranges, the rules and times that follow from them."""

from __future__ import annotations

import numpy as np
import pytest

from hardware.learning.params import ChipLearningParams
from hardware.learning.sleep_params import ChipSleepParams


def test_rule_strings_are_in_lavas_notation():
    signed, unsigned = ChipLearningParams(), ChipLearningParams(traces="unsigned")
    assert str(signed.forward_rule) == "1 * 2^-7 * u0 * x1 * y2"
    assert str(unsigned.forward_rule) == "1 * 2^-7 * u0 * x1 * y2 - 1 * 2^-7 * u0 * x1 * y3"
    assert str(signed.feedback_rule) == "1 * 2^-3 * u0 * x1 * y1 - 1 * 2^-5 * u0 * w * y3"
    assert (
        str(unsigned.feedback_rule)
        == "1 * 2^-3 * u0 * x1 * y1 - 1 * 2^-3 * u0 * x1 * y2 - 1 * 2^-5 * u0 * w * y3"
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 64}, "learning epoch is 64; Loihi holds 1 to 63"),
        ({"x1_impulse": 128}, "x1_impulse is 128; need a whole number of 1 to 127"),
        ({"exponent": -9}, "exponent -9; the microcode holds -7 to 8"),
        ({"exponent": 0}, "saturate the 15-bit accumulator"),
        ({"sizes": (784,)}, "need at least input and classes"),
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
def test_invalid_parameters_are_refused_in_one_line(values, message):
    with pytest.raises(ValueError, match=message) as caught:
        ChipLearningParams(**values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [{"steps": 2}, {"rate": 0}, {"drive": -1.0}, {"every": 0}])
def test_invalid_sleep_parameters_are_refused(values):
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


def test_connections_of_all_layers_have_seeds_of_their_own_at_least_four_apart():
    params = ChipLearningParams(sizes=(4, *[5] * 7, 3), traces="unsigned", seed=3)
    forward = [params.connection_seed(layer) for layer in range(8)]
    feedback = [params.connection_seed(layer, error) for layer in range(7) for error in range(2)]
    seeds = np.sort([*forward, *feedback, ChipLearningParams(seed=4).connection_seed(0)])
    assert np.diff(seeds).min() >= 4


def test_whole_numbers_of_numpy_are_kept_as_ints():
    params = ChipLearningParams(sizes=np.array([784, 100, 10]).tolist(), steps=np.int64(20))
    assert params == ChipLearningParams()
    assert type(params.steps) is int and ChipLearningParams.from_json(params.to_json()) == params


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sizes": 784}, r"ChipLearningParams\.sizes is 784, an int; need a sequence of sizes"),
        ({"sleep": {}}, r"ChipLearningParams\.sleep is \{\}, a dict; need ChipSleepParams"),
        ({"window": "1.5"}, r"ChipLearningParams\.window is '1\.5', a str; need a real number"),
        ({"plastic": True}, r"ChipLearningParams\.plastic is True, a bool; need truth values"),
    ],
)
def test_values_of_another_kind_are_refused_by_name(values, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        ChipLearningParams(**values)
