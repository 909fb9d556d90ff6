"""Independent components by a rule of two compartments, online or in batches.

A neuron's dendrite sums its inputs, and its soma, after lateral interaction, holds the component:

    c = W x                                        dendrite
    y = M^-1 c                                     soma
    W <- W + 2 eta (y - |y|^2 Lambda c) x^T        feed-forward synapses
    M <- M + (eta / tau) (y y^T - 1)               lateral synapses

Each synapse sees the activity on its two sides, and the total activity |y|^2 of the population,
one number that a modulator can carry. At the fixed point y is white and E[|y|^2 y y^T] diagonal:
the condition of FOBI (see `separation.fobi`). Only the differences within Lambda matter: they
assign the components to the neurons.

Source: Bahroun, Chklovskii and Sengupta 2021, "A normative and biologically plausible algorithm for
    independent component analysis", NeurIPS (arXiv 2111.08858). Ours differs: inputs may be
    decorrelated first, Lambda needs no oracle, and a step is shortened where it would change W or M
    by more than a fraction `limit` of their norms, without which large initial weights diverge.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..checks import real_fields, real_number, whole_number, word_of
from ..kernels import separation_loops
from .arrays import real_array
from .separation import centred_mixture, check_kurtosis, whiten

MODES = ("batch", "online")


@dataclass(frozen=True, kw_only=True)
class ICAParams:
    """Constants of the rule.

    Example:
        >>> ICAParams(eta=0.1).tau
        0.75
    """

    eta: float = 0.05  # step size; ours, from trials on the mixtures, as decay and limit
    # time constant of the lateral synapses against the others; Source: the authors' public code
    tau: float = 0.75
    decay: float = 1e-4  # eta falls as 1 / (1 + decay t), per step
    limit: float = 0.1  # largest relative change of W or M in one step

    def __post_init__(self) -> None:
        real_fields(self, "eta", "tau", "limit", table="ica", above=0)
        real_fields(self, "decay", table="ica", least=0)


BATCH = ICAParams()
ONLINE = ICAParams(eta=0.01, decay=2e-4, limit=0.03)


class ICAState(NamedTuple):
    """Synapses of the population."""

    w: np.ndarray  # [sources, channels], feed-forward
    m: np.ndarray  # [sources, sources], lateral


def online_step(
    state: ICAState, x: np.ndarray, lam: np.ndarray, p: ICAParams = ONLINE, t: int = 0
) -> ICAState:
    """Return the synapses after one sample.

    Args:
        x: the sample, [channels].
        lam: Lambda's diagonal, [sources], distinct and above 0.
        t: number of the step, from 0; for the decay of eta.
    """
    c = state.w @ x
    y = np.linalg.solve(state.m, c)
    return _moved(state, np.outer(y - (y @ y) * lam * c, x), np.outer(y, y), p, t)


def batch_step(
    state: ICAState, x: np.ndarray, lam: np.ndarray, p: ICAParams = BATCH, t: int = 0
) -> ICAState:
    """Return the synapses after the mean change over all samples; x: [channels, samples].

    Other arguments: see `online_step`.
    """
    c = state.w @ x
    y = np.linalg.solve(state.m, c)
    towards = (y - (y**2).sum(axis=0) * lam[:, None] * c) @ x.T / x.shape[1]
    return _moved(state, towards, y @ y.T / x.shape[1], p, t)


class Moments(NamedTuple):
    """Everything that a batch step needs of the samples."""

    second: np.ndarray  # E[x x^T], [channels, channels]
    fourth: np.ndarray  # E[x_i x_j x_k x_l], [channels^2, channels^2]


def moments(x: np.ndarray) -> Moments:
    """Return the moments of a mixture without mean, [channels, samples]."""
    pairs = (x[:, None] * x[None, :]).reshape(-1, x.shape[1])
    return Moments(x @ x.T / x.shape[1], pairs @ pairs.T / x.shape[1])


def moment_step(
    state: ICAState, of: Moments, lam: np.ndarray, p: ICAParams = BATCH, t: int = 0
) -> ICAState:
    """Return what `batch_step` does, without the samples.

    y = P x with P = M^-1 W, so |y|^2 = x^T (P^T P) x, and the mean of |y|^2 x x^T is a sum of
    fourth moments. But for rounding both are equal; the cost of a step is the same for any number
    of samples.
    """
    p_of = np.linalg.solve(state.m, state.w)
    weighted = ((p_of.T @ p_of).reshape(-1) @ of.fourth).reshape(of.second.shape)
    y_x = p_of @ of.second
    return _moved(state, y_x - lam[:, None] * (state.w @ weighted), y_x @ p_of.T, p, t)


def _moved(state: ICAState, towards: np.ndarray, y_y: np.ndarray, p: ICAParams, t: int) -> ICAState:
    eta = p.eta / (1 + p.decay * t)
    dw = 2 * eta * towards
    dm = eta / p.tau * (y_y - np.eye(len(y_y)))
    reach = min(_norm(state.w) / max(_norm(dw), 1e-300), _norm(state.m) / max(_norm(dm), 1e-300))
    part = min(1.0, p.limit * reach)
    return ICAState(state.w + part * dw, state.m + part * dm)


def _norm(matrix: np.ndarray) -> float:
    return math.sqrt(float(np.vdot(matrix, matrix)))


class TwoCompartmentICA:
    """Separates the sources of a mixture.

    Args:
        lam: Lambda's diagonal, one number above 0 per source, all distinct; 1, 2, .. unless given.
            Its scale is free (it only sets that of W and M) and is normalised.
        decorrelate: whether inputs pass a decorrelating stage first (see `separation.whiten`);
            without it, mixtures with a condition number of tens take many times as long.
        params: constants of the rule; `BATCH` or `ONLINE` unless given.
        seed: of the initial weights, N(0, 1), and of the order of samples online.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> s = np.stack([rng.laplace(size=4000), rng.uniform(-1, 1, 4000)])
        >>> ica = TwoCompartmentICA(seed=1)
        >>> y = ica.fit(np.array([[1.0, 0.4], [0.7, 1.0]]) @ s, steps=2000)
        >>> from biograd.studies.separation import match
        >>> bool((match(s, y).correlation > 0.99).all())
        True
    """

    def __init__(
        self,
        *,
        lam: np.ndarray | Sequence[float] | None = None,
        decorrelate: bool = True,
        params: ICAParams | None = None,
        seed: int = 0,
    ) -> None:
        self.lam = None if lam is None else _distinct(lam)
        self.decorrelate, self.params = decorrelate, params
        self.seed = whole_number(seed, "seed")
        self.state: ICAState | None = None
        self._transform: np.ndarray | None = None
        self._mean: np.ndarray | None = None

    def fit(self, x: np.ndarray, *, steps: int = 20_000, mode: str = "batch") -> np.ndarray:
        """Learn from a mixture, [channels, samples]; return its sources, [sources, samples].

        Args:
            steps: of the batch form, or samples of the online form, which are shown in random
                order, again and again.
        Raises: ValueError where two sources have the same kurtosis, or samples are too few.
        """
        for _ in self.steps(x, steps=steps, mode=mode, every=steps):
            pass
        return self.separate(x)

    def steps(
        self, x: np.ndarray, *, steps: int, mode: str = "batch", every: int = 1000
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Learn as `fit` does; yield (steps done, unmixing matrix) every so many steps."""
        word_of(mode, MODES, "mode")
        whole_number(steps, "steps", 1)
        whole_number(every, "every", 1)
        h = self._inputs(x)
        rng = np.random.default_rng(self.seed)
        sources = len(h)
        lam = np.arange(1.0, sources + 1) if self.lam is None else self.lam
        if len(lam) != sources:
            raise ValueError(f"lam has {len(lam)} entries for {sources} channels; need one each")
        # M ends with the diagonal 1 / (Lambda kurtosis), and a small M oscillates: divided by the
        # mean kurtosis of the inputs, E|h|^4 per channel, Lambda leaves it at about 1
        lam = lam / lam.max() * sources / ((h**2).sum(axis=0) ** 2).mean()
        p = self.params or (BATCH if mode == "batch" else ONLINE)
        w, m = rng.normal(size=(sources, sources)), np.eye(sources)
        of = moments(h) if mode == "batch" else None
        samples = np.ascontiguousarray(h.T)
        constants = np.array([p.eta, p.tau, p.decay, p.limit])
        order = np.empty(0, np.int64)  # of the samples still to be shown
        for first in range(0, steps, every):
            count = min(every, steps - first)
            if of is not None:
                separation_loops.batch_steps(w, m, *of, lam, constants, first, count)
            else:
                while len(order) < count:
                    order = np.concatenate([order, rng.permutation(len(samples))])
                separation_loops.online_steps(w, m, samples, order[:count], lam, constants, first)
                order = order[count:]
            self.state = ICAState(w.copy(), m.copy())
            yield first + count, self.unmixing

    @property
    def unmixing(self) -> np.ndarray:
        """M^-1 W, the decorrelating stage included, [sources, channels]."""
        if self.state is None or self._transform is None:
            raise ValueError("nothing is learned yet: call fit(x) first")
        return np.linalg.solve(self.state.m, self.state.w) @ self._transform

    def separate(self, x: np.ndarray) -> np.ndarray:
        """Return the sources of a mixture, [sources, samples]."""
        unmixing = self.unmixing
        x = real_array(x, "x", "channels samples")
        if len(x) != unmixing.shape[1]:
            raise ValueError(
                f"x has {len(x)} channels; the weights were learned for {unmixing.shape[1]}"
            )
        return unmixing @ (x - self._mean)

    def _inputs(self, x: np.ndarray) -> np.ndarray:
        centred = centred_mixture(x)
        check_kurtosis(centred)
        self._mean = np.asarray(x, np.float64).mean(axis=1, keepdims=True)
        if self.decorrelate:
            h, self._transform = whiten(centred)
            return h
        # of mean power 1 per channel, so that eta means the same for every mixture
        self._transform = np.eye(len(centred)) / math.sqrt(float((centred**2).mean()))
        return self._transform @ centred


def _distinct(lam: np.ndarray | Sequence[float]) -> np.ndarray:
    entries = real_array(lam, "lam", "sources")
    for entry in entries:
        real_number(float(entry), "an entry of lam", above=0)
    if len(np.unique(entries)) != len(entries):
        raise ValueError(
            f"lam is {entries.tolist()}; need distinct entries, which tell the neurons apart"
        )
    return entries
