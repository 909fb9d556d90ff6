"""Learning on the chip after damage: faults in the learning emulator, then more samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from hardware.border.faults import Faults
from hardware.learning.emulator import evaluate, learn
from hardware.learning.faults import damaged
from hardware.learning.params import ChipLearningParams
from hardware.learning.state import from_model, start, to_model

from ..learning_after_deployment import Images, load_arrays

# name: faults of hidden neurons, and of synapses of all layers; output neurons are spared
DAMAGES: dict[str, dict[str, float]] = {
    "intact": {},
    "dead": {"dead": 0.5},
    "stuck": {"stuck": 0.1},
    "synapses": {"synapses": 0.5},
}


@dataclass(frozen=True, kw_only=True)
class HealingParams:
    """The net, how long it learns before the damage and after, and when it is measured."""

    hidden: int = 100
    samples: int = 20_000  # training images per epoch
    epochs: int = 2  # before the damage
    more: int = 1  # after it
    tested: int = 5000  # test images
    # samples learned after the damage, at which each curve has a point beside that of 0
    points: tuple[int, ...] = (500, 1000, 2000, 5000, 10_000, 20_000)


def measure(
    p: HealingParams, seed: int, images: Images | None = None
) -> Iterator[dict[str, Any]]:  # any: JSON
    """Yield one row: accuracy against samples learned after each damage, in the chip's integers.

    Args:
        images: in place of MNIST's.
    """
    images = images or load_arrays("mnist")
    x, y = images.x[: p.samples], images.y[: p.samples]
    tested = images.x_test[: p.tested], images.y_test[: p.tested]
    params = ChipLearningParams(
        sizes=(x.shape[1], p.hidden, int(y.max()) + 1), samples=p.epochs * len(x), seed=seed
    )
    state = start(params)
    for _ in learn(state, x, y, epochs=p.epochs):
        pass
    model, further = to_model(state), ChipLearningParams(samples=p.more * len(x), seed=seed)
    curves = {}
    for name, rates in DAMAGES.items():
        broken = from_model(model, further)
        broken = damaged(broken, Faults(output=False, seed=seed, **rates))
        curves[name] = [(0, evaluate(broken, *tested))]
        for record in learn(broken, x, y, epochs=p.more):
            if record.samples in p.points:  # a record ends with a night
                curves[name].append((record.samples, evaluate(broken, *tested)))
    yield {
        "task": "healing",
        "test_accuracy": evaluate(state, *tested),
        "damages": {name: dict(rates) for name, rates in DAMAGES.items()},
        "curves": curves,
    }


def described(p: HealingParams) -> dict[str, Any]:  # any: JSON
    """Return the configuration that identifies a row."""
    return {"where": "chip"} | asdict(p)
