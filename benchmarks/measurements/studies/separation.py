"""Sources separated by the two-compartment rule, beside FOBI and FastICA on the same samples."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from biograd.studies.ica import ICAParams, TwoCompartmentICA
from biograd.studies.mixtures import Mixture, mixture
from biograd.studies.separation import amari_index, fast_ica, fobi, match

SHOWN = 160  # samples of each signal that are recorded for the figure

LONG = ICAParams(eta=0.1, decay=0.0)  # of the slower forms


@dataclass(frozen=True, kw_only=True)
class SeparationParams:
    """One task and how long the rule learns it."""

    task: str = "periodic"  # periodic, voices or patches
    steps: int = 30_000  # of the batch form
    # of the batch form with the oracle's Lambda, and on inputs that are not decorrelated
    long_steps: int = 40_000
    online_steps: int = 100_000  # samples
    points: int = 20  # of the curve


TASKS = tuple(SeparationParams(task=task) for task in ("periodic", "voices", "patches"))


def measure(p: SeparationParams, seed: int) -> Iterator[dict[str, Any]]:  # any: JSON
    """Yield one row: the error of every method on one mixture."""
    m = mixture(p.task, seed)
    reference = fobi(m.x)
    random = np.random.default_rng(seed)
    rows = {
        "FOBI": scores(m, reference.unmixing),
        "FastICA": scores(m, fast_ica(m.x, rng=random)),
    }
    curves: dict[str, list[list[float]]] = {}
    for method, ica, mode, steps in (
        ("rule", TwoCompartmentICA(seed=seed), "batch", p.steps),
        (
            "rule, oracle Lambda",
            TwoCompartmentICA(seed=seed, lam=reference.kurtosis, params=LONG),
            "batch",
            p.long_steps,
        ),
        (
            "rule, not decorrelated",
            TwoCompartmentICA(seed=seed, decorrelate=False, params=LONG),
            "batch",
            p.long_steps,
        ),
        ("rule, online", TwoCompartmentICA(seed=seed), "online", p.online_steps),
    ):
        start = time.perf_counter()
        curve = [
            (done, scores(m, unmixing))
            for done, unmixing in ica.steps(
                m.x, steps=steps, mode=mode, every=-(-steps // p.points)
            )
        ]
        seconds = time.perf_counter() - start
        rows[method] = curve[-1][1] | {"seconds": seconds}
        curves[method] = [[done, score["error"]] for done, score in curve]
        if method == "rule":
            learned = ica.separate(m.x)
    yield {
        "task": p.task,
        "kurtosis": reference.kurtosis.tolist(),
        "methods": rows,
        "curves": curves,
        "shown": _shown(m, learned),
    }


def scores(m: Mixture, unmixing: np.ndarray) -> dict[str, Any]:  # any: JSON
    """Return how well an unmixing matrix separates a mixture.

    `error` is the mean squared error per source, of variance 1, after matching.
    """
    matched = match(m.sources, unmixing @ m.x)
    return {
        "error": float(matched.error.mean()),
        "error_per_source": matched.error.tolist(),
        "lowest_correlation": float(matched.correlation.min()),
        "amari": amari_index(unmixing, m.mixing),
    }


def described(p: SeparationParams) -> dict[str, Any]:  # any: JSON
    """Return the configuration that identifies a row."""
    return asdict(p)


def _shown(m: Mixture, learned: np.ndarray) -> dict[str, list[list[float]]]:
    """Return the first samples of sources, mixtures and separated sources, matched and signed."""
    order = match(m.sources, learned).order
    signs = np.sign((m.sources * learned[order]).sum(axis=1, keepdims=True))
    parts = {"sources": m.sources, "mixtures": m.x, "separated": signs * learned[order]}
    first = min(SHOWN, m.x.shape[1])
    return {name: part[:, :first].round(3).tolist() for name, part in parts.items()}
