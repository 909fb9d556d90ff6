"""A network that goes on learning in the chip's integers: new classes, rotated and noisy digits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from biograd.data.datasets import load_images
from hardware.learning import state as learning_state
from hardware.learning.emulator import evaluate, learn
from hardware.learning.params import ChipLearningParams
from hardware.learning.state import LearningState

SAMPLES = 5000  # of the new task, and as many of the old one where they are mixed in


@dataclass(frozen=True)
class Images:
    """Both halves of a data set; uint8 [n, pixels] and int64 [n]."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def load_arrays(dataset: str) -> Images:
    """Return a data set as arrays."""
    train, test = load_images(dataset, "train"), load_images(dataset, "test")
    return Images(
        train.x.numpy().reshape(len(train), -1),
        train.y.numpy(),
        test.x.numpy().reshape(len(test), -1),
        test.y.numpy(),
    )


def keep_learning(seed: int, images: Images) -> Iterator[dict[str, Any]]:  # any: JSON
    """Yield accuracy on the old and the new task, before and after learning the new one.

    A net that has learned is carried through the Model of a model file and goes on learning: a
    tenth class after nine, digits rotated by 30 degrees, noisy digits; each once with samples of
    the new task alone, and once with as many old samples mixed in.
    """
    rng = np.random.default_rng(seed)
    nine = images.y != 9
    all_ten = _trained(images.x, images.y, seed)
    only_nine = _trained(images.x[nine], images.y[nine], seed)
    tasks = (
        ("a tenth class after nine", only_nine, *_split(images, 9)),
        (
            "digits rotated by 30 degrees",
            all_ten,
            _changed(images, lambda x: rotate(x, 30.0)),
            images,
        ),
        ("noisy digits", all_ten, _changed(images, lambda x: noisy(x, rng)), images),
    )
    for name, trained, new, old in tasks:
        for mixed in (False, True):
            model = learning_state.to_model(trained)
            params = dataclasses.replace(
                trained.params, samples=None, gain_hidden=60, gain_output=50
            )
            state = learning_state.from_model(model, params)
            before = [evaluate(state, part.x_test, part.y_test) for part in (old, new)]
            chosen, chosen_old = (rng.permutation(len(part.x))[:SAMPLES] for part in (new, old))
            x, y = new.x[chosen], new.y[chosen]
            if mixed:
                x = np.concatenate([x, old.x[chosen_old]])
                y = np.concatenate([y, old.y[chosen_old]])
            _learn_all(state, x, y)
            after = [evaluate(state, part.x_test, part.y_test) for part in (old, new)]
            yield {
                "lesson": name,
                "old_mixed_in": mixed,
                "samples": len(x),
                "old_before": before[0],
                "old_after": after[0],
                "new_before": before[1],
                "new_after": after[1],
            }


def rotate(x: np.ndarray, degrees: float) -> np.ndarray:
    """Turn square images uint8 [n, pixels] about their middle: bilinear, black outside."""
    side = round(x.shape[1] ** 0.5)
    angle, middle = np.deg2rad(degrees), (side - 1) / 2
    rows, columns = np.mgrid[:side, :side] - middle
    source = (
        np.stack(
            [
                np.cos(angle) * rows + np.sin(angle) * columns,
                np.cos(angle) * columns - np.sin(angle) * rows,
            ]
        )
        + middle
    )
    corner = np.floor(source).astype(int)
    rest = source - corner
    padded = np.pad(
        x.reshape(-1, side, side).astype(np.float32), ((0, 0), (side, side), (side, side))
    )
    turned = np.zeros((len(x), side, side), dtype=np.float32)
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - down - rest[0]) * np.abs(1 - right - rest[1])
            turned += weight * padded[:, corner[0] + down + side, corner[1] + right + side]
    return np.rint(turned).astype(np.uint8).reshape(len(x), -1)


def noisy(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise of 64 grey values to every pixel."""
    return np.clip(x + rng.normal(0, 64, x.shape).astype(np.float32), 0, 255).astype(np.uint8)


def _trained(x: np.ndarray, y: np.ndarray, seed: int) -> LearningState:
    """Return the state after one epoch of learning."""
    state = learning_state.start(ChipLearningParams(seed=seed, samples=len(x)))
    _learn_all(state, x, y)
    return state


def _learn_all(state: LearningState, x: np.ndarray, y: np.ndarray) -> None:
    for _ in learn(state, x, y):
        pass


def _split(images: Images, label: int) -> tuple[Images, Images]:
    """Return the images of a class, and all others."""
    inside, inside_test = images.y == label, images.y_test == label
    of_class, others = (
        Images(images.x[part], images.y[part], images.x_test[test], images.y_test[test])
        for part, test in ((inside, inside_test), (~inside, ~inside_test))
    )
    return of_class, others


def _changed(images: Images, change: Callable[[np.ndarray], np.ndarray]) -> Images:
    """Change both halves; `change` maps uint8 [n, pixels] to the same."""
    return dataclasses.replace(images, x=change(images.x), x_test=change(images.x_test))
