"""Classes met one after another: the stream, its learners, and what is kept at the end.

A stream shows a data set in tasks of a few classes each; no task is announced at test, so every
answer is one of all classes. Learners, all in the engine's integers:

    prototypes   `emulator.learn`: no rehearsal; the samples of a task once, in a random order
    naive        the two-layer net of `hardware.learning`, taught each task with nothing else
    replay       the same, with k samples of each class met kept by the host, and mixed in
    joint        the same net taught all classes at once: the upper bound

"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ..border.checks import whole_number
from ..learning import emulator as net
from ..learning import state as net_state
from ..learning.params import ChipLearningParams
from . import emulator
from .params import PrototypeParams
from .state import PrototypeState, start


class Learner(Protocol):
    """Anything that learns tasks and answers with classes."""

    def learn(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Learn a task; images uint8 [n, inputs], labels int64 [n]."""

    def answers(self, images: np.ndarray) -> np.ndarray:
        """Return a class per image, int64 [n]."""


@dataclass(frozen=True, kw_only=True)
class StreamResult:
    """Accuracy of a learner along a stream."""

    tasks: tuple[tuple[int, ...], ...]  # classes of each task
    # float64 [tasks, tasks]: after task i (row), on the test samples of task j; 0 before it came
    accuracy: np.ndarray
    final: float  # on all test samples of all tasks, 0 to 1

    @property
    def forgetting(self) -> float:
        """Mean fall of a task's accuracy from just after it was learned to the end, 0 to 1.

        The fall also holds what later classes take away by being further wrong answers.
        """
        last = self.accuracy[-1]
        falls = self.accuracy.diagonal()[:-1] - last[:-1]
        return float(falls.mean()) if len(falls) else 0.0


class PrototypeLearner:
    """A prototype layer."""

    def __init__(self, params: PrototypeParams) -> None:
        self.state: PrototypeState = start(params)
        self.records: list[emulator.PrototypeRecord] = []

    def learn(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Learn a task, each sample once."""
        self.records.append(emulator.learn(self.state, images, labels))

    def answers(self, images: np.ndarray) -> np.ndarray:
        """Return a class per image."""
        return emulator.answers(self.state, images)


@dataclass
class NetLearner:
    """A two-layer net that is taught a task, and `replay` samples per class met before."""

    params: ChipLearningParams
    replay: int = 0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def __post_init__(self) -> None:
        self.state = net_state.start(self.params)
        self.kept: dict[int, np.ndarray] = {}

    def learn(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Learn a task once; each class met before appears as often, from its kept samples."""
        share = len(labels) // len(np.unique(labels))
        shown = [images], [labels]
        for label, kept in self.kept.items():
            shown[0].append(kept[self.rng.integers(0, len(kept), share)])
            shown[1].append(np.full(share, label, dtype=np.int64))
        everything = np.concatenate(shown[0]), np.concatenate(shown[1])
        self.state = dataclasses.replace(self.state, samples=0)
        for _ in net.learn(self.state, *everything):
            pass
        if self.replay:
            for label in np.unique(labels).tolist():
                self.kept[label] = images[labels == label][: self.replay]

    def answers(self, images: np.ndarray) -> np.ndarray:
        """Return a class per image."""
        return net.output_counts(self.state, images).argmax(axis=1)


def tasks_of(classes: int, per_task: int) -> tuple[tuple[int, ...], ...]:
    """Return the classes of each task, in rising order; the last may hold fewer."""
    whole_number(per_task, "classes per task", 1)
    return tuple(
        tuple(range(first, min(first + per_task, classes))) for first in range(0, classes, per_task)
    )


def run_stream(
    learner: Learner,
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    tasks: tuple[tuple[int, ...], ...],
    *,
    seed: int = 0,
    shots: int | None = None,
) -> Iterator[StreamResult]:
    """Teach the tasks one after another; yield the result so far after each.

    Args:
        train, test: images uint8 [n, inputs], labels integers [n].
        seed: of the order within a task.
        shots: training samples per class; None: all.
    Raises: ValueError where a label belongs to no task, or a class has no samples.
    """
    images, labels = train
    named = [label for task in tasks for label in task]
    strange = sorted(set(np.unique(labels).tolist()) - set(named))
    if strange:
        raise ValueError(f"label {strange[0]} is in no task of the stream, which has {named}")
    missing = sorted(set(named) - set(np.unique(labels).tolist()))
    if missing:
        raise ValueError(f"class {missing[0]} has no training samples: leave it out of the tasks")
    accuracy = np.zeros((len(tasks), len(tasks)))
    for number, task in enumerate(tasks):
        order = _order(labels, task, np.random.default_rng([seed, number]), shots)
        learner.learn(images[order], labels[order])
        met = np.isin(test[1], [label for task in tasks[: number + 1] for label in task])
        right = learner.answers(test[0][met]) == test[1][met]
        for earlier, classes in enumerate(tasks[: number + 1]):
            accuracy[number, earlier] = right[np.isin(test[1][met], classes)].mean()
        yield StreamResult(tasks=tasks, accuracy=accuracy.copy(), final=float(right.mean()))


def _order(
    labels: np.ndarray, task: tuple[int, ...], rng: np.random.Generator, shots: int | None
) -> np.ndarray:
    """Return the training samples of a task in a random order, at most `shots` per class."""
    chosen = [rng.permutation(np.flatnonzero(labels == label))[:shots] for label in task]
    return rng.permutation(np.concatenate(chosen))
