"""A transposed table equals a copy of its transpose, to the bit, whatever its size."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from biograd.kernels import transpose
from biograd.kernels.transpose import ONE, SIDE, transpose_sum


@numba.njit
def tile_by_hand(into, row, column, tables, shares):
    transpose.transpose_tile_by_hand(into, row, column, tables, shares)


@pytest.mark.parametrize(
    ("rows", "columns"), [(16, 16), (64, 48), (1, 1), (15, 40), (37, 53), (100, 10)]
)
def test_one_table_becomes_its_transpose(rows: int, columns: int) -> None:
    table = np.random.default_rng(0).random((1, columns, rows), np.float32)
    into = np.empty((rows, columns), np.float32)
    transpose_sum(table, ONE, into, 0, rows)
    assert np.array_equal(into, table[0].T)


@pytest.mark.parametrize("cut", [0, 5, 16, 33, 37])
def test_tables_are_added_in_order_and_rows_can_be_shared_out(cut: int) -> None:
    drawn = np.random.default_rng(1)
    tables, shares = drawn.random((3, 53, 64), np.float32), np.array([0.5, -0.25, 3.0], np.float32)
    expected = shares[0] * tables[0] + shares[1] * tables[1] + shares[2] * tables[2]
    # fewer rows than the tables have columns: the rest is left out
    into = np.full((37, 53), np.nan, np.float32)
    transpose_sum(tables, shares, into, 0, cut)
    assert np.isnan(into[cut:]).all()
    transpose_sum(tables, shares, into, cut, 37)
    assert np.array_equal(into, expected.T[:37])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_tile_in_plain_numba_gives_the_bits_of_hand_written_code(count: int) -> None:
    drawn = np.random.default_rng(count)
    tables = drawn.normal(size=(count, 40, 50)).astype(np.float32)
    shares = drawn.normal(size=count).astype(np.float32)
    tiles = [np.full((50, 40), 7, np.float32) for _ in range(2)]
    tile_by_hand(tiles[0], 20, 9, tables, shares)
    transpose.transpose_tile_plain(tiles[1], 20, 9, tables, shares)
    assert np.array_equal(*tiles) and (tiles[0] != 7).sum() == SIDE * SIDE


def test_the_loop_uses_hand_written_code_by_default() -> None:
    assert transpose.BY_HAND and transpose.transpose_tile is transpose.transpose_tile_by_hand


def test_columns_beyond_those_of_the_tables_are_left_as_they_are() -> None:
    into = np.full((20, 64), 7, np.float32)
    transpose_sum(np.ones((1, 50, 20), np.float32), ONE, into, 0, 20)
    assert (into[:, :50] == 1).all() and (into[:, 50:] == 7).all()
