"""New classes learned from a few samples, one by one, by a net that knows eight digits.

    learner.step(encode(image, integrate_and_fire, 10), label)    # one sample, one local update
    optimizer.step()

With as many samples of each old digit mixed in, and without: accuracy on old and new digits. Ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from biograd.data.datasets import ImageSet, load
from biograd.data.samples import encode
from biograd.encoders import integrate_and_fire
from biograd.feedback import SleepAligned
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.training.evaluation import evaluate
from biograd.training.trainer import Trainer, TrainParams


@dataclass(frozen=True, kw_only=True)
class FewShotParams:
    """The network, its first training, and its training on new classes.

    The rate was chosen with seed 0, on 5 and 50 samples per class.
    """

    new: tuple[int, ...] = (8, 9)  # classes learned later
    known: int = 20_000  # samples of the other classes, learned first
    epochs: int = 3  # of the first training
    hidden: int = 256
    steps: int = 10
    shots: tuple[int, ...] = (1, 5, 20, 50)  # samples of each new class
    passes: int = 5  # times through them
    lr: float = 5e-4  # Adam's, on new classes; 1e-3 before


def few_shot(
    p: FewShotParams, seed: int, train: ImageSet, test: ImageSet
) -> Iterator[dict[str, Any]]:
    """Yield accuracy on old and new test images, before and after learning the new classes.

    One result per number of samples, with old samples mixed in and without.
    """
    generator = torch.Generator().manual_seed(seed)
    old, new = (_of(train, p.new, inside) for inside in (False, True))
    old_test, new_test = (_of(test, p.new, inside) for inside in (False, True))
    net = Network((train.inputs, p.hidden, train.classes), generator=generator)
    feedback = SleepAligned(net, generator=generator)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    params = TrainParams(epochs=p.epochs, steps=p.steps)
    for _ in Trainer(
        LocalLearner(net, feedback),
        optimizer,
        old.subset(slice(0, p.known)),
        params=params,
        seed=seed,
    ).run():
        pass
    trained = {name: value.clone() for name, value in net.state_dict().items()}
    before = [evaluate(net, part, steps=p.steps).test_accuracy for part in (old_test, new_test)]
    for shots in p.shots:
        for mixed in (False, True):
            net.load_state_dict(trained)
            x, y = _shots(new, shots, generator)
            if mixed:
                old_x, old_y = _shots(old, shots, generator)
                x, y = torch.cat([x, old_x]), torch.cat([y, old_y])
            _one_by_one(LocalLearner(net, feedback), p, x, y, generator)
            after = [
                evaluate(net, part, steps=p.steps).test_accuracy for part in (old_test, new_test)
            ]
            yield {
                "shots": shots,
                "old_mixed_in": mixed,
                "old_before": before[0],
                "old_after": after[0],
                "new_before": before[1],
                "new_after": after[1],
                "test_accuracy": (after[0] * len(old_test) + after[1] * len(new_test)) / len(test),
            }


def measure(p: FewShotParams, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the results of `few_shot` on MNIST."""
    yield from few_shot(p, seed, load("mnist", "train"), load("mnist", "test"))


def _one_by_one(
    learner: LocalLearner,
    p: FewShotParams,
    x: torch.Tensor,
    y: torch.Tensor,
    generator: torch.Generator,
) -> None:
    optimizer = torch.optim.Adam(learner.net.parameters(), lr=p.lr)
    for _ in range(p.passes):
        for i in torch.randperm(len(y), generator=generator).split(1):
            learner.step(encode(x[i], integrate_and_fire, p.steps), y[i])
            optimizer.step()


def _of(images: ImageSet, classes: tuple[int, ...], inside: bool) -> ImageSet:
    return images.subset(torch.nonzero(torch.isin(images.y, torch.tensor(classes)) == inside)[:, 0])


def _shots(
    images: ImageSet, shots: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw `shots` samples of each class in the set, at random."""
    chosen = []
    for label in images.y.unique():
        members = torch.nonzero(images.y == label)[:, 0]
        chosen.append(members[torch.randperm(len(members), generator=generator)[:shots]])
    index = torch.cat(chosen)
    return images.x[index], images.y[index]
