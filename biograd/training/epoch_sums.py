"""What the learning steps of an epoch saw, added up: right answers (or squared errors of values),
errors, spikes.

On a GPU a number can be read only by waiting for all that was asked of the device before. So it is
kept there, and read out in one go when somebody asks; on a CPU it is read at once. The sums are
taken in the order of the steps either way.
"""

from __future__ import annotations

import time

import torch
from jaxtyping import Float
from torch import Tensor

# seconds that the figures of a running epoch may lag behind on a GPU: as often as a bar is drawn
LATE = 0.1


class EpochSums:
    """The sums of an epoch so far.

    Args:
        layers: of the network.

    Example:
        >>> tally = EpochSums(layers=1)
        >>> tally.add(hits=torch.tensor(3), error=torch.tensor(0.5), rates=torch.tensor([0.25]), samples=4)
        >>> tally.correct, tally.error, tally.rates.tolist(), tally.mean(seen=4)
        (3.0, 2.0, [1.0], 0.75)
    """

    def __init__(self, layers: int) -> None:
        self.clear(layers)

    def clear(self, layers: int) -> None:
        """Begin an epoch."""
        self._waiting: list[tuple[Tensor, Tensor, Tensor, int]] = []
        self._correct = self._error = 0.0
        self._rates = torch.zeros(layers)
        self._read = 0.0  # when the device was last asked, on the monotonic clock

    def restore(self, correct: float, error: float, rates: Float[Tensor, " layers"]) -> None:
        """Go on from sums that were taken before."""
        self.clear(len(rates))
        self._correct, self._error, self._rates = correct, error, rates.clone()

    def add(
        self, hits: Tensor, error: Tensor, rates: Float[Tensor, " layers"], samples: int
    ) -> None:
        """Take a step into account: how it was answered (`Readout.score`), mean |err|, mean spikes
        per neuron and step of each layer.
        """
        self._waiting.append((hits, error, rates, samples))
        if hits.device.type == "cpu":
            self.read()

    def read(self) -> None:
        """Wait for the device, and add up what is waiting."""
        if not self._waiting:
            return
        hits, errors, rates, samples = zip(*self._waiting, strict=True)
        self._waiting = []
        told = zip(
            torch.stack(hits).tolist(),
            torch.stack(errors).tolist(),
            torch.stack(rates).cpu(),
            samples,
            strict=True,
        )
        for right, error, rate, n in told:
            self._correct += right
            self._error += error * n
            self._rates += rate * n
        self._read = time.monotonic()

    @property
    def correct(self) -> float:
        """Right answers, or squared errors of values."""
        self.read()
        return self._correct

    @property
    def error(self) -> float:
        """The sum over samples of mean |err|, spikes per step."""
        self.read()
        return self._error

    @property
    def rates(self) -> Float[Tensor, " layers"]:
        """The sum over samples of mean spikes per neuron and step of each layer."""
        self.read()
        return self._rates

    def mean(self, seen: int) -> float:
        """Share of right answers, or mean squared error, so far; on a GPU as of `LATE` ago, so that
        asking often does not slow it.
        """
        if self._waiting and (time.monotonic() - self._read > LATE or self._late == seen):
            self.read()
        return self._correct / (seen - self._late)

    @property
    def _late(self) -> int:
        return sum(samples for *_, samples in self._waiting)
