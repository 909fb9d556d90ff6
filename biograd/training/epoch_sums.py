"""Running sums over an epoch: correct answers, errors, spike rates, samples and seconds.

On a GPU, reading a number means waiting for everything the device was asked to do before. There the
numbers of each step stay on the device until someone asks for a sum; on a CPU they are added up at
once. The order of the sums is that of the steps either way.
"""

from __future__ import annotations

import time

import torch
from jaxtyping import Float
from torch import Tensor

# seconds that the figures of a running epoch may lag behind on a GPU: as often as a bar is drawn
LATE = 0.1


class EpochSums:
    """Sums over the steps of an epoch.

    Args:
        layers: of the network.

    Example:
        >>> sums = EpochSums(layers=1)
        >>> sums.add(torch.tensor(3), torch.tensor(0.5), rates=torch.tensor([0.25]), samples=4)
        >>> sums.correct, sums.error, sums.rates.tolist(), sums.mean_score()
        (3.0, 2.0, [1.0], 0.75)
    """

    def __init__(self, layers: int) -> None:
        self.layers = layers
        self.clear()

    def clear(self) -> None:
        """Begin an epoch."""
        self.samples = 0  # learned from so far
        self.seconds = self.night_seconds = 0.0  # of its days, and of its nights
        self._waiting: list[tuple[Tensor, Tensor, Tensor, int]] = []
        self._correct = self._error = 0.0
        self._rates = torch.zeros(self.layers, dtype=torch.float32)
        self._read = 0.0  # when the device was last asked, on the monotonic clock

    def add(
        self, score: Tensor, error: Tensor, rates: Float[Tensor, " layers"], samples: int
    ) -> None:
        """Add a step.

        Args:
            score: of its answers (see `Readout.score`).
            error: mean |err| of the output, spikes per step.
            rates: spikes per neuron and step of each layer.
            samples: in the batch.
        """
        self.samples += samples
        self._waiting.append((score, error, rates, samples))
        if score.device.type == "cpu":
            self.read()

    def read(self) -> None:
        """Wait for the device, and add up the steps that are waiting."""
        if not self._waiting:
            return
        scores, errors, rates, samples = zip(*self._waiting, strict=True)
        self._waiting = []
        steps = zip(
            torch.stack(scores).tolist(),
            torch.stack(errors).tolist(),
            torch.stack(rates).cpu(),
            samples,
            strict=True,
        )
        for score, error, rate, n in steps:
            self._correct += score
            self._error += error * n
            self._rates += rate * n
        self._read = time.monotonic()

    @property
    def correct(self) -> float:
        """Correct answers, or squared errors of values."""
        self.read()
        return self._correct

    @property
    def error(self) -> float:
        """Sum over samples of mean |err|, spikes per step."""
        self.read()
        return self._error

    @property
    def rates(self) -> Float[Tensor, " layers"]:
        """Sum over samples of spikes per neuron and step, of each layer."""
        self.read()
        return self._rates

    def mean_score(self) -> float:
        """Return the fraction of correct answers, or the mean squared error, so far.

        On a GPU it may be as of `LATE` seconds ago, so that asking often does not slow it down.
        """
        nothing_read = self._samples_waiting == self.samples
        if self._waiting and (nothing_read or time.monotonic() - self._read > LATE):
            self.read()
        return self._correct / (self.samples - self._samples_waiting)

    def state_dict(self) -> dict[str, float]:
        """Return the sums that a resumed run needs, but for the rates, which are a tensor."""
        return {
            "seconds": self.seconds,
            "night_seconds": self.night_seconds,
            "correct": self.correct,
            "error": self.error,
        }

    def load_state_dict(
        self, state: dict[str, float], rates: Float[Tensor, " layers"], samples: int
    ) -> None:
        """Continue from a `state_dict`, the rates and the number of samples of that moment."""
        self.clear()
        self.samples = samples
        self.seconds, self.night_seconds = state["seconds"], state["night_seconds"]
        self._correct, self._error, self._rates = state["correct"], state["error"], rates.clone()

    @property
    def _samples_waiting(self) -> int:
        return sum(samples for *_, samples in self._waiting)
