"""What the spikes of the output layer mean: a class, or real numbers; and, the other way round,
which rates a target wishes for.

    Classes    one output neuron per class; wished is 1 spike a step from the right one and none from the others; most spikes win
    Values     output neurons whose rate is a number: rate 0 is the low end of its range, a spike at every step the high end

Error neurons and rules see wished and fired rates alone, so each of them learns either.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float, Num, Shaped
from torch import Tensor

from .network import most_spikes


class Readout(ABC):
    """What training asks of a readout. Targets y are [B] or [B, ...], in whatever form the readout
    reads.

    Example:
        >>> [isinstance(kind, Readout) for kind in (Classes(), Values(-1.0, 1.0))]
        [True, True]
    """

    @abstractmethod
    def check(self, y: Shaped[Tensor, "B ..."], outputs: int) -> None:
        """Raise ValueError where targets are none that `outputs` output neurons can tell."""

    @abstractmethod
    def wished(self, y: Shaped[Tensor, "B ..."], outputs: int) -> Num[Tensor, "B C"]:
        """Wished spikes per step of each output neuron, 0..1."""

    @abstractmethod
    def answers(self, counts: Float[Tensor, "B C"], steps: int) -> Shaped[Tensor, "B ..."]:
        """What the output says, in the form of targets, from the spikes of its neurons over all
        steps.
        """

    @abstractmethod
    def score(self, answers: Shaped[Tensor, "B ..."], y: Shaped[Tensor, "B ..."]) -> Tensor:
        """How a batch was answered, a sum over its samples: right answers, or squared errors."""

    @abstractmethod
    def figures(self, mean_score: float) -> dict[str, float]:
        """What records tell of a score that was added up, by its mean over samples."""

    @abstractmethod
    def measured(
        self, answers: Shaped[Tensor, "B ..."], y: Shaped[Tensor, "B ..."]
    ) -> dict[str, float]:
        """The figures of a whole test set, by name."""


class Classes(Readout):
    """The class whose neuron fires most; the lowest index where several did, as on the chip.

    Example:
        >>> Classes().wished(torch.tensor([1]), outputs=3).tolist()
        [[0, 1, 0]]
        >>> Classes().answers(torch.tensor([[2.0, 5.0, 5.0]]), steps=10).tolist()
        [1]
    """

    def check(self, y: Shaped[Tensor, "B ..."], outputs: int) -> None:
        self._check_kind(y)
        low, high = int(y.min()), int(y.max())
        if low < 0 or high >= outputs:
            raise ValueError(
                f"labels run from {low} to {high} and the network has {outputs} outputs: need"
                f" labels 0..{outputs - 1}"
            )

    def wished(self, y: Shaped[Tensor, "B ..."], outputs: int) -> Num[Tensor, "B C"]:
        self._check_kind(y)
        return torch.nn.functional.one_hot(y, outputs)

    def answers(self, counts: Float[Tensor, "B C"], steps: int) -> Shaped[Tensor, "B ..."]:
        return most_spikes(counts)

    def score(self, answers: Shaped[Tensor, "B ..."], y: Shaped[Tensor, "B ..."]) -> Tensor:
        return (answers == y).sum()

    def figures(self, mean_score: float) -> dict[str, float]:
        return {"accuracy": mean_score}

    def measured(
        self, answers: Shaped[Tensor, "B ..."], y: Shaped[Tensor, "B ..."]
    ) -> dict[str, float]:
        return self.figures((answers == y).double().mean().item())

    @staticmethod
    def _check_kind(y: Tensor) -> None:
        if y.dtype != torch.int64 or y.ndim != 1 or not len(y):
            more = ", or readout=Values(low, high) for real values" if y.is_floating_point() else ""
            raise ValueError(
                f"labels are {y.dtype} of shape {tuple(y.shape)}: need at least one, as int64"
                f" [B]{more}"
            )


class Values(Readout):
    """Real numbers, each within a range of its own, as rates: low is silence, high a spike at every
    step.

        wished = (y - low) / (high - low),    answer = low + (high - low) mean over its neurons of (spikes / T)

    One neuron tells T + 1 values apart; several that speak for one value together tell more, and
    their errors average out. They stand
    side by side: outputs 0 .. neurons - 1 are the first value's. Ours; rate codes of real values
        are old.

    Args:
        low, high: ends of the range, in the target's own unit; a number for all values, or one for
            each.
        neurons: output neurons a value.

    Example:
        >>> angle = Values(-90.0, 90.0, neurons=2)    # degrees
        >>> angle.wished(torch.tensor([[45.0]]), outputs=2).tolist()
        [[0.75, 0.75]]
        >>> angle.answers(torch.tensor([[8.0, 7.0]]), steps=10).tolist()    # 0.75 spikes per step
        [[45.0]]
    """

    def __init__(
        self, low: float | Sequence[float], high: float | Sequence[float], *, neurons: int = 1
    ) -> None:
        self.low, self.high = (
            torch.as_tensor(end, dtype=torch.float64).flatten() for end in (low, high)
        )
        if self.low.shape != self.high.shape:
            raise ValueError(
                f"there are {len(self.low)} low ends and {len(self.high)} high ends: need one of"
                " each a value, or one for all"
            )
        if (
            not len(self.low)
            or not bool(torch.isfinite(self.high - self.low).all())
            or not bool((self.low < self.high).all())
        ):
            raise ValueError(
                f"values from {self.low.tolist()} to {self.high.tolist()} are no ranges; need"
                " finite numbers, low < high"
            )
        if neurons < 1:
            raise ValueError(f"neurons is {neurons}; need at least 1 output neuron a value")
        self.neurons = neurons

    def check(self, y: Shaped[Tensor, "B ..."], outputs: int) -> None:
        values = outputs // self.neurons
        if values * self.neurons != outputs or len(self.low) not in (1, values):
            for_each = f" and {len(self.low)} ranges" if len(self.low) > 1 else ""
            raise ValueError(
                f"the network has {outputs} outputs, {self.neurons} a value{for_each}: make its"
                f" last size {self.neurons} times the number of"
                f" values{', and give each value one range' if for_each else ''}"
            )
        if not y.is_floating_point() or y.ndim != 2 or y.shape[1] != values or not len(y):
            raise ValueError(
                f"targets are {y.dtype} of shape {tuple(y.shape)}: need real numbers [B, {values}],"
                " at least one sample"
            )
        low, high = (end.to(y) for end in (self.low, self.high))
        if not bool(((y >= low) & (y <= high)).all()):  # false of what is not finite, too
            least, most = y.min().item(), y.max().item()
            told = (
                f"targets run from {least:g} to {most:g}"
                if math.isfinite(least + most)
                else "targets hold values that are not finite"
            )
            raise ValueError(
                f"{told} and the readout from {low.min():g} to {high.max():g}: widen Values(low,"
                " high), or mend the targets"
            )

    def wished(self, y: Shaped[Tensor, "B ..."], outputs: int) -> Num[Tensor, "B C"]:
        self.check(y, outputs)
        low, high = (end.to(y) for end in (self.low, self.high))
        return ((y - low) / (high - low)).repeat_interleave(self.neurons, dim=1)

    def answers(self, counts: Float[Tensor, "B C"], steps: int) -> Shaped[Tensor, "B ..."]:
        low, high = (end.to(counts) for end in (self.low, self.high))
        rate = counts.unflatten(1, (-1, self.neurons)).mean(2) / steps
        return low + (high - low) * rate

    def score(self, answers: Shaped[Tensor, "B ..."], y: Shaped[Tensor, "B ..."]) -> Tensor:
        return (answers - y).pow(2).mean(1).sum()

    def figures(self, mean_score: float) -> dict[str, float]:
        return {"rmse": math.sqrt(mean_score)}

    def measured(
        self, answers: Shaped[Tensor, "B ..."], y: Shaped[Tensor, "B ..."]
    ) -> dict[str, float]:
        """Root mean square error over all values, in their unit; and R^2 = 1 - squared error /
        variance, mean over the values.

        R^2 is 0 for whoever answers the mean of y, and nan where a value never varies.
        """
        squared = (answers.double() - y.double()).pow(2).mean(0)
        variance = y.double().var(0, correction=0)
        r2 = (
            torch.where(variance > 0, 1 - squared / variance, torch.full_like(variance, torch.nan))
            .mean()
            .item()
        )
        return self.figures(squared.mean().item()) | {"r2": r2}
