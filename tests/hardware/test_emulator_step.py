"""The calls of one time step, by hand; `test_emulator` compares the whole step to the fast path."""

from __future__ import annotations

import numpy as np

from hardware import emulator_step as step


def test_magnitudes_are_rounded_down_for_both_signs():
    assert step.decay(np.array([7, -7, 1, -1, 0]), 2048).tolist() == [3, -3, 0, 0, 0]
    assert step.decay(np.array([100, -100]), 4096).tolist() == [0, 0]
    assert step.decay(np.array([100, -100]), 0).tolist() == [100, -100]


def test_a_negative_exponent_rounds_the_sum_down():
    assert step.apply_weight_exponent(np.array([5, -5]), -1).tolist() == [2, -3]
    assert step.apply_weight_exponent(np.array([5, -5]), 2).tolist() == [20, -20]


def test_current_wraps_once_and_voltage_saturates():
    top = 2**23
    assert step.wrap_current(np.array([top, top + 1, -top, 1 - top, 3 * top])).tolist() == [
        top,
        1 - top,
        top,
        1 - top,
        top,
    ]
    assert step.saturate_voltage(np.array([top, -top, 5])).tolist() == [top - 1, 1 - top, 5]


def test_the_threshold_itself_does_not_fire():
    assert step.fire(np.array([640, 641]), 10).tolist() == [0, 1]
