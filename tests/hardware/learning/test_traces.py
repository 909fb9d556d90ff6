"""Traces decay in whole numbers, rounded by one random number, and spikes add their impulse."""

from __future__ import annotations

import numpy as np
import pytest

from hardware.learning.traces import advance_traces, decay_tables, held_trace, hold_y

IMPULSE, EPOCH = 16, 2


def tables(uniform: float) -> np.ndarray:
    decays = np.zeros((1, 3, 128), dtype=np.int64)
    decay_tables(0.9, np.array([uniform]), EPOCH, IMPULSE, decays)
    return decays


def test_a_rest_is_rounded_up_where_the_random_number_lies_below_it():
    # 0.9 * 15 = 13.5: up at 0.4, down at 0.6; a second step from 14 (12.6) or 13 (11.7)
    assert tables(0.4)[0, :2, 15].tolist() == [14, 13]
    assert tables(0.6)[0, :2, 15].tolist() == [13, 12]


@pytest.mark.parametrize(
    ("mask", "trace"),
    [
        (0b00, 12),  # 15 decays to 13, then 12
        (0b01, 26),  # 13 + 16 = 29 at the first step, which decays to 26
        (0b10, 28),  # 12 + 16 at the second step
        (0b11, 41),  # the first impulse is added at once: 31 decays to 28, then 25, and 25 + 16
    ],
)
def test_spikes_of_an_epoch_add_their_impulse_where_lava_adds_it(mask: int, trace: int):
    x1, decays = np.array([15]), tables(0.6)
    advance_traces(x1, np.array([mask]), 0, EPOCH, IMPULSE, decays)
    assert x1[0] == trace


def test_a_y_trace_loses_at_most_one_in_a_step_and_keeps_its_sign():
    assert held_trace(127, 0.0, 1) == 127 and held_trace(127, 0.9999, 1) == 126
    y = np.array([-127, 0, 127], dtype=np.int32)
    hold_y(y, 3, 0.9999, 1, True)
    assert y.tolist() == [-126, 0, 126]
