"""Rows add up in order, bits are counted, and plain numba gives the bits of hand-written code."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biograd.kernels import row_sums
from biograd.kernels.row_sums import LANES, count_bits, lowest_bit, padded

words = st.integers(0, 2**32 - 1)


@numba.njit
def counted(word):
    return count_bits(np.uint32(word))


@numba.njit
def lowest(word):
    return lowest_bit(np.uint32(word))


@numba.njit
def add_by_hand(total, row, table, picks, line, count):
    row_sums.add_rows_by_hand(total, row, table, picks, line, count)


@numba.njit
def take_by_hand(total, row, table, picks, line, count):
    row_sums.take_rows_by_hand(total, row, table, picks, line, count)


@given(words)
def test_bits_are_counted_as_python_counts_them(word: int) -> None:
    assert counted(word) == word.bit_count()


@given(words.filter(bool))
def test_the_lowest_bit_is_the_one_that_no_bit_lies_below(word: int) -> None:
    assert lowest(word) == (word & -word).bit_length() - 1


@pytest.mark.parametrize("width", [LANES, 4 * LANES])
@pytest.mark.parametrize("count", [0, 1, 2, 9, 40])
@pytest.mark.parametrize(
    ("by_hand", "plain", "sign"),
    [
        (add_by_hand, row_sums.add_rows_plain, np.float32(1)),
        (take_by_hand, row_sums.take_rows_plain, np.float32(-1)),
    ],
)
def test_rows_are_summed_in_order_by_both_ways(by_hand, plain, sign, count, width) -> None:
    drawn = np.random.default_rng(count)
    table = drawn.normal(size=(50, width)).astype(np.float32)
    total = drawn.normal(size=(3, width)).astype(np.float32)
    picks = drawn.integers(0, 50, (2, 40)).astype(np.int32)
    expected = total.copy()
    for pick in picks[1, :count]:
        expected[2] += sign * table[pick]
    for add in (by_hand, plain):
        sums = total.copy()
        add(sums, 2, table, picks, 1, count)
        assert np.array_equal(sums, expected)


def test_the_loops_use_hand_written_code_by_default() -> None:
    assert row_sums.BY_HAND
    assert row_sums.add_rows is row_sums.add_rows_by_hand
    assert row_sums.take_rows is row_sums.take_rows_by_hand


@given(st.integers(1, 1000))
def test_a_padded_width_holds_whole_blocks_and_wastes_less_than_one(n: int) -> None:
    assert padded(n) % LANES == 0 and 0 <= padded(n) - n < LANES
