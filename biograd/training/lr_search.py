"""Learning-rate range test: find a learning rate before a run."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from ..checks import instance_of, real_number, whole_number
from ..kernels.packed_spikes import PackedSpikes
from ..padding import PaddedSpikes
from .trainer import Trainer

_SMOOTH = 0.95  # fraction of the running mean of errors that is kept per batch; ours
_BLOWN_UP = 2.0  # times the lowest error: the test ends there; ours
# fraction of the first errors that the lowest must stay below; batches alone vary by some percent
_FELL = 0.93


class LrCurve(NamedTuple):
    """Errors of a range test, batch by batch.

    Example:
        >>> LrCurve([1e-4, 1e-3], [0.13, 0.09], suggested=1e-3).suggested
        0.001
    """

    rates: list[float]  # learning rate of each batch
    errors: list[float]  # mean |err| of the output, spikes per step, smoothed over batches
    suggested: float  # learning rate to start from


def find_lr(
    trainer: Trainer, *, low: float = 1e-6, high: float = 1.0, batches: int = 200
) -> LrCurve:
    """Suggest a learning rate: the one at which errors fall fastest while it grows.

    The trainer learns a few batches, with a rate that grows from `low` to `high`.
    Afterwards network, feedback, optimizer and generators are as they were. The rate is that of the
    optimizer's first group; other groups keep their ratio to it. A run that has not begun sleeps
    its first night, and none after it.
    Source: the range test of Smith 2017 (arXiv 1506.01186); fastest fall on a smoothed curve as in
    fastai; both on our error neurons.

    Example:
        >>> net = Network((80, 32, 10))
        >>> bars = torch.eye(10).repeat(10, 1).repeat_interleave(8, 1)
        >>> images = ImageSet("bars", "train", bars, torch.arange(10).repeat(10), 10)
        >>> learner, params = LocalLearner(net, RandomDFA(net)), TrainParams(batch=10)
        >>> trainer = Trainer(learner, torch.optim.Adam(net.parameters()), images, params=params)
        >>> 1e-6 <= find_lr(trainer, batches=100).suggested <= 1
        True
    """
    instance_of(trainer, Trainer, "trainer", "a Trainer")
    real_number(low, "low", finite=False)
    real_number(high, "high", finite=False)
    if not 0 < low < high < math.inf:
        raise ValueError(
            f"learning rates from {low} to {high} are no range; need 0 < low < high, e.g. 1e-6 to 1"
        )
    whole_number(batches, "batches", 10, need="at least 10 for a curve")
    before, scheduler = copy.deepcopy(trainer.state_dict()), trainer.scheduler
    trainer.scheduler = None
    try:
        if trainer.epoch == trainer.batch == 0:
            trainer.night(first=True)
        rates, errors = _range_test(trainer, low, high, batches)
    finally:
        trainer.scheduler = scheduler
        trainer.load_state_dict(before)
    return LrCurve(rates, errors, _steepest(rates, errors))


def _range_test(
    trainer: Trainer, low: float, high: float, batches: int
) -> tuple[list[float], list[float]]:
    """Train with growing learning rates; returns them and the smoothed errors, batch by batch."""
    groups = trainer.optimizer.param_groups
    ratios = [group["lr"] / groups[0]["lr"] if groups[0]["lr"] else 1.0 for group in groups]
    rates: list[float] = []
    errors: list[float] = []
    mean = 0.0
    for number, (spikes, labels) in enumerate(itertools.islice(_endless(trainer), batches)):
        rates.append(low * (high / low) ** (number / (batches - 1)))
        for group, ratio in zip(groups, ratios, strict=True):
            group["lr"] = rates[-1] * ratio
        trainer.sums.clear()
        trainer.day(spikes, labels)
        mean = _SMOOTH * mean + (1 - _SMOOTH) * trainer.sums.error / len(labels)
        errors.append(mean / (1 - _SMOOTH ** (number + 1)))
        if not math.isfinite(errors[-1]) or errors[-1] > _BLOWN_UP * min(errors):
            break
    return rates, errors


def _endless(trainer: Trainer) -> Iterator[tuple[Tensor | PackedSpikes | PaddedSpikes, Tensor]]:
    """Yield the batches of one epoch after the other."""
    while True:
        yield from trainer.batches()
        trainer.epoch, trainer.batch = trainer.epoch + 1, 0  # the order of the next epoch


def _steepest(rates: list[float], errors: list[float]) -> float:
    """Return the rate at which errors fall fastest, on a logarithmic axis, before their minimum."""
    lowest = min(range(len(errors)), key=errors.__getitem__)
    width = max(1, len(errors) // 20)
    start = sorted(errors[: max(1, len(errors) // 5)])[len(errors) // 10]
    falls = [
        errors[k - width] - errors[k + width]
        for k in range(width, min(lowest + 1, len(errors) - width))
    ]
    if not falls or max(falls) <= 0 or errors[lowest] > _FELL * start:
        raise ValueError(
            "the errors never fell: widen the range of learning rates, or check the data and their"
            " labels"
        )
    return rates[width + max(range(len(falls)), key=falls.__getitem__)]
