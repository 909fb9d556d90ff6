"""References and measures of separation on cases with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from biograd.studies.mixtures import TASKS, VOICE_SAMPLES, mixture
from biograd.studies.separation import amari_index, fast_ica, fobi, match, whiten


def test_white_signals_have_covariance_one_whatever_the_mixing() -> None:
    h, transform = whiten(mixture("periodic", 0).x)
    np.testing.assert_allclose(h @ h.T / h.shape[1], np.eye(4), atol=1e-9)
    np.testing.assert_allclose(transform, transform.T, atol=1e-9)


def test_fobi_finds_the_kurtosis_of_each_source() -> None:
    # E[|h|^2 y^2] = kurtosis + (sources - 1): 9/5 of a uniform and 6 of a Laplace source
    rng = np.random.default_rng(0)
    s = np.stack([rng.laplace(size=200_000), rng.uniform(-1, 1, 200_000)])
    estimate = fobi(np.array([[1.0, 0.5], [0.2, 1.0]]) @ s)
    assert estimate.kurtosis == pytest.approx([1.8 + 1, 6 + 1], rel=0.03)


@pytest.mark.parametrize("task", TASKS)
def test_both_references_separate_every_task(task: str) -> None:
    m = mixture(task, 0)
    for unmixing in (fobi(m.x).unmixing, fast_ica(m.x, rng=np.random.default_rng(0))):
        assert match(m.sources, unmixing @ m.x).correlation.min() > 0.95
        assert amari_index(unmixing, m.mixing) < 0.15
    assert match(m.sources, m.x).correlation.min() < 0.95


def test_fast_ica_is_that_of_scikit_learn() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    m = mixture("periodic", 0)
    theirs = decomposition.FastICA(whiten="unit-variance", random_state=0, tol=1e-8, max_iter=1000)
    theirs.fit(m.x.T)
    ours = fast_ica(m.x, rng=np.random.default_rng(0))
    assert match(ours @ m.x, theirs.components_ @ m.x).correlation.min() > 0.9999


def test_sources_are_of_mean_0_and_variance_1_and_differ_between_seeds() -> None:
    for task in TASKS:
        m, other = mixture(task, 0), mixture(task, 1)
        np.testing.assert_allclose(m.sources.mean(axis=1), 0, atol=1e-12)
        np.testing.assert_allclose(m.sources.std(axis=1), 1)
        np.testing.assert_array_equal(m.x, mixture(task, 0).x)
        assert not np.array_equal(m.sources, other.sources)
    assert mixture("voices", 0).x.shape == (3, VOICE_SAMPLES)


def test_a_match_undoes_order_sign_and_scale() -> None:
    s = np.random.default_rng(0).normal(size=(4, 100))
    order = [2, 0, 3, 1]
    matched = match(s, (np.array([[-2.0], [0.5], [1.0], [-9.0]]) * s)[order])
    assert matched.order.tolist() == [1, 3, 0, 2] and np.allclose(matched.error, 0)
    assert np.allclose(matched.correlation, 1)


def test_the_amari_index_is_0_for_a_permutation_and_1_for_a_full_mixture() -> None:
    assert amari_index(np.eye(3)[[2, 0, 1]] * -4, np.eye(3)) == 0
    assert amari_index(np.ones((3, 3)), np.eye(3)) == pytest.approx(1)
    with pytest.raises(ValueError, match=r"has the shape \(1, 1\); need \[n, n\], n at least 2"):
        amari_index(np.eye(1), np.eye(1))
    with pytest.raises(ValueError, match="need one estimate per source"):
        match(np.ones((2, 5)), np.ones((3, 5)))
