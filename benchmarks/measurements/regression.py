"""Real numbers learned as rates, by the local rule and by backpropagation through time.

    angle      the angle by which a handwritten digit was turned, degrees (MNIST, each image by its
               own angle)
    friedman   a function of five of ten inputs,
               y = 10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5 + N(0, 1)
               Source: Friedman 1991, Annals of Statistics 19, "Multivariate adaptive regression
               splines", his first example

For comparison: always the mean of the training targets, and least squares on the inputs themselves,
ridge 1e-3 of the trace.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from biograd.data.datasets import ImageSet, load
from biograd.errors import ERRORS
from biograd.feedback import SleepAligned
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.readout import Values
from biograd.training.trainer import Learner, Trainer, TrainParams

from ..peers.backprop import Surrogate
from ..peers.baselines import Bptt, fused_scan

METHODS = ("local rule", "BPTT", "least squares", "the mean")


@dataclass(frozen=True, kw_only=True)
class RegressionParams:
    """One task, and the network that learns it."""

    task: str = "angle"  # angle or friedman
    reach: float = 60.0  # degrees, angles are uniform in -reach .. reach (angle)
    train: int = 20_000  # samples
    test: int = 5_000
    hidden: tuple[int, ...] = (256, 256)
    neurons: int = 10  # output neurons whose rates together represent the value
    steps: int = 20
    epochs: int = 6
    batch: int = 100
    error: str = "running"  # error neurons of the local rule
    # Adam's at the start, cosine to 0; on training images set apart, 1e-3 was as good for BPTT and
    # worse for the rule
    lr: float = 3e-3

    def __post_init__(self) -> None:
        if self.task not in ("angle", "friedman"):
            raise ValueError(f"task is {self.task!r}; known: angle, friedman")
        if min(self.train, self.test) < 1 or not 0 < self.reach <= 180:
            raise ValueError(
                "train and test need at least 1 sample, and reach more than 0 degrees, at most 180"
            )


TASKS = (
    RegressionParams(),
    RegressionParams(task="friedman", hidden=(100, 100), steps=32, epochs=20, train=10_000),
)


def samples(p: RegressionParams, seed: int) -> tuple[ImageSet, ImageSet, Values]:
    """Return training and test samples, and a readout whose range holds the targets of both."""
    if p.task == "friedman":
        parts = [
            _friedman(n, torch.Generator().manual_seed(1000 * number + seed))
            for number, n in ((1, p.train), (2, p.test))
        ]
        low, high = -5.0, 35.0  # the function reaches from 0 to 30, and its noise about 4 further
        sets = [(x, y.clamp(low, high)) for x, y in parts]
    else:
        digits = [(load("mnist", "train").x[: p.train], 1), (load("mnist", "test").x[: p.test], 2)]
        low, high = -p.reach, p.reach
        sets = [
            _turned(x, p.reach, torch.Generator().manual_seed(1000 * number + seed))
            for x, number in digits
        ]
    (x, y), (x_test, y_test) = sets
    train, test = (
        ImageSet(p.task, "train", x, y, p.neurons),
        ImageSet(p.task, "test", x_test, y_test, p.neurons),
    )
    return train, test, Values(low, high, neurons=p.neurons)


def _turned(x: Tensor, reach: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Turn each image about its middle by its own angle: clockwise, bilinear, black outside.

    Returns: the images, and the angles [n, 1], degrees.
    """
    angle = (torch.rand(len(x), generator=generator) * 2 - 1) * reach
    cos, sin, zero = (
        torch.cos(torch.deg2rad(angle)),
        torch.sin(torch.deg2rad(angle)),
        torch.zeros(len(x)),
    )
    rotation = torch.stack([torch.stack([cos, sin, zero], 1), torch.stack([-sin, cos, zero], 1)], 1)
    grid = functional.affine_grid(rotation, [len(x), 1, *x.shape[1:]], align_corners=False)
    turned = functional.grid_sample(x[:, None].float(), grid, align_corners=False)[:, 0]
    return turned.round().to(torch.uint8), angle[:, None]


def _friedman(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw ten inputs, uniform in 0..1, and targets.

    Returns: inputs x and 1 - x (so that small ones fire too), [n, 20]; targets, [n, 1].
    """
    x = torch.rand(n, 10, generator=generator)
    a, b, c, d, e = x[:, :5].T
    y = (
        10 * torch.sin(math.pi * a * b)
        + 20 * (c - 0.5).square()
        + 10 * d
        + 5 * e
        + torch.randn(n, generator=generator)
    )
    return torch.cat([x, 1 - x], 1), y[:, None]


def learn(p: RegressionParams, method: str, seed: int) -> dict[str, Any]:
    """Train a method; return its rmse (in the target's unit) and r2 on the test samples.

    For networks also the curves over epochs.
    """
    train, test, readout = samples(p, seed)
    if method == "the mean":
        return readout.measured(train.y.mean(0).expand_as(test.y), test.y)
    if method == "least squares":
        return readout.measured(_least_squares(train, test), test.y)
    weights = torch.Generator().manual_seed(seed)
    net = Network((train.inputs, *p.hidden, p.neurons), generator=weights)
    learner: Learner
    if method == "BPTT":
        learner = Bptt(net, "mse", [Surrogate(1.0, 0.5)] * len(net.layers), fused_scan, readout)
    else:
        learner = LocalLearner(
            net, SleepAligned(net, generator=weights), error=ERRORS[p.error](), readout=readout
        )
    optimizer = torch.optim.Adam(net.parameters(), lr=p.lr)
    batches = -(-len(train) // p.batch)
    trainer = Trainer(
        learner,
        optimizer,
        train,
        test_set=test,
        params=TrainParams(epochs=p.epochs, batch=p.batch, steps=p.steps),
        scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, batches * p.epochs),
        seed=seed,
    )
    epochs = list(trainer.run())
    return {
        "rmse": epochs[-1]["test_rmse"],
        "r2": epochs[-1]["test_r2"],
        "rmse_curve": [epoch["test_rmse"] for epoch in epochs],
        "train_rmse_curve": [epoch["train_rmse"] for epoch in epochs],
        "seconds": sum(epoch["seconds"] for epoch in epochs),
        "spikes_per_neuron": epochs[-1]["spikes_per_neuron"],
    }


def _least_squares(train: ImageSet, test: ImageSet) -> Tensor:
    x, x_test = (
        part.x.flatten(1).double() / (255 if part.x.dtype == torch.uint8 else 1)
        for part in (train, test)
    )
    middle, y = x.mean(0), train.y.double()
    covariance = (x - middle).T @ (x - middle)
    ridge = (
        1e-3
        * covariance.trace()
        / len(covariance)
        * torch.eye(len(covariance), dtype=torch.float64)
    )
    w = torch.linalg.solve(covariance + ridge, (x - middle).T @ (y - y.mean(0)))
    return y.mean(0) + (x_test - middle) @ w


def measure(p: RegressionParams, method: str, seed: int) -> Iterator[dict[str, Any]]:
    """Yield one row as a record's results."""
    yield {"method": method, "task": p.task, **learn(p, method, seed)}


def described(p: RegressionParams, method: str) -> dict[str, Any]:
    """Return the configuration that identifies a row."""
    return asdict(p) | {"hidden": list(p.hidden), "method": method}
