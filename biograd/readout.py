"""Readouts: the meaning of the output layer's spikes, a class or real numbers.

    Classes    one output neuron per class; the target is 1 spike per step from the right neuron and
               0 from the others; the neuron with most spikes is the answer
    Values     rates are numbers: no spike is the low end of a value's range, a spike at every step
               its high end

A readout turns targets into wished rates, and output spikes into answers. Error neurons and rules
see wished and actual rates alone, so each of them learns with any readout.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from numbers import Real

import numpy as np
import torch
from jaxtyping import Float, Num, Shaped
from torch import Tensor

from . import inputs
from .checks import text_of, whole_number
from .network import most_spikes
from .tensors import check_shapes
from .texts import described


class Readout(ABC):
    """A readout. Extend it to add one, and pass it to `LocalLearner`.

    Targets y are [B] or [B, ...], in any form that the readout defines.

    Example:
        >>> [isinstance(kind, Readout) for kind in (Classes(), Values(-1.0, 1.0))]
        [True, True]
    """

    def __repr__(self) -> str:
        return described(self)

    @abstractmethod
    def check(self, y: Shaped[Tensor, "B ..."], outputs: int) -> None:
        """Raise ValueError where `outputs` output neurons cannot express these targets."""

    @abstractmethod
    def wished(self, y: Shaped[Tensor, "B ..."], outputs: int) -> Num[Tensor, "B C"]:
        """Return the target rate of each output neuron, 0..1 spikes per step."""

    @abstractmethod
    def answers(self, counts: Float[Tensor, "B C"], steps: int) -> Shaped[Tensor, "B ..."]:
        """Return the answers, in the form of targets.

        Args:
            counts: spikes of each output neuron over all steps.
        """

    @abstractmethod
    def score(self, answers: Shaped[Tensor, "B ..."], y: Shaped[Tensor, "B ..."]) -> Tensor:
        """Return a sum over the batch, e.g. of right answers or of squared errors."""

    @abstractmethod
    def figures(self, mean_score: float) -> dict[str, float]:
        """Return the figures of a record, by name, from the mean of `score` over samples."""

    @abstractmethod
    def measured(
        self, answers: Shaped[Tensor, "B ..."], y: Shaped[Tensor, "B ..."]
    ) -> dict[str, float]:
        """Return the figures of a whole test set, by name."""


class Classes(Readout):
    """The class whose neuron fires most; of several, the lowest, as on the chip.

    Example:
        >>> Classes().wished(torch.tensor([1]), outputs=3).tolist()
        [[0, 1, 0]]
        >>> Classes().answers(torch.tensor([[2.0, 5.0, 5.0]]), steps=10).tolist()
        [1]
    """

    def check(self, y: Shaped[Tensor, "B ..."], outputs: int) -> None:
        whole_number(outputs, "outputs", 1)
        y = self._classes(y, outputs)
        low, high = map(int, y.aminmax())
        if low < 0 or high >= outputs:
            raise ValueError(
                f"labels run from {low} to {high} and the network has {outputs} outputs: need"
                f" labels 0..{outputs - 1}"
            )

    def wished(self, y: Shaped[Tensor, "B ..."], outputs: int) -> Num[Tensor, "B C"]:
        inputs.check_kind(y, "labels")
        if y.device.type == "cpu":  # on a GPU, every step would wait for the values
            self.check(y, outputs)
        return torch.nn.functional.one_hot(self._classes(y, outputs), outputs)

    def answers(self, counts: Float[Tensor, "B C"], steps: int) -> Shaped[Tensor, "B ..."]:
        _check_counts(counts)
        inputs.check_finite_values(counts, "counts")
        return most_spikes(counts)

    def score(self, answers: Shaped[Tensor, "B ..."], y: Shaped[Tensor, "B ..."]) -> Tensor:
        y = self._classes(y)
        _check_same(answers, y)
        return (answers == y).sum()

    def figures(self, mean_score: float) -> dict[str, float]:
        return {"accuracy": mean_score}

    def measured(
        self, answers: Shaped[Tensor, "B ..."], y: Shaped[Tensor, "B ..."]
    ) -> dict[str, float]:
        y = self._classes(y)
        _check_same(answers, y)
        return self.figures((answers == y).double().mean().item())

    @staticmethod
    def _classes(y: Tensor, outputs: int | None = None) -> Tensor:
        """Return labels as int64 [B], from integers of any width or from one-hot rows."""
        inputs.check_kind(y, "labels")
        if y.dtype == torch.int64 and y.ndim == 1 and len(y):
            return y
        whole = not y.is_floating_point() and not y.is_complex()
        if y.dtype == torch.bool and outputs not in (None, 2):
            whole = False  # true and false name two classes
        if y.ndim == 1 and len(y) and whole:
            return y.long()
        if y.ndim == 2 and len(y) and outputs in (None, y.shape[1]):
            hot = y == 1
            if bool((hot | (y == 0)).all()) and bool((hot.sum(1) == 1).all()):
                return hot.to(torch.uint8).argmax(1)
        more = ", or readout=Values(low, high) for real values" if y.is_floating_point() else ""
        raise ValueError(
            f"labels are {y.dtype} of shape {tuple(y.shape)}: need at least one, as int64 [B] or"
            f" one-hot [B, classes]{more}"
        )


class Values(Readout):
    """Real numbers as rates, each within its own range.

        wished = (y - low) / (high - low)
        answer = low + (high - low) mean over its neurons of (spikes / T)

    One neuron distinguishes T + 1 values; several that stand for one value together distinguish
    more, and their errors average out. Outputs 0 .. neurons - 1 belong to the first value, the next
    ones to the second. Ours; rate codes of real values are old.

    Args:
        low, high: ends of the range, in the target's own unit; a number for all values, or one per
            value.
        neurons: output neurons per value.

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
        self.low, self.high = _ends(low, "low"), _ends(high, "high")
        if self.low.shape != self.high.shape:
            raise ValueError(
                f"there are {len(self.low)} low ends and {len(self.high)} high ends: need one of"
                " each per value, or one for all"
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
        need = "at least 1 output neuron per value"
        self.neurons = whole_number(neurons, "neurons", 1, need=need)

    def check(self, y: Shaped[Tensor, "B ..."], outputs: int) -> None:
        inputs.check_kind(y, "targets")
        whole_number(outputs, "outputs", 1)
        values, ranges = outputs // self.neurons, len(self.low)
        if values * self.neurons != outputs or ranges not in (1, values):
            and_ranges = f" and {ranges} ranges" if ranges > 1 else ""
            remedy = ", and give each value one range" if ranges > 1 else ""
            raise ValueError(
                f"the network has {outputs} outputs, {self.neurons} per value{and_ranges}: make its"
                f" last size {self.neurons} times the number of values{remedy}"
            )
        if not y.is_floating_point() or y.ndim != 2 or y.shape[1] != values or not len(y):
            raise ValueError(
                f"targets are {y.dtype} of shape {tuple(y.shape)}: need real numbers [B, {values}],"
                " at least one sample"
            )
        low, high = (end.to(y) for end in (self.low, self.high))
        if not bool(((y >= low) & (y <= high)).all()):  # also False where y is not finite
            least, largest = y.min().item(), y.max().item()
            finite = math.isfinite(least + largest)
            fault = f"run from {least:g} to {largest:g}" if finite else "hold non-finite values"
            raise ValueError(
                f"targets {fault} and the readout from {low.min():g} to {high.max():g}: widen"
                " Values(low, high), or correct the targets"
            )

    def wished(self, y: Shaped[Tensor, "B ..."], outputs: int) -> Num[Tensor, "B C"]:
        inputs.check_kind(y, "targets")
        if y.device.type == "cpu":  # on a GPU, every step would wait for the values
            self.check(y, outputs)
        low, high = (end.to(y) for end in (self.low, self.high))
        return ((y - low) / (high - low)).repeat_interleave(self.neurons, dim=1)

    def answers(self, counts: Float[Tensor, "B C"], steps: int) -> Shaped[Tensor, "B ..."]:
        _check_counts(counts, self.neurons)
        check_shapes(("counts", counts, "B C"))
        values, ranges = counts.shape[1] // self.neurons, len(self.low)
        if ranges not in (1, values):
            raise ValueError(
                f"counts stand for {values} values, and the readout has {ranges} ranges: need"
                f" [B, {ranges * self.neurons}]"
            )
        whole_number(steps, "steps", 1)
        low, high = (end.to(counts) for end in (self.low, self.high))
        rate = counts.unflatten(1, (-1, self.neurons)).mean(2) / steps
        return low + (high - low) * rate

    def score(self, answers: Shaped[Tensor, "B ..."], y: Shaped[Tensor, "B ..."]) -> Tensor:
        check_shapes(("answers", answers, "B V"), ("targets", y, "B V"))
        return (answers - y).pow(2).mean(1).sum()

    def figures(self, mean_score: float) -> dict[str, float]:
        if not isinstance(mean_score, Real) or mean_score < 0:
            raise TypeError(
                f"mean_score is {text_of(mean_score)}; need a mean squared error, a number of 0 or"
                " more"
            )
        return {"rmse": math.sqrt(mean_score)}

    def measured(
        self, answers: Shaped[Tensor, "B ..."], y: Shaped[Tensor, "B ..."]
    ) -> dict[str, float]:
        """Return the root mean square error over all values, in their unit, and R^2.

        R^2 = 1 - squared error / variance, mean over the values: 0 for answering the mean of y, and
        nan where a value never varies.
        """
        check_shapes(("answers", answers, "B V"), ("targets", y, "B V"))
        squared = (answers.double() - y.double()).pow(2).mean(0)
        variance = y.double().var(0, correction=0)
        unknown = torch.full_like(variance, torch.nan)
        r2 = torch.where(variance > 0, 1 - squared / variance, unknown).mean().item()
        return self.figures(squared.mean().item()) | {"r2": r2}


def _check_counts(counts: object, multiple: int = 1) -> None:
    """Raise TypeError or ValueError for anything but spike counts [B, C], C a multiple."""
    inputs.check_kind(counts, "counts")
    shape = tuple(counts.shape)  # type: ignore[attr-defined]  # it is a Tensor
    if len(shape) != 2 or not shape[1] or shape[1] % multiple:
        neurons = f", C a multiple of {multiple}" if multiple > 1 else ""
        raise ValueError(f"counts has the shape {shape}; need [B, C]{neurons}, at least one neuron")


def _check_same(answers: object, y: Tensor) -> None:
    """Raise TypeError or ValueError for anything but one answer per label."""
    inputs.check_kind(answers, "answers")
    if answers.shape != y.shape:  # type: ignore[attr-defined]  # it is a Tensor
        raise ValueError(
            f"answers has the shape {tuple(answers.shape)}; need {tuple(y.shape)}, one per label"  # type: ignore[attr-defined]
        )


def _ends(value: object, name: str) -> Float[Tensor, " V"]:
    """Return the ends of ranges in double precision, from a number or a sequence of numbers."""
    plain = value.tolist() if isinstance(value, Tensor | np.ndarray) else value
    numbers = plain if isinstance(plain, list | tuple) else [plain]
    if not all(isinstance(number, Real) for number in numbers):
        raise TypeError(f"{name} is {text_of(value)}; need a number, or a sequence of numbers")
    return torch.tensor(numbers, dtype=torch.float64)
