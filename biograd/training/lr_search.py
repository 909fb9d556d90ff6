"""Find a learning rate before the run: the range test."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import Tensor

from .trainer import Trainer

_SMOOTH = 0.95  # of the running mean of the errors, a batch; ours
_BLOWN_UP = 2.0  # times the lowest error: the test ends there
# of the errors at the start, which the lowest must come below; batches alone make them waver by
# some percent
_FELL = 0.93


class LrCurve(NamedTuple):
    """What a range test saw, batch by batch.

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
    """Train on a few batches with a learning rate that grows from `low` to `high`, and suggest the
    one at which errors fell fastest.

    Afterwards network, feedback, optimizer and generators are as they were. The rate of the
    optimizer's first group is meant; other groups keep their ratio to it. A run that has not begun
    sleeps its first night, and none after it.
    Source: the range test of Smith 2017 (arXiv 1506.01186); fastest fall on a smoothed curve as in
    fastai; both on our error neurons.

    Example:
        >>> net = Network((80, 32, 10))
        >>> images = ImageSet("bars", "train", torch.eye(10).repeat(10, 1).repeat_interleave(8, 1), torch.arange(10).repeat(10), 10)
        >>> trainer = Trainer(LocalLearner(net, RandomDFA(net)), torch.optim.Adam(net.parameters()), images, params=TrainParams(batch=10))
        >>> 1e-6 <= find_lr(trainer, batches=100).suggested <= 1
        True
    """
    if not 0 < low < high < math.inf:
        raise ValueError(
            f"learning rates from {low} to {high} are no range; need 0 < low < high, e.g. 1e-6 to 1"
        )
    if batches < 10:
        raise ValueError(f"batches is {batches}; need at least 10 for a curve")
    before, scheduler = copy.deepcopy(trainer.state_dict()), trainer.scheduler
    groups = trainer.optimizer.param_groups
    ratios = [group["lr"] / groups[0]["lr"] if groups[0]["lr"] else 1.0 for group in groups]
    trainer.scheduler = None
    rates, errors, mean = [], [], 0.0
    try:
        if trainer.epoch == trainer.batch == 0:
            trainer._sleep(first=True)
        for number, (spikes, labels) in enumerate(itertools.islice(_endless(trainer), batches)):
            rate = low * (high / low) ** (number / (batches - 1))
            for group, ratio in zip(groups, ratios, strict=True):
                group["lr"] = rate * ratio
            trainer.tally.clear(len(trainer.learner.net.layers))
            trainer._day(spikes, labels)
            mean = _SMOOTH * mean + (1 - _SMOOTH) * trainer.tally.error / len(labels)
            rates.append(rate)
            errors.append(mean / (1 - _SMOOTH ** (number + 1)))
            if not math.isfinite(errors[-1]) or errors[-1] > _BLOWN_UP * min(errors):
                break
    finally:
        trainer.scheduler = scheduler
        trainer.load_state_dict(before)
    return LrCurve(rates, errors, _steepest(rates, errors))


# any: spikes as the trainer packs them
def _endless(trainer: Trainer) -> Iterator[tuple[Any, Tensor]]:
    while True:
        yield from trainer._shown()
        trainer.epoch, trainer.batch = trainer.epoch + 1, 0  # the next epoch's order


def _steepest(rates: list[float], errors: list[float]) -> float:
    """Where the errors fall fastest against the logarithm of the rate, before they are lowest."""
    lowest = min(range(len(errors)), key=errors.__getitem__)
    width = max(1, len(errors) // 20)
    start = sorted(errors[: max(1, len(errors) // 5)])[len(errors) // 10]
    falls = [
        errors[k - width] - errors[k + width]
        for k in range(width, min(lowest + 1, len(errors) - width))
    ]
    if not falls or max(falls) <= 0 or errors[lowest] > _FELL * start:
        raise ValueError(
            "the errors never fell: widen the range of learning rates, or look at the data and"
            " their labels"
        )
    return rates[width + max(range(len(falls)), key=falls.__getitem__)]
