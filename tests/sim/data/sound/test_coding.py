"""Coding: spikes count what the channel says, and a stream gives the spikes of the whole series."""

from __future__ import annotations

import numpy as np
import pytest

from biograd.data.sound.coding import CodingParams, coding_start, coding_steps


def spikes(x: np.ndarray, p: CodingParams) -> np.ndarray:
    return coding_steps(coding_start(x[0], p), x.astype(np.float32), p)[0]


def test_a_steady_channel_fires_at_its_value_times_the_scale() -> None:
    x = np.tile(np.array([1.0, -0.5, 0.0]), (40, 1))
    s = spikes(x, CodingParams(delta=0, scale=0.5))
    assert s.sum(0).tolist() == [20, 0, 0, 0, 10, 0]  # high of each channel, then low


def test_changes_drive_two_more_neurons_per_channel() -> None:
    x = np.repeat([0.0, 2.0, 0.0], 10)[:, None]
    s = spikes(x, CodingParams(delta=2, scale=0.5))
    assert s.shape == (30, 4)
    rising, falling = s[:, 2], s[:, 3]
    assert rising.nonzero()[0].tolist() == [10, 11] and falling.nonzero()[0].tolist() == [20, 21]


def test_a_level_crossing_coder_counts_thresholds_up_and_down() -> None:
    x = np.concatenate([np.linspace(0, 2, 9), np.linspace(2, 0, 9)])[:, None]
    s = spikes(x, CodingParams(coding="level_crossing", threshold=0.5))
    assert s.sum(0).tolist() == [4, 4]
    assert s[:9, 1].sum() == 0 and s[9:, 0].sum() == 0


@pytest.mark.parametrize("coding", ["integrate_and_fire", "level_crossing"])
@pytest.mark.parametrize("delta", [0, 3])
def test_chunks_of_any_length_give_the_spikes_of_the_whole_series(coding: str, delta: int) -> None:
    p = CodingParams(coding=coding, delta=delta)
    x = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    whole = spikes(x, p)
    state, parts = coding_start(x[0], p), []
    for start, end in ((0, 1), (1, 3), (3, 3), (3, 30), (30, 50)):
        s, state = coding_steps(state, x[start:end], p)
        parts.append(s)
    assert np.array_equal(np.concatenate(parts), whole)


def test_constants_that_no_coding_can_have_are_refused() -> None:
    for wrong in ({"scale": 0}, {"threshold": -1.0}, {"delta": -1}, {"coding": "morse"}):
        with pytest.raises(ValueError, match=r"coding\."):
            CodingParams(**wrong)
