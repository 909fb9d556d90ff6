"""Random numbers are uniform, and the same one by one and all at once."""

from __future__ import annotations

import numpy as np
import pytest

from hardware.learning.streams import (
    lava_uniforms,
    mix,
    mix_array,
    noise_spikes,
    row_key,
    synapse_bits,
)


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
