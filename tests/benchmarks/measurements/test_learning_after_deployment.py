"""New tasks for a deployed net: rotated and noisy images, and classes set apart."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.measurements import learning_after_deployment
from benchmarks.measurements.learning_after_deployment import keep_learning, noisy, rotate


def test_a_quarter_turn_moves_pixels_without_blurring_them():
    x = np.arange(32, dtype=np.uint8).reshape(2, 16)
    turned = rotate(x, 90.0).reshape(2, 4, 4)
    assert np.array_equal(turned, np.rot90(x.reshape(2, 4, 4), axes=(1, 2)))
    assert np.array_equal(rotate(x, 0.0), x)


def test_noise_has_the_deviation_it_is_said_to_have():
    grey = np.full((50, 784), 128, dtype=np.uint8)
    changed = noisy(grey, np.random.default_rng(0)).astype(float)
    # clipped at 0 and 255, two deviations away: 4.6 % less than 64
    assert changed.std() == pytest.approx(61, rel=0.02) and changed.mean() == pytest.approx(
        128, abs=1
    )


def test_what_was_learned_before_is_measured_before_and_after(bands, monkeypatch):
    monkeypatch.setattr(learning_after_deployment, "SAMPLES", 30)
    results = list(keep_learning(0, bands))
    assert [r["lesson"] for r in results[::2]] == [
        "a tenth class after nine",
        "digits rotated by 30 degrees",
        "noisy digits",
    ]
    assert [r["old_mixed_in"] for r in results] == [False, True] * 3
    assert [r["samples"] for r in results] == [30, 60] * 3
    tenth = results[0]
    assert tenth["new_before"] == 0.0 < tenth["new_after"]
    assert results[0]["old_before"] == results[1]["old_before"] > 0.9
