"""The engine's arithmetic by hand, and the rules that its microcode can hold."""

from __future__ import annotations

import numpy as np
import pytest

from hardware.learning.engine import Product, Rule
from hardware.learning.params import ChipLearningParams
from hardware.learning.reference import Connection


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
        params = ChipLearningParams(
            sizes=(3, 2, 2), rounding=rounding, weight_bits=weight_bits, epoch=1
        )
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
