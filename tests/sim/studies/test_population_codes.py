"""Population codes: analytic Gaussian cases, shuffling, redundancy and aligned solutions."""

from __future__ import annotations

import numpy as np
import pytest

from biograd.studies.population_codes import (
    aligned,
    class_pairs,
    limited_d2,
    linear_accuracy,
    redundancy,
    shuffled,
    two_classes,
    uniform_d2,
)


def gaussian(dmu: np.ndarray, s: np.ndarray, samples: int = 40_000, seed: int = 0):
    rng = np.random.default_rng(seed)
    noise = rng.multivariate_normal(np.zeros(len(dmu)), s, 2 * samples)
    return noise[:samples], noise[samples:] + dmu


def uniform(n: int, variance: float, c: float) -> np.ndarray:
    return variance * ((1 - c) * np.eye(n) + c * np.ones((n, n)))


ALONG, ACROSS = np.full(8, 0.5), np.array([0.5, -0.5] * 4)


@pytest.mark.parametrize("dmu", [ALONG, ACROSS, np.linspace(-0.3, 0.6, 8)])
@pytest.mark.parametrize("c", [0.0, 0.2, 0.5])
def test_the_discriminability_of_gaussian_counts_is_recovered_within_two_per_cent(dmu, c) -> None:
    s = uniform(8, 1.5, c)
    code = two_classes(*gaussian(dmu, s, samples=100_000))
    exact = dmu @ np.linalg.solve(s, dmu)
    assert uniform_d2(dmu, 1.5, c) == pytest.approx(exact)
    assert code.d2 == pytest.approx(exact, rel=0.02)
    assert code.d2_shuffled == pytest.approx((dmu**2).sum() / 1.5, rel=0.02)
    assert code.correlation == pytest.approx(c, abs=0.01)


def test_correlations_along_the_signal_harm_and_across_it_help() -> None:
    s = uniform(8, 1.0, 0.3)
    along, across = (two_classes(*gaussian(dmu, s)) for dmu in (ALONG, ACROSS))
    assert along.ratio == pytest.approx(1 / (1 + 7 * 0.3), rel=0.03) and along.angle < 2
    assert across.ratio == pytest.approx(1 / 0.7, rel=0.03) and across.angle > 88


def test_a_signal_along_the_noise_saturates_with_neurons_and_one_across_it_grows() -> None:
    along = [uniform_d2(np.full(n, 0.5), 1.0, 0.1) for n in (10, 100, 10_000)]
    assert along[-1] == pytest.approx(0.25 / 0.1, rel=0.01) and along[0] < along[1] < along[2]
    across = [uniform_d2(np.array([0.5, -0.5] * n), 1.0, 0.1) for n in (50, 500)]
    assert across[1] == pytest.approx(10 * across[0])


def test_noise_that_mimics_the_signal_limits_the_code() -> None:
    dmu, mimicry = np.linspace(0.2, 1, 6), 0.3
    plain = float(dmu @ dmu)
    s = np.eye(6) + mimicry * np.outer(dmu, dmu)
    assert limited_d2(plain, mimicry) == pytest.approx(dmu @ np.linalg.solve(s, dmu))
    assert two_classes(*gaussian(dmu, s)).d2 == pytest.approx(limited_d2(plain, mimicry), rel=0.02)
    assert limited_d2(1e9, mimicry) == pytest.approx(1 / mimicry)


def test_few_samples_do_not_feign_information() -> None:
    dmu, s = np.zeros(20), np.eye(20)
    codes = [two_classes(*gaussian(dmu, s, samples=30, seed=seed)) for seed in range(60)]
    d2 = np.array([code.d2 for code in codes])
    # without its corrections d'^2 would be about 20 (1/30 + 1/30) 58 / 37 = 2.1
    assert abs(d2.mean()) < 4 * d2.std() / np.sqrt(len(d2)) < 1


def test_shuffling_keeps_means_and_variances_and_removes_correlations() -> None:
    a, b = gaussian(ALONG, uniform(8, 1.0, 0.6), samples=5000)
    counts, labels = np.concatenate([a, b]), np.repeat([0, 1], 5000)
    moved = shuffled(counts, labels, rng=np.random.default_rng(0))
    for name in (0, 1):
        of, before = moved[labels == name], counts[labels == name]
        np.testing.assert_allclose(of.mean(axis=0), before.mean(axis=0))
        np.testing.assert_allclose(of.var(axis=0), before.var(axis=0))
    code = two_classes(moved[:5000], moved[5000:])
    assert abs(code.correlation) < 0.01
    assert code.d2 == pytest.approx(two_classes(a, b).d2_shuffled, rel=0.05)


def test_every_pair_of_classes_is_compared() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(4, (300, 5)) + np.repeat([[0], [1], [5]], 100, axis=0)
    pairs = class_pairs(counts, np.repeat([2, 4, 7], 100))
    assert list(pairs) == [(2, 4), (2, 7), (4, 7)]
    assert pairs[2, 7].d2 > pairs[4, 7].d2 > pairs[2, 4].d2 > 0


def test_a_redundant_population_bears_losses_and_a_sparse_one_does_not() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 2
    signal = np.repeat(labels[:, None], 40, axis=1) * 2.0
    redundant = signal + rng.normal(size=(600, 40))
    sparse = rng.normal(size=(600, 40))
    sparse[:, 7] += 6 * labels
    kept = {
        name: dict(redundancy(counts, labels, (1.0, 0.25), rng=np.random.default_rng(1)))
        for name, counts in (("redundant", redundant), ("sparse", sparse))
    }
    assert kept["redundant"][10] > 0.97 and kept["sparse"][40] > 0.97 > 0.9 > kept["sparse"][10]
    assert linear_accuracy(rng.normal(size=(600, 3)), labels, rng=rng) == pytest.approx(
        0.5, abs=0.1
    )


def test_solutions_are_aligned_up_to_order_and_noise() -> None:
    rng = np.random.default_rng(0)
    counts, order = rng.poisson(5, (200, 12)), rng.permutation(12)
    partner, correlation = aligned(counts, counts[:, order] + rng.normal(0, 0.1, (200, 12)))
    assert np.array_equal(order[partner], np.arange(12)) and correlation.min() > 0.99
    assert aligned(counts, rng.poisson(5, (200, 12)))[1].mean() < 0.3


COUNTS = np.random.default_rng(0).poisson(3, (20, 4))


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        (lambda: class_pairs(COUNTS, np.arange(20)), "class 0 has 1 sample; need at least 2"),
        (lambda: class_pairs(COUNTS, np.zeros(20, int)), "labels hold the class 0 alone"),
        (lambda: class_pairs(COUNTS, np.zeros(19, int)), r"need one per sample, \(20,\)"),
        (lambda: two_classes(COUNTS[:3], COUNTS[3:6]), "more than 7 together"),
        (lambda: two_classes(COUNTS, COUNTS[:, :3]), "a has 4 neurons and b 3"),
        (lambda: two_classes(COUNTS[:1], COUNTS), "have 1 and 20 samples; need at least 2"),
        (lambda: two_classes(COUNTS * 0, COUNTS * 0), "there is no noise to measure"),
        (lambda: uniform_d2(np.ones(4), 1.0, -0.5), "correlation is -0.5; need"),
        (lambda: aligned(COUNTS, COUNTS[:9]), "need the same samples and as many neurons"),
    ],
)
def test_counts_that_tell_nothing_are_refused_in_one_line(fails, message) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        fails()
    assert "\n" not in str(refused.value)
