"""Decays of the neurons of one layer: one for all, or one for each neuron or map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ..checks import instance_of, real_number, text_of, whole_number
from ..params.neuron import TwoCompartmentParams
from .model import Kept

Alphas = tuple[float, ...]  # one value for all neurons, or one for each neuron or map
MOST_MIXED = 32  # decays of one layer by `mixed_decays`: as many as a core of Loihi holds


@dataclass(frozen=True)
class Decays:
    """Fractions kept per step by the neurons of a layer, each one value or one per neuron or map.

    Args:
        u: of the synaptic current, 0 <= alpha < 1.
        v: of the soma voltage, 0 <= alpha <= 1.
    """

    u: Alphas
    v: Alphas

    @classmethod
    def of(
        cls,
        params: TwoCompartmentParams,
        alphas_u: Sequence[float] | Tensor,
        alphas_v: Sequence[float] | Tensor,
    ) -> Decays:
        """Return the decays of each neuron; those of `params` where a sequence is empty."""
        u = _fractions(alphas_u, "alphas_u", most=math.nextafter(1, 0)) or (params.alpha_u,)
        v = _fractions(alphas_v, "alphas_v", most=1) or (params.alpha_v,)
        if len({len(u), len(v)} - {1}) > 1:
            raise ValueError(
                f"alphas_u has {len(u):,} values and alphas_v {len(v):,}: give both for the same"
                " neurons"
            )
        return cls(u, v)

    @property
    def count(self) -> int:
        """Number of neurons or maps that these decays are of; 1: of any population."""
        return max(len(self.u), len(self.v))

    def kept(self, like: Tensor) -> Kept:
        """Return the decays as steps multiply by them, for a population as in `like`, [..., N]."""
        return Kept(spread(self.u, like), spread(self.v, like))

    def part(self, index: int, parts: int) -> Decays:
        """Return the decays of one of equal parts of the neurons or maps."""
        return Decays(_part(self.u, index, parts), _part(self.v, index, parts))

    def rheobase(self) -> Alphas:
        """Return (1 - alpha_u)(1 - alpha_v) of each neuron or map, thresholds."""
        u, v = (alphas * (self.count // len(alphas)) for alphas in (self.u, self.v))
        return tuple((1 - a) * (1 - b) for a, b in zip(u, v, strict=True))

    def check_population(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError for other numbers of neurons, or of maps, than decays."""
        if self.count not in (1, shape[0]):
            what = "maps" if len(shape) > 1 else "neurons"
            raise ValueError(
                f"there are {self.count:,} decays for {shape[0]:,} {what}: give one for all, or one"
                f" for each of the {what}, e.g. mixed_decays({shape[0]}, 0.5, 0.95)"
            )


def mixed_decays(count: int, low: float, high: float) -> Alphas:
    """Return decays of a layer whose neurons remember for different times.

    Time constants, tau = -1 / ln(alpha) in steps, lie evenly on a logarithmic scale from that of
    `low` to that of `high`: the quantiles of a log-uniform distribution, which needs no seed. The
    order does not matter, since synapses are drawn at random. Of more than 32 neurons, neighbours
    share a decay: a core of Loihi holds no more.

    Source: mixed time constants help in time (Perez-Nieves et al. 2021, Nature Communications
    12:5791); the even spacing is ours.

    Args:
        count: neurons of a dense layer, or maps.
        low, high: fractions kept per step, 0 < low <= high < 1.

    Example:
        >>> [round(alpha, 3) for alpha in mixed_decays(3, 0.5, 0.95)]
        [0.5, 0.828, 0.95]
        >>> neuron = MixedLIF(alphas_v=mixed_decays(256, 0.5, 0.95))
        >>> Network((784, 256, 10), neuron=(neuron, TwoCompartmentLIF())).sizes
        (784, 256, 10)
    """
    count = whole_number(count, "count", 1)
    low = real_number(low, "low", above=0, below=1)
    high = real_number(high, "high", low, below=1)
    shortest, longest = (-1 / math.log(alpha) for alpha in (low, high))
    levels = min(count, MOST_MIXED)
    of_each = [i * levels // count for i in range(count)]  # which level, from 0
    places = [level / (levels - 1) for level in of_each] if levels > 1 else [0.5]
    inner = [math.exp(-1 / (shortest * (longest / shortest) ** place)) for place in places]
    return tuple(min(high, max(low, alpha)) for alpha in inner)  # the ends are exact


def spread(alphas: Alphas, like: Tensor) -> float | Tensor:
    """Return one number for all, or [N] of a population as in `like`, [..., N], map by map."""
    if len(alphas) == 1:
        return alphas[0]
    return _spread(alphas, like.shape[-1], like.dtype, like.device)


@lru_cache(maxsize=64)  # asked for at every step
def _spread(alphas: Alphas, neurons: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    if neurons % len(alphas):
        raise ValueError(
            f"there are {len(alphas):,} decays for {neurons:,} neurons: give one for all, or one"
            " for each neuron or map"
        )
    values = torch.tensor(alphas, dtype=dtype, device=device)
    return values.repeat_interleave(neurons // len(alphas))


def _fractions(values: Sequence[float] | Tensor, name: str, most: float) -> Alphas:
    plain = values.tolist() if isinstance(values, Tensor) else values
    instance_of(
        plain, (list, tuple), name, "a sequence of fractions kept per step, e.g. (0.5, 0.9)"
    )
    limits = "fractions kept per step, at least 0 and " + ("at most 1" if most == 1 else "below 1")
    for value in plain:
        try:
            real_number(value, name, 0, most)
        except (TypeError, ValueError):
            raise ValueError(f"{name} holds {text_of(value)}; need {limits}") from None
    return tuple(float(value) for value in plain)


def _part(alphas: Alphas, index: int, parts: int) -> Alphas:
    size = len(alphas) // parts
    return alphas if len(alphas) == 1 else alphas[index * size : (index + 1) * size]
