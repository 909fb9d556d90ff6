"""The cheapest matching of rows to columns, by shortest augmenting paths."""

from __future__ import annotations

import numpy as np

from .arrays import real_array


def assign(cost: np.ndarray) -> np.ndarray:
    """Return the column of each row such that the summed cost is least, int64 [n].

    Args:
        cost: [n, n], any real numbers.
    Source: Kuhn 1955, "The Hungarian method for the assignment problem", in the form with
        potentials and shortest paths of Jonker and Volgenant 1987.

    Example:
        >>> assign(np.array([[4.0, 1.0, 3.0], [2.0, 0.0, 5.0], [3.0, 2.0, 2.0]])).tolist()
        [1, 0, 2]
    """
    cost = real_array(cost, "cost", "rows columns")
    n = len(cost)
    if cost.shape[1] != n:
        raise ValueError(f"cost has the shape {cost.shape}; need as many columns as rows")
    # Row 0 and column 0 are virtual: every augmenting path starts there.
    of_row, of_column = np.zeros(n + 1), np.zeros(n + 1)  # potentials
    row_of = np.zeros(n + 1, np.int64)  # the row matched to each column, 1-based; 0: free
    for row in range(1, n + 1):
        row_of[0], column = row, 0
        shortest, before = np.full(n + 1, np.inf), np.zeros(n + 1, np.int64)
        used = np.zeros(n + 1, bool)
        while row_of[column]:
            used[column] = True
            here = row_of[column]
            length = cost[here - 1] - of_row[here] - of_column[1:]
            nearer = ~used[1:] & (length < shortest[1:])
            shortest[1:][nearer] = length[nearer]
            before[1:][nearer] = column
            following = int(np.argmin(np.where(used, np.inf, shortest)))
            step = shortest[following]
            of_row[row_of[used]] += step
            of_column[used] -= step
            shortest[~used] -= step
            column = following
        while column:
            row_of[column] = row_of[before[column]]
            column = int(before[column])
    columns = np.empty(n, np.int64)
    columns[row_of[1:] - 1] = np.arange(n)
    return columns
