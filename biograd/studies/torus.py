"""The shape of a memory of two angles: two planes, and the torus that lies in them.

Activity is averaged over a grid of both angles. A Clifford torus is

    r(a, b) = rho_a (e1 cos 2a + e2 sin 2a) + rho_b (e3 cos 2b + e4 sin 2b)

with equal radii in two planes at right angles; then both angles are read out alike, and neither
disturbs the other. A plain torus, a ring around a ring, (R + r cos 2b) (cos 2a, sin 2a), r sin 2b,
lies in three dimensions: a shift of b changes the radius of a, so the planes share an axis and
the radii differ.

Each plane is fitted by the first harmonic of its angle; the share of the variance that the two
planes hold says how well this describes the activity.

Source: Cueva, Ardalan, Tsodyks and Qian 2021 (arXiv 2111.01275). Angles between planes: Björck and
    Golub 1973, "Numerical methods for computing angles between linear subspaces", Mathematics of
    Computation 27.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..checks import real_number
from .arrays import real_array


class Torus(NamedTuple):
    """Shape of activity over a grid of two angles."""

    variance: tuple[float, ...]  # share of each of the first six principal components
    principal_deg: tuple[float, float]  # angles between the planes of both angles, smaller first
    radii: tuple[float, float]  # root mean square radius in the plane of each angle
    roundness: tuple[float, float]  # shorter over longer axis of each ellipse
    shares: tuple[float, float]  # of the variance, held by the first harmonic of each angle alone
    projected: np.ndarray  # on the first three principal components, [n, n, 3]

    @property
    def four(self) -> float:
        """Share of the variance in the first four principal components."""
        return sum(self.variance[:4])


def torus(activity: np.ndarray) -> Torus:
    """Return the shape of activity.

    Args:
        activity: [n, n, units], over n evenly spaced first and n second angles from 0 to pi.
    Raises: ValueError for fewer than 3 angles, or activity that depends on neither.

    Example:
        >>> a = np.arange(8) * np.pi / 8
        >>> plane = np.stack([np.cos(2 * a), np.sin(2 * a)], axis=-1)
        >>> both = np.broadcast_arrays(plane[:, None], plane[None])
        >>> shape = torus(np.concatenate(both, axis=-1))
        >>> round(shape.principal_deg[0]), round(shape.four, 6)
        (90, 1.0)
    """
    activity = real_array(activity, "activity", "first second units")
    n = len(activity)
    if activity.shape[1] != n or n < 3:
        raise ValueError(
            f"activity has the shape {activity.shape}; need [n, n, units] with at least 3 angles"
        )
    if activity.shape[2] < 4:
        raise ValueError(
            f"activity has {activity.shape[2]} units; need at least 4, the axes of two planes"
        )
    centred = activity - activity.mean(axis=(0, 1))
    flat = centred.reshape(n * n, -1)
    total = float((flat**2).sum()) / n**2
    if total < 1e-20:
        raise ValueError("activity is the same at every angle: there is no shape to measure")
    singular, axes = np.linalg.svd(flat, full_matrices=False)[1:]
    share = singular**2 / (singular**2).sum()
    planes = [_harmonic(centred.mean(axis=1 - k)) for k in range(2)]
    bases, ellipses = zip(
        *(np.linalg.svd(plane, full_matrices=False)[:2] for plane in planes), strict=True
    )
    cosines = np.clip(np.linalg.svd(bases[0].T @ bases[1])[1], 0, 1)
    degrees = sorted(math.degrees(math.acos(c)) for c in cosines)
    radii = [float(np.sqrt((axis**2).sum() / 2)) for axis in ellipses]
    return Torus(
        tuple(float(s) for s in share[:6]),
        (degrees[0], degrees[1]),
        (radii[0], radii[1]),
        _pair([float(axis[1] / axis[0]) if axis[0] else 0.0 for axis in ellipses]),
        _pair([radius**2 / total for radius in radii]),
        (flat @ axes[:3].T).reshape(n, n, -1),
    )


def _pair(values: list[float]) -> tuple[float, float]:
    return values[0], values[1]


def _harmonic(means: np.ndarray) -> np.ndarray:
    """Return the amplitudes of cos 2a and sin 2a of each unit, [units, 2]; means: [n, units]."""
    doubled = 2 * math.pi * np.arange(len(means)) / len(means)
    return 2 / len(means) * means.T @ np.stack([np.cos(doubled), np.sin(doubled)], axis=1)


def tuning_change(
    before: np.ndarray, after: np.ndarray, *, least: float = 0.25
) -> dict[str, float]:
    """Return how the units' tuning to one angle differs between two delays.

    Args:
        before, after: mean rates of each unit over evenly spaced angles, [angles, units].
        least: units whose modulation depth, the amplitude of the first harmonic, is below this
            fraction of the deepest one in both delays are left out.
    Returns: `tuned`, the number of units that are left; `changed`, the share of them whose tuning
        curves correlate below 0.5; `correlation`, the mean of these correlations; and
        `shift_deg`, the median shift of the preferred angle, 0 to 90.
    Raises: ValueError where no unit is tuned.

    Example:
        >>> curves = np.cos(2 * np.pi * np.arange(6) / 6)[:, None] * np.ones(3)
        >>> tuning_change(curves, curves)["changed"], tuning_change(curves, -curves)["changed"]
        (0.0, 1.0)
    """
    before, after = (
        real_array(curve, name, "angles units")
        for curve, name in ((before, "before"), (after, "after"))
    )
    if before.shape != after.shape or len(before) < 3:
        raise ValueError(
            f"before has the shape {before.shape} and after {after.shape}; need the same units at"
            " the same angles, at least 3"
        )
    real_number(least, "least", least=0, most=1)
    first, second = (_harmonic(curve) @ [1, 1j] for curve in (before, after))
    depth = np.maximum(np.abs(first), np.abs(second))
    if depth.max() < 1e-10:
        raise ValueError("no unit's rate changes with the angle: there is no tuning to compare")
    tuned = depth >= least * depth.max()
    a, b = (curve[:, tuned] - curve[:, tuned].mean(axis=0) for curve in (before, after))
    norms = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    correlation = (a * b).sum(axis=0) / np.maximum(norms, 1e-300)
    shift = np.abs(np.angle(first[tuned] * second[tuned].conj())) / 2
    return {
        "tuned": float(tuned.sum()),
        "changed": float((correlation < 0.5).mean()),
        "correlation": float(correlation.mean()),
        "shift_deg": float(np.degrees(np.median(shift))),
    }
