"""The shape of a memory of two angles, on tori whose shape is known."""

from __future__ import annotations

import numpy as np
import pytest

from biograd.studies.torus import torus, tuning_change

ANGLES = np.arange(12) * np.pi / 12


def clifford(first: float, second: float) -> np.ndarray:
    """Return two rings in two planes, turned at random, in 20 units."""
    a, b = np.meshgrid(2 * ANGLES, 2 * ANGLES, indexing="ij")
    rings = [first * np.cos(a), first * np.sin(a), second * np.cos(b), second * np.sin(b)]
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(20, 4)))[0]
    return np.stack(rings, axis=-1) @ turn.T


def test_a_clifford_torus_has_planes_at_right_angles_and_equal_radii() -> None:
    shape = torus(clifford(2.0, 2.0))
    assert shape.principal_deg == pytest.approx((90, 90), abs=1e-3)
    assert shape.radii == pytest.approx((2, 2)) and shape.shares == pytest.approx((0.5, 0.5))
    assert shape.roundness == pytest.approx((1, 1)) and shape.four == pytest.approx(1)
    assert shape.projected.shape == (12, 12, 3)


def test_a_plain_torus_has_other_radii_and_three_dimensions() -> None:
    a, b = np.meshgrid(2 * ANGLES, 2 * ANGLES, indexing="ij")
    wide = 3 + np.cos(b)
    plain = np.stack([wide * np.cos(a), wide * np.sin(a), np.sin(b), 0 * a], axis=-1)
    shape = torus(plain)
    assert shape.radii[0] == pytest.approx(3) and shape.radii[1] < 1
    assert shape.roundness[1] == pytest.approx(0, abs=1e-9)
    assert sum(shape.variance[:3]) == pytest.approx(1)


def test_planes_that_share_an_axis_are_recognised() -> None:
    a, b = np.meshgrid(2 * ANGLES, 2 * ANGLES, indexing="ij")
    rings = np.stack([np.cos(a), np.sin(a) + np.cos(b), np.sin(b), 0 * a], axis=-1)
    assert torus(rings).principal_deg == pytest.approx((0, 90), abs=1e-4)


def test_a_turned_curve_counts_as_changed_tuning() -> None:
    doubled = 2 * ANGLES[:, None]
    before = 1 + np.cos(doubled - np.array([0.0, 1.0, 2.0, 0.0]))
    shifts = np.array([0.0, 0.0, 2.0, 0.0])
    after = 1 + np.cos(doubled - np.array([0.0, 1.0, 2.0, 0.0]) - shifts)
    before[:, 3] = after[:, 3] = 1  # tuned to nothing
    change = tuning_change(before, after)
    assert change["tuned"] == 3 and change["changed"] == pytest.approx(1 / 3)
    assert change["correlation"] == pytest.approx((2 + np.cos(2)) / 3)
    assert change["shift_deg"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: torus(np.zeros((3, 4, 5))), r"activity has the shape \(3, 4, 5\)"),
        (lambda: torus(np.ones((4, 4, 5))), "the same at every angle"),
        (lambda: torus(np.ones((4, 4, 2))), "activity has 2 units; need at least 4"),
        (lambda: tuning_change(np.ones((4, 2)), np.ones((4, 3))), r"and after \(4, 3\)"),
        (lambda: tuning_change(np.ones((4, 2)), np.ones((4, 2))), "no unit's rate changes"),
    ],
)
def test_what_has_no_shape_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
