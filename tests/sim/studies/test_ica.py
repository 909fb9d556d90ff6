"""The two-compartment rule: its steps by hand, its fixed point, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from biograd.kernels import separation_loops
from biograd.studies.ica import (
    ICAParams,
    ICAState,
    TwoCompartmentICA,
    batch_step,
    moment_step,
    moments,
    online_step,
)
from biograd.studies.mixtures import mixture
from biograd.studies.separation import fobi, match

FREE = ICAParams(eta=0.1, tau=0.5, decay=0.0, limit=1e9)  # no step is shortened


def start(seed: int = 0, sources: int = 3) -> ICAState:
    rng = np.random.default_rng(seed)
    lateral = rng.normal(size=(sources, sources)) * 0.1
    return ICAState(rng.normal(size=(sources, sources)), np.eye(sources) + lateral @ lateral.T)


def test_an_online_step_is_that_of_the_equations() -> None:
    # one neuron: c = 2 x = 1, y = c / 2 = 0.5, |y|^2 lam c = 0.25
    state = ICAState(np.array([[2.0]]), np.array([[2.0]]))
    after = online_step(state, np.array([0.5]), np.array([1.0]), FREE)
    assert after.w.item() == pytest.approx(2 + 2 * 0.1 * (0.5 - 0.25) * 0.5)
    assert after.m.item() == pytest.approx(2 + 0.1 / 0.5 * (0.25 - 1))


def test_a_batch_step_is_the_mean_of_online_steps() -> None:
    x, lam = np.random.default_rng(1).normal(size=(3, 7)), np.array([0.1, 0.2, 0.3])
    state = start()
    singles = [online_step(state, sample, lam, FREE) for sample in x.T]
    batch = batch_step(state, x, lam, FREE)
    for name in ("w", "m"):
        mean = np.mean([getattr(single, name) for single in singles], axis=0)
        np.testing.assert_allclose(getattr(batch, name), mean, atol=1e-13)


def test_moments_give_the_step_of_the_samples() -> None:
    x, lam = np.random.default_rng(1).laplace(size=(3, 50)), np.array([0.1, 0.2, 0.3])
    for p in (FREE, ICAParams()):
        by_samples = batch_step(start(), x, lam, p)
        by_moments = moment_step(start(), moments(x), lam, p)
        np.testing.assert_allclose(by_moments.w, by_samples.w, atol=1e-12)
        np.testing.assert_allclose(by_moments.m, by_samples.m, atol=1e-12)


@pytest.mark.parametrize("limit", [0.01, 1e9])
def test_the_compiled_loops_take_the_steps_of_the_equations(limit: float) -> None:
    rng, lam = np.random.default_rng(1), np.array([0.1, 0.2, 0.3])
    x, order = rng.laplace(size=(3, 50)), rng.permutation(50)
    p = ICAParams(eta=0.02, tau=0.5, decay=0.01, limit=limit)
    constants = np.array([p.eta, p.tau, p.decay, p.limit])
    by_loop, by_step = start(), start()
    separation_loops.online_steps(*by_loop, x.T.copy(), order, lam, constants, 7)
    for number, sample in enumerate(order):
        by_step = online_step(by_step, x[:, sample], lam, p, 7 + number)
    np.testing.assert_allclose(by_loop.w, by_step.w, atol=1e-10)
    np.testing.assert_allclose(by_loop.m, by_step.m, atol=1e-10)
    by_loop, by_step = start(), start()
    separation_loops.batch_steps(*by_loop, *moments(x), lam, constants, 3, 30)
    for t in range(3, 33):
        by_step = moment_step(by_step, moments(x), lam, p, t)
    np.testing.assert_allclose(by_loop.w, by_step.w, atol=1e-10)
    np.testing.assert_allclose(by_loop.m, by_step.m, atol=1e-10)


def test_a_step_changes_no_matrix_by_more_than_the_limit() -> None:
    state = ICAState(np.full((2, 2), 50.0) + np.eye(2), np.eye(2))
    x, lam = np.array([3.0, -1.0]), np.array([1.0, 2.0])
    after = online_step(state, x, lam, ICAParams(limit=0.05))
    changes = [
        np.linalg.norm(new - old) / np.linalg.norm(old)
        for new, old in zip(after, state, strict=True)
    ]
    assert max(changes) == pytest.approx(0.05) and min(changes) > 0


def test_fobis_solution_is_a_fixed_point() -> None:
    x = mixture("periodic", 0).x
    reference, lam = fobi(x), np.array([0.1, 0.2, 0.3, 0.4])
    m = np.diag(1 / (lam * reference.kurtosis))
    state = ICAState(m @ reference.unmixing, m)
    centred = x - x.mean(axis=1, keepdims=True)
    after = batch_step(state, centred, lam, FREE)
    np.testing.assert_allclose(after.w, state.w, atol=1e-10)
    np.testing.assert_allclose(after.m, state.m, atol=1e-10)


@pytest.mark.parametrize("seed", [1, 5])
def test_the_batch_rule_reaches_fobis_error_with_lambda_of_no_oracle(seed: int) -> None:
    m = mixture("periodic", seed)
    reference = match(m.sources, fobi(m.x).unmixing @ m.x).error.mean()
    y = TwoCompartmentICA(seed=seed, params=ICAParams(eta=0.1)).fit(m.x, steps=5000)
    assert match(m.sources, y).error.mean() < 1.1 * reference


def test_the_online_rule_separates_samples_seen_one_by_one() -> None:
    rng = np.random.default_rng(0)
    s = np.stack([rng.laplace(size=3000), rng.uniform(-1, 1, 3000)])
    x = np.array([[1.0, 0.6], [-0.4, 1.0]]) @ s
    assert match(s, x).correlation.min() < 0.95
    y = TwoCompartmentICA(seed=1).fit(x, steps=4000, mode="online")
    assert match(s, y).correlation.min() > 0.99


def test_without_decorrelation_a_mild_mixture_is_separated_too() -> None:
    rng = np.random.default_rng(0)
    s = np.stack([rng.laplace(size=3000), rng.uniform(-1, 1, 3000)])
    s /= s.std(axis=1, keepdims=True)
    ica = TwoCompartmentICA(seed=1, decorrelate=False)
    y = ica.fit(np.array([[1.0, 0.3], [-0.2, 1.0]]) @ s, steps=2000)
    assert match(s, y).correlation.min() > 0.99


def test_a_seed_gives_the_same_weights_and_new_samples_are_separated() -> None:
    m = mixture("periodic", 3)
    fitted = [TwoCompartmentICA(seed=5) for _ in range(2)]
    for ica in fitted:
        ica.fit(m.x[:, :5000], steps=300)
    assert np.array_equal(fitted[0].unmixing, fitted[1].unmixing)
    assert fitted[0].separate(m.x[:, 5000:]).shape == (4, 5000)


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        (lambda x: TwoCompartmentICA().fit(x[:, :4]), "x has 4 samples of 4 channels; need more"),
        (lambda x: TwoCompartmentICA().fit(x[:1]), "x has 1 channel; need at least 2"),
        (lambda x: TwoCompartmentICA().fit(x[[0, 1, 0]]), "channels of x are linearly dependent"),
        (
            lambda x: TwoCompartmentICA().fit(np.random.default_rng(0).normal(size=(3, 900))),
            "two sources of x have the kurtosis .*equal within the error",
        ),
        (lambda x: TwoCompartmentICA(lam=[1, 2, 2]), "need distinct entries"),
        (lambda x: TwoCompartmentICA(lam=[1, 0]), "an entry of lam is 0.0; need 0 < "),
        (lambda x: TwoCompartmentICA(lam=[1, 2]).fit(x), "lam has 2 entries for 4 channels"),
        (lambda x: TwoCompartmentICA().fit(x, mode="onlin"), "did you mean 'online'"),
        (lambda x: TwoCompartmentICA().separate(x), "call fit"),
        (lambda x: ICAParams(eta=0), "ica.eta is 0; need 0 < eta"),
        (lambda x: mixture("music", 0), "known: periodic, voices, patches"),
        (lambda x: TwoCompartmentICA().fit(x * np.nan), "numbers that are not finite"),
    ],
)
def test_what_cannot_be_separated_is_refused_in_one_line(fails, message) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        fails(mixture("periodic", 0).x)
    assert "\n" not in str(refused.value)
