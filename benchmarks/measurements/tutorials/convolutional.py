"""The convolutional network of a snnTorch tutorial: by its own recipe, and by BioGrad.

snnTorch's tutorial 6 ("Surrogate Gradient Descent in a Convolutional SNN"): 12 kernels of 5 x 5,
maximum of 2 x 2, Leaky, 64 kernels of 5 x 5, maximum, Leaky, dense, Leaky; beta 0.5, 50 steps,
pixels as a constant current, reset by subtraction, fast sigmoid of slope 25, cross-entropy of the
output spikes of each step, Adam at 1e-2, batches of 128, one epoch.
BioGrad converts the same untrained weights, which then fire the same spikes, and learns from the
same currents by local rules and layered sleep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import snntorch
import torch
from jaxtyping import Float
from snntorch import surrogate, utils
from torch import Tensor, nn
from torch.nn import functional

import biograd as bg
from biograd.data.datasets import ImageSet
from biograd.runs.presets import LAYERED_SLEEP

from . import recipe

BETA, SLOPE, STEPS, BATCH = 0.5, 25, 50, 128


def tutorial_net() -> nn.Sequential:
    """Return the tutorial's network, untrained."""

    def leaky(output: bool = False) -> nn.Module:
        neuron: nn.Module = snntorch.Leaky(
            beta=BETA,
            spike_grad=surrogate.fast_sigmoid(slope=SLOPE),
            init_hidden=True,
            output=output,
        )
        return neuron

    return nn.Sequential(
        *(nn.Conv2d(1, 12, 5), nn.MaxPool2d(2), leaky()),
        *(nn.Conv2d(12, 64, 5), nn.MaxPool2d(2), leaky()),
        *(nn.Flatten(), nn.Linear(64 * 4 * 4, 10), leaky(output=True)),
    )


def spikes_of(net: nn.Sequential, images: Float[Tensor, "B 1 28 28"]) -> Float[Tensor, "T B 10"]:
    """Return the output spikes of the tutorial's network, shown the images at every step."""
    utils.reset(net)
    return torch.stack([net(images)[0] for _ in range(STEPS)])


def by_its_recipe(
    train: ImageSet,
    test: ImageSet,
    *,
    epochs: int,
    lr: float,
    seed: int,
    threads: int,
    cosine: bool = False,
) -> Iterator[float]:
    """Train as the tutorial does; return an iterator of the test accuracy after each epoch."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    net = tutorial_net()

    def loss(images: Tensor, labels: Tensor) -> Tensor:
        spikes = spikes_of(net, pixels(images))
        return functional.cross_entropy(spikes.flatten(0, 1), labels.expand(STEPS, -1).flatten())

    return recipe.epochs(
        *(net, loss, lambda: accuracy(net, test), train),
        epochs=epochs,
        lr=lr,
        batch=BATCH,
        cosine=cosine,
    )


def by_its_recipe_annealed(
    train: ImageSet, test: ImageSet, *, epochs: int, lr: float, seed: int, threads: int
) -> Iterator[float]:
    """Train as the tutorial does, with a learning rate that falls to 0 as BioGrad's does."""
    return by_its_recipe(train, test, epochs=epochs, lr=lr, seed=seed, threads=threads, cosine=True)


def by_biograd(
    train: ImageSet, test: ImageSet, *, epochs: int, lr: float, seed: int, threads: int
) -> Iterator[float]:
    """Train the converted untrained network by local rules and sleep.

    Yields: test accuracy after each epoch.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = bg.from_snntorch(tutorial_net())
    generator = torch.Generator().manual_seed(seed)
    feedback = bg.sleep_aligned(net, generator=generator)
    learner = bg.LocalLearner(net, feedback, error=bg.RunningRate(), threads=threads)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, epochs * -(-len(train) // BATCH)
    )
    trainer = bg.Trainer(
        learner,
        optimizer,
        train,
        params=bg.TrainParams(epochs=epochs, batch=BATCH, steps=STEPS),
        test_set=test,
        scheduler=scheduler,
        encoder=constant,
        sleep=LAYERED_SLEEP,
        seed=seed,
    )
    for record in trainer.run():
        yield record["test_accuracy"]


def constant(
    x: Float[Tensor, "B N"], steps: int, *, generator: torch.Generator | None = None
) -> Float[Tensor, "T B N"]:
    """Return the pixels as currents that last over all steps; `generator` is not used."""
    return x.expand(steps, *x.shape)


def pixels(images: Tensor) -> Float[Tensor, "B 1 28 28"]:
    """Return grey images [B, 28, 28] of bytes as pixels of 0..1."""
    return images.reshape(-1, 1, 28, 28).float() / 255


@torch.no_grad()
def accuracy(net: nn.Sequential, images: ImageSet) -> float:
    """Return the share of images whose class has the most output spikes."""
    right = 0
    for x, y in zip(images.x.split(500), images.y.split(500), strict=True):
        right += int((bg.read_out(spikes_of(net, pixels(x))) == y).sum())
    return right / len(images)


METHODS: dict[str, Callable[..., Iterator[float]]] = {
    "convolutional, snntorch": by_its_recipe,
    "convolutional, snntorch annealed": by_its_recipe_annealed,
    "convolutional, biograd": by_biograd,
}
