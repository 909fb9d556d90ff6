"""Quality of separated sources, and two methods that see all samples at once: FOBI, FastICA."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..checks import real_number, whole_number
from .arrays import real_array
from .assignment import assign


class Whitening(NamedTuple):
    """A mixture without mean, correlations and scale."""

    h: np.ndarray  # [channels, samples], of covariance 1
    transform: np.ndarray  # [channels, channels], symmetric: h = transform (x - mean)


class Fobi(NamedTuple):
    """The result of `fobi`."""

    unmixing: np.ndarray  # [sources, channels]
    kurtosis: np.ndarray  # E[|h|^2 y_i^2] of each estimated source y_i, rising
    spread: np.ndarray  # standard error of each, of independent samples


class Match(NamedTuple):
    """Estimated sources beside the true ones."""

    order: np.ndarray  # int64 [sources], the estimate that belongs to each source
    error: np.ndarray  # mean squared error of each source, both of variance 1, signs free
    correlation: np.ndarray  # magnitude of the correlation of each source with its estimate


def centred_mixture(x: np.ndarray) -> np.ndarray:
    """Return a mixture without its mean; ValueError where it has too few samples to separate."""
    x = real_array(x, "x", "channels samples")
    channels, samples = x.shape
    if channels < 2:
        raise ValueError("x has 1 channel; need at least 2 mixed signals")
    if samples <= channels:
        raise ValueError(
            f"x has {samples} samples of {channels} channels; need more samples than channels,"
            " [channels, samples]: transpose it, or record longer"
        )
    return x - x.mean(axis=1, keepdims=True)


def whiten(x: np.ndarray) -> Whitening:
    """Decorrelate a mixture: h = C^-1/2 (x - mean), C its covariance.

    Raises: ValueError where channels are linearly dependent.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(2, 1000)) * [[1.0], [9.0]]
        >>> bool(np.allclose(np.cov(whiten(x).h, bias=True), np.eye(2)))
        True
    """
    x = centred_mixture(x)
    power, axes = np.linalg.eigh(x @ x.T / x.shape[1])
    if power[0] <= 1e-12 * power[-1]:
        raise ValueError(
            f"the {len(x)} channels of x are linearly dependent (smallest variance"
            f" {max(power[0], 0) / max(power[-1], 1e-300):.1e} of the largest): need as many"
            " different mixtures as sources, so leave channels out"
        )
    transform = (axes / np.sqrt(power)) @ axes.T
    return Whitening(transform @ x, transform)


def fobi(x: np.ndarray) -> Fobi:
    """Separate sources of distinct kurtosis: eigenvectors of E[|h|^2 h h^T], h the whitened x.

    Source: Cardoso 1989, "Source separation using higher order moments", ICASSP.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> s = np.stack([rng.laplace(size=5000), rng.uniform(-1, 1, 5000)])
        >>> x = np.array([[1.0, 0.5], [0.3, 1.0]]) @ s
        >>> bool((match(s, fobi(x).unmixing @ x).error < 0.01).all())
        True
    """
    h, transform = whiten(x)
    power = (h**2).sum(axis=0)
    kurtosis, axes = np.linalg.eigh((h * power) @ h.T / h.shape[1])
    y = axes.T @ h
    spread = (power * y**2).std(axis=1) / math.sqrt(h.shape[1])
    return Fobi(axes.T @ transform, kurtosis, spread)


def check_kurtosis(x: np.ndarray) -> None:
    """Raise ValueError for a mixture whose sources have no distinct kurtosis.

    Two are taken for equal where they differ by less than twice the standard error of their
    difference.
    """
    _, kurtosis, spread = fobi(x)
    gap, error = np.diff(kurtosis), np.hypot(spread[1:], spread[:-1])
    closest = int(np.argmin(gap / np.maximum(error, 1e-300)))
    if gap[closest] <= 2 * error[closest]:
        raise ValueError(
            f"two sources of x have the kurtosis {kurtosis[closest]:.3g} and"
            f" {kurtosis[closest + 1]:.3g}, equal within the error {error[closest]:.2g} of"
            f" {x.shape[1]:,} samples; need distinct ones: record longer, or separate with fast_ica"
        )


def fast_ica(
    x: np.ndarray, *, rng: np.random.Generator, steps: int = 1000, tolerance: float = 1e-9
) -> np.ndarray:
    """Return the unmixing matrix of symmetric FastICA with the tanh nonlinearity.

        U <- E[tanh(U h) h^T] - diag(E[1 - tanh(U h)^2]) U;   U <- (U U^T)^-1/2 U

    Args:
        rng: of the start; any rotation.
        steps: at most so many; ends where U turns by less than `tolerance`.
    Returns: [sources, channels].
    Source: Hyvärinen 1999, "Fast and robust fixed-point algorithms for independent component
        analysis", IEEE Transactions on Neural Networks 10.
    """
    whole_number(steps, "steps", 1)
    real_number(tolerance, "tolerance", above=0)
    h, transform = whiten(x)
    u = _orthogonal(rng.normal(size=(len(h), len(h))))
    for _ in range(steps):
        g = np.tanh(u @ h)
        following = _orthogonal(g @ h.T / h.shape[1] - (1 - g**2).mean(axis=1)[:, None] * u)
        turned = np.abs(np.abs((following * u).sum(axis=1)) - 1).max()
        u = following
        if turned < tolerance:
            break
    return u @ transform


def match(sources: np.ndarray, estimates: np.ndarray) -> Match:
    """Match estimates to sources such that the summed squared error is least.

    Signals are scaled to mean 0 and variance 1, signs are free: the error of a pair is
    2 - 2 |correlation|.

    Example:
        >>> s = np.array([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])
        >>> match(s, -3 * s[::-1]).order.tolist()
        [1, 0]
    """
    s, y = (
        real_array(signals, name, "sources samples")
        for signals, name in ((sources, "sources"), (estimates, "estimates"))
    )
    if s.shape != y.shape:
        raise ValueError(
            f"sources have the shape {s.shape} and estimates {y.shape}; need one estimate per"
            " source, and the same samples"
        )
    correlation = np.abs(_standard(s) @ _standard(y).T) / s.shape[1]
    order = assign(2 - 2 * correlation)
    matched = correlation[np.arange(len(s)), order]
    return Match(order, 2 - 2 * matched, matched)


def amari_index(unmixing: np.ndarray, mixing: np.ndarray) -> float:
    """Return how far unmixing times mixing is from a scaled permutation, 0 (separated) to 1.

    Source: Amari, Cichocki and Yang 1996, "A new learning algorithm for blind signal separation",
        NeurIPS 8; here divided by its largest value, 2 n (n - 1).

    Example:
        >>> amari_index(np.array([[0.0, 2.0], [-1.0, 0.0]]), np.eye(2))
        0.0
    """
    product = np.abs(
        real_array(unmixing, "unmixing", "sources channels")
        @ real_array(mixing, "mixing", "channels sources")
    )
    n = len(product)
    if product.shape != (n, n) or n < 2:
        raise ValueError(
            f"unmixing times mixing has the shape {product.shape}; need [n, n], n at least 2"
        )
    rows = (product / product.max(axis=1, keepdims=True)).sum() - n
    columns = (product / product.max(axis=0, keepdims=True)).sum() - n
    return float((rows + columns) / (2 * n * (n - 1)))


def _orthogonal(u: np.ndarray) -> np.ndarray:
    """Return (U U^T)^-1/2 U."""
    left, _, right = np.linalg.svd(u)
    return left @ right


def _standard(signals: np.ndarray) -> np.ndarray:
    centred = signals - signals.mean(axis=1, keepdims=True)
    scale = centred.std(axis=1, keepdims=True)
    return centred / np.where(scale > 0, scale, 1)
