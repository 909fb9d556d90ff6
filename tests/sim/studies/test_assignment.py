"""The cheapest matching, compared with all permutations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from biograd.studies.assignment import assign


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_no_permutation_is_cheaper(n: int) -> None:
    for seed in range(10):
        cost = np.random.default_rng(seed).normal(size=(n, n))
        if seed % 2:
            cost = cost.round(0)  # with ties
        columns = assign(cost)
        assert sorted(columns.tolist()) == list(range(n))
        cheapest = min(
            sum(cost[row, column] for row, column in enumerate(order))
            for order in itertools.permutations(range(n))
        )
        assert cost[np.arange(n), columns].sum() == pytest.approx(cheapest)


def test_a_shuffled_identity_is_found_among_many() -> None:
    order = np.random.default_rng(0).permutation(60)
    cost = np.random.default_rng(1).uniform(1, 2, (60, 60))
    cost[np.arange(60), order] = 0
    assert np.array_equal(assign(cost), order)


def test_a_matrix_that_is_not_square_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cost has the shape \(2, 3\); need as many columns"):
        assign(np.zeros((2, 3)))
