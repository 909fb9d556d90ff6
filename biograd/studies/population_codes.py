"""What a population's spike counts tell of two classes, and what correlated noise does to it.

    dmu     difference of the mean counts of two classes: the signal axis
    S       covariance of the counts within a class, the mean of both: the noise
    d'^2  = dmu^T S^-1 dmu             as an optimal linear reader has it
    d'^2  = sum_i dmu_i^2 / S_ii       without correlations: trials shuffled neuron by neuron

Correlations of noise help or harm, by their direction. Of N neurons with the variance s^2 and the
correlation c between any two, noise has the variance s^2 (1 + (N - 1) c) along the axis of ones and
s^2 (1 - c) across it. So a signal along that axis saturates at |dmu per neuron|^2 / (c s^2) however
many neurons there are, and one across it is told apart better than without correlations. Noise
that mimics the signal, S = S0 + e dmu dmu^T, limits every code: by the formula of Sherman and
Morrison, d'^2 = d0^2 / (1 + e d0^2), which tends to 1 / e.

Source: da Silveira and Rieke 2021, "The geometry of information coding in correlated neural
    populations", Annual Review of Neuroscience (arXiv 2102.00772); unbiased d'^2: Kanitscheider,
    Coen-Cagli, Kohn and Pouget 2015, PLoS Computational Biology 11.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from ..checks import real_number, whole_number
from .arrays import real_array
from .assignment import assign


class Code(NamedTuple):
    """How well the counts of two classes are told apart."""

    d2: float  # d'^2, corrected for the number of samples; may fall below 0 by chance
    d2_shuffled: float  # the same without correlations
    angle: float  # between the largest axis of noise and the signal axis, degrees, 0 to 90
    correlation: float  # mean correlation of the noise of two neurons

    @property
    def ratio(self) -> float:
        """d'^2 over that without correlations: above 1 where they help."""
        return self.d2 / self.d2_shuffled if self.d2_shuffled else math.nan


def two_classes(a: np.ndarray, b: np.ndarray) -> Code:
    """Return how well the spike counts of two classes are told apart.

    Args:
        a, b: counts of each class, [samples, neurons]. Neurons whose counts never vary within a
            class are left out.
    Raises: ValueError where samples are too few for a covariance.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> code = two_classes(rng.normal(0, 1, (5000, 2)), rng.normal([2, 0], 1, (5000, 2)))
        >>> round(code.d2), round(code.d2_shuffled), code.angle <= 90
        (4, 4, True)
    """
    a, b = _pair(a, b)
    varies = (a.var(axis=0) > 0) | (b.var(axis=0) > 0)
    if not varies.any():
        raise ValueError("no neuron's count varies within a class: there is no noise to measure")
    a, b = a[:, varies], b[:, varies]
    n, neurons = len(a) + len(b), a.shape[1]
    degrees = n - 2
    if degrees <= neurons + 1:
        raise ValueError(
            f"the classes have {len(a)} and {len(b)} samples for {neurons} active neurons; need"
            f" more than {neurons + 3} together: record more samples, or analyse fewer neurons"
        )
    dmu = b.mean(axis=0) - a.mean(axis=0)
    s = (a - a.mean(axis=0)).T @ (a - a.mean(axis=0)) + (b - b.mean(axis=0)).T @ (
        b - b.mean(axis=0)
    )
    s /= degrees
    # E[S^-1] = S^-1 degrees / (degrees - N - 1), and the means themselves are noisy
    noise_of_means = 1 / len(a) + 1 / len(b)
    solved = np.linalg.lstsq(s, dmu, rcond=1e-10)[0]
    d2 = float(dmu @ solved) * (degrees - neurons - 1) / degrees - neurons * noise_of_means
    shuffled = float((dmu**2 / np.diag(s)).sum()) * (degrees - 2) / degrees
    axes = np.linalg.eigh(s)[1]  # the largest last
    cosine = abs(float(axes[:, -1] @ dmu)) / max(float(np.linalg.norm(dmu)), 1e-300)
    scale = np.sqrt(np.diag(s))
    correlations = (s / np.outer(scale, scale))[~np.eye(neurons, dtype=bool)]
    return Code(
        d2,
        shuffled - neurons * noise_of_means,
        math.degrees(math.acos(min(1.0, cosine))),
        float(correlations.mean()) if neurons > 1 else 0.0,
    )


def class_pairs(counts: np.ndarray, labels: np.ndarray) -> dict[tuple[int, int], Code]:
    """Return `two_classes` of every pair of classes.

    Args:
        counts: [samples, neurons].
        labels: class of each sample.
    Raises: ValueError for fewer than two classes, or a class with one sample.
    """
    counts = real_array(counts, "counts", "samples neurons")
    labels = np.asarray(labels)
    if labels.shape != counts.shape[:1]:
        raise ValueError(
            f"labels have the shape {labels.shape}; need one per sample, ({len(counts)},)"
        )
    names, sizes = np.unique(labels, return_counts=True)
    if len(names) < 2:
        raise ValueError(f"labels hold the class {names[0]} alone; need at least 2 classes")
    if sizes.min() < 2:
        alone = names[int(sizes.argmin())]
        raise ValueError(
            f"class {alone} has 1 sample; need at least 2 of each class for a variance: record more"
        )
    return {
        (int(one), int(other)): two_classes(counts[labels == one], counts[labels == other])
        for one, other in itertools.combinations(names, 2)
    }


def shuffled(counts: np.ndarray, labels: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Return counts whose samples are permuted within each class, for every neuron anew.

    Means and variances stay; correlations of the noise are gone.
    """
    counts = real_array(counts, "counts", "samples neurons").copy()
    for name in np.unique(labels):
        rows = np.flatnonzero(np.asarray(labels) == name)
        order = rng.random((len(rows), counts.shape[1])).argsort(axis=0)
        counts[rows] = np.take_along_axis(counts[rows], order, axis=0)
    return counts


def uniform_d2(dmu: np.ndarray, variance: float, correlation: float) -> float:
    """Return d'^2 of neurons with one variance and one correlation between any two.

    The sum of the signal along and across the axis of ones, each over the noise on its axis.

    Example:
        >>> uniform_d2(np.ones(4), 1.0, 0.5) < uniform_d2(np.array([1.0, -1, 1, -1]), 1.0, 0.5)
        True
    """
    dmu = real_array(dmu, "dmu", "neurons")
    n = len(dmu)
    real_number(variance, "variance", above=0)
    real_number(correlation, "correlation", above=-1 / (n - 1) if n > 1 else -1.0, below=1)
    along = dmu.sum() ** 2 / n
    across = (dmu**2).sum() - along
    return float(
        along / (variance * (1 + (n - 1) * correlation)) + across / (variance * (1 - correlation))
    )


def limited_d2(d2: float, mimicry: float) -> float:
    """Return d'^2 where noise mimics the signal: d2 / (1 + mimicry d2), at most 1 / mimicry.

    Args:
        d2: without that noise.
        mimicry: e of S0 + e dmu dmu^T.
    """
    real_number(d2, "d2", least=0)
    real_number(mimicry, "mimicry", least=0)
    return d2 / (1 + mimicry * d2)


def linear_accuracy(
    counts: np.ndarray, labels: np.ndarray, *, rng: np.random.Generator, ridge: float = 1e-3
) -> float:
    """Return the accuracy of a linear reader, least squares on a random half, on the other half.

    Args:
        ridge: of the mean variance of the counts.
    """
    counts = real_array(counts, "counts", "samples neurons")
    names, classes = np.unique(labels, return_inverse=True)
    order = rng.permutation(len(counts))
    train, test = np.array_split(order, 2)
    x = np.concatenate([counts, np.ones((len(counts), 1))], axis=1)
    gram = x[train].T @ x[train]
    gram += ridge * max(float(counts.var(axis=0).mean()), 1e-12) * len(train) * np.eye(len(gram))
    w = np.linalg.solve(gram, x[train].T @ np.eye(len(names))[classes[train]])
    return float(((x[test] @ w).argmax(axis=1) == classes[test]).mean())


def redundancy(
    counts: np.ndarray,
    labels: np.ndarray,
    kept: tuple[float, ...] = (1.0, 0.5, 0.25, 0.1, 0.05),
    *,
    rng: np.random.Generator,
    draws: int = 5,
) -> list[tuple[int, float]]:
    """Return (neurons kept, mean accuracy of a linear reader) for random parts of a population."""
    counts = real_array(counts, "counts", "samples neurons")
    whole_number(draws, "draws", 1)
    rows = []
    for fraction in kept:
        real_number(fraction, "a fraction of kept", above=0, most=1)
        size = max(1, round(fraction * counts.shape[1]))
        accuracies = [
            linear_accuracy(counts[:, rng.permutation(counts.shape[1])[:size]], labels, rng=rng)
            for _ in range(1 if size == counts.shape[1] else draws)
        ]
        rows.append((size, float(np.mean(accuracies))))
    return rows


def aligned(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Match the neurons of two solutions by their counts on the same samples.

    Args:
        a, b: counts, [samples, neurons], of as many neurons.
    Returns: the neuron of `b` that belongs to each neuron of `a`, such that the summed correlation
        is largest; and these correlations (0 for silent neurons).

    Example:
        >>> counts = np.random.default_rng(0).poisson(3, (50, 4))
        >>> aligned(counts, counts[:, [2, 0, 3, 1]])[0].tolist()
        [1, 3, 0, 2]
    """
    a, b = (real_array(counts, name, "samples neurons") for counts, name in ((a, "a"), (b, "b")))
    if a.shape != b.shape:
        raise ValueError(
            f"a has the shape {a.shape} and b {b.shape}; need the same samples and as many neurons"
        )
    correlation = _standard(a).T @ _standard(b) / len(a)
    partner = assign(-correlation)
    return partner, correlation[np.arange(len(partner)), partner]


def _pair(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = (real_array(counts, name, "samples neurons") for counts, name in ((a, "a"), (b, "b")))
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"a has {a.shape[1]} neurons and b {b.shape[1]}; need the same ones")
    if min(len(a), len(b)) < 2:
        raise ValueError(
            f"the classes have {len(a)} and {len(b)} samples; need at least 2 of each, for a"
            " variance"
        )
    return a, b


def _standard(counts: np.ndarray) -> np.ndarray:
    centred = counts - counts.mean(axis=0)
    spread = centred.std(axis=0)
    return centred / np.where(spread > 0, spread, 1)
