"""Learning on the chip goes through damage, on four bright corners."""

from __future__ import annotations

import numpy as np

from benchmarks.measurements.learning_after_deployment import Images
from benchmarks.measurements.studies.chip_healing import (
    DAMAGES,
    HealingParams,
    described,
    measure,
)


def _corners(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    x = rng.integers(0, 90, (n, 10, 10)).astype(np.uint8)
    for image, label in zip(x, y, strict=True):
        row, column = 5 * (label // 2), 5 * (label % 2)
        image[row : row + 5, column : column + 5] += 100
    return x.reshape(n, -1), y


def test_accuracy_falls_with_the_damage_and_comes_back() -> None:
    p = HealingParams(hidden=30, samples=1000, epochs=2, more=2, points=(500, 2000))
    images = Images(*_corners(1000, 0), *_corners(300, 1))
    (row,) = measure(p, 0, images)
    assert list(row["curves"]) == list(DAMAGES)
    assert [samples for samples, _ in row["curves"]["dead"]] == [0, 500, 2000]
    before, after = (row["curves"]["synapses"][point][1] for point in (0, -1))
    assert row["test_accuracy"] > 0.9 and before < row["test_accuracy"] and after > before
    assert row["curves"]["intact"][0][1] == row["test_accuracy"]
    (again,) = measure(p, 0, images)
    assert again == row
    assert described(p)["where"] == "chip"
