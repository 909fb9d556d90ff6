"""Lines in vector registers mean what the same loops in plain numba mean."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from biograd.kernels import patch_sums
from biograd.kernels.patch_sums import LANES


@njit
def add_by_hand(total, at, table, start, length):
    patch_sums.add_line_by_hand(total, at, table, start, length)


@njit
def take_by_hand(total, at, table, start, length):
    patch_sums.take_line_by_hand(total, at, table, start, length)


@njit
def blend_by_hand(total, at, table, start, stride, picks, shares, count, length):
    patch_sums.blend_lines_by_hand(total, at, table, start, stride, picks, shares, count, length)


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("vectors", [0, 1, 3, 5])
def test_lines_are_added_and_taken_to_the_bit(vectors: int) -> None:
    table = numbers(0, 300)
    for by_hand, plain in (
        (add_by_hand, patch_sums.add_line_plain),
        (take_by_hand, patch_sums.take_line_plain),
    ):
        one, other = numbers(1, 200), numbers(1, 200)
        by_hand(one, 32, table, 48, LANES * vectors)
        plain(other, 32, table, 48, LANES * vectors)
        np.testing.assert_array_equal(one, other)
        assert np.array_equal(one, numbers(1, 200)) == (vectors == 0)


@pytest.mark.parametrize("vectors", [1, 2, 3, 4, 6, 9])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_weighted_lines_are_added_with_less_rounding(vectors: int, count: int) -> None:
    table, shares = numbers(0, 3000), numbers(2, 9)
    picks = np.array([3, 0, 7, 7, 1, 2, 8, 4, 5], np.int32)
    one, other = numbers(1, 200), numbers(1, 200)
    sides = table, 16, 320, picks, shares, count, LANES * vectors
    blend_by_hand(one, 16, *sides)
    patch_sums.blend_lines_plain(other, 16, *sides)
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    untouched = np.r_[0:16, 16 + LANES * vectors : 200]
    np.testing.assert_array_equal(one[untouched], numbers(1, 200)[untouched])
    assert (count == 0) == np.array_equal(one, numbers(1, 200))


def test_registers_are_used_unless_switched_off() -> None:
    assert patch_sums.add_line is patch_sums.add_line_by_hand
    assert patch_sums.take_line is patch_sums.take_line_by_hand
    assert patch_sums.blend_lines is patch_sums.blend_lines_by_hand
