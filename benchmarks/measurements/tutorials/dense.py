"""The network of a snnTorch tutorial: by its own recipe, by BioGrad, and through NIR and back.

snnTorch's tutorial 5 ("Training Spiking Neural Networks with snnTorch"): 784-1000-10 Leaky neurons
of beta 0.95, 25 steps, pixels as a constant current, cross-entropy of the output voltages summed
over steps, Adam at 5e-4, batches of 128, its usual surrogate (arctan) and reset by subtraction.
BioGrad converts the same untrained weights, with reset to zero (its nearest form), encodes the same
pixels as evenly spaced spikes, and learns by local rules and sleep.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nir
import snntorch
import snntorch.import_nir
import torch
from torch import Tensor, nn
from torch.nn import functional

import biograd as bg
from biograd.data.datasets import ImageSet, load, validation_split

from . import convolutional, recipe

BETA, STEPS, BATCH = 0.95, 25, 128
METHODS: dict[str, Callable[..., Iterator[float]]]


class TutorialNet(nn.Module):
    """The network of the tutorial, with its usual names."""

    def __init__(self, reset_mechanism: str = "subtract") -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, 1000)
        self.lif1 = snntorch.Leaky(beta=BETA, reset_mechanism=reset_mechanism)
        self.fc2 = nn.Linear(1000, 10)
        self.lif2 = snntorch.Leaky(beta=BETA, reset_mechanism=reset_mechanism)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return output spikes and voltages, each [T, B, 10].

        Args:
            x: a constant current [B, 784], or spikes [T, B, 784].
        """
        mem1, mem2 = self.lif1.reset_mem(), self.lif2.reset_mem()
        currents = x if x.dim() == 3 else x.expand(STEPS, *x.shape)
        spikes, voltages = [], []
        for current in currents:
            spk1, mem1 = self.lif1(self.fc1(current), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
            voltages.append(mem2)
        return torch.stack(spikes), torch.stack(voltages)


def measure(
    method: str,
    *,
    epochs: int,
    lr: float,
    seed: int,
    threads: int,
    limit: int = 0,
    validation: int = 0,
) -> dict[str, Any]:  # any: JSON
    """Train a tutorial's network by one of `METHODS`; return its accuracy after each epoch.

    Args:
        limit: number of training images; 0: all.
        validation: number of training images set apart and measured on, to choose learning rates;
            0: the test images are measured.
    """
    train, test = load("mnist", "train"), load("mnist", "test")
    if validation:
        train, test = validation_split(train, validation)
    if limit:
        train = train.subset(slice(0, limit))
    start = time.perf_counter()
    curve = list(METHODS[method](train, test, epochs=epochs, lr=lr, seed=seed, threads=threads))
    seconds = time.perf_counter() - start
    return {
        "method": method,
        "test_accuracy": curve[-1],
        "test_accuracy_curve": curve,
        "measured_on": "validation" if validation else "test",
        "seconds": seconds,
    }


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
    net = TutorialNet()

    def loss(images: Tensor, labels: Tensor) -> Tensor:
        _, voltages = net(images.flatten(1).float() / 255)
        targets = labels.expand(STEPS, -1).flatten()
        # summed over steps
        return functional.cross_entropy(voltages.flatten(0, 1), targets, reduction="sum") / BATCH

    return recipe.epochs(
        *(net, loss, lambda: _accuracy(net, test), train),
        epochs=epochs,
        lr=lr,
        batch=BATCH,
        cosine=cosine,
    )


# any: the keywords of `by_its_recipe`
def by_its_recipe_annealed(train: ImageSet, test: ImageSet, **how: Any) -> Iterator[float]:
    """Train as the tutorial does, with a learning rate that falls to 0 as BioGrad's does."""
    return by_its_recipe(train, test, cosine=True, **how)


def by_biograd(
    train: ImageSet, test: ImageSet, *, epochs: int, lr: float, seed: int, threads: int
) -> Iterator[float]:
    """Train the converted untrained network by local rules and sleep."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        # reset by subtraction becomes reset to zero: meant
        warnings.simplefilter("ignore", UserWarning)
        net = bg.from_snntorch(TutorialNet(), nearest=True)
    generator = torch.Generator().manual_seed(seed)
    learner = bg.LocalLearner(net, bg.SleepAligned(net, generator=generator), threads=threads)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, epochs * -(-len(train) // BATCH)
    )
    params = bg.TrainParams(epochs=epochs, batch=BATCH, steps=STEPS)
    for record in bg.Trainer(
        learner, optimizer, train, params=params, test_set=test, scheduler=scheduler, seed=seed
    ).run():
        yield record["test_accuracy"]


METHODS = {
    "snntorch": by_its_recipe,
    "snntorch annealed": by_its_recipe_annealed,
    "biograd": by_biograd,
    **convolutional.METHODS,
}


def round_trip(samples: int = 1000, seed: int = 0) -> dict[str, Any]:  # any: JSON
    """Compare the untrained network's output spikes in snnTorch, in BioGrad, and back in snnTorch.

    The way back is a NIR file.
    """
    torch.manual_seed(seed)
    model = TutorialNet(reset_mechanism="zero")
    images = load("mnist", "test").subset(slice(0, samples))
    spikes = bg.encode(images.x, bg.integrate_and_fire, STEPS)
    net = bg.from_snntorch(model)
    with tempfile.TemporaryDirectory() as folder:
        bg.to_nir(net, Path(folder) / "model.nir", steps=STEPS)
        graph = nir.read(Path(folder) / "model.nir")
    with contextlib.redirect_stdout(io.StringIO()):  # the importer prints
        again = snntorch.import_nir.import_from_nir(graph)
    state, out = None, []
    with torch.no_grad():
        first, _ = model(spikes)
        for of_step in spikes:
            s, state = again(of_step, state)
            out.append(s)
    converted, last = net(spikes), torch.stack(out)
    return {
        "samples": len(images),
        "output_spikes": int(first.sum()),
        "samples_that_differ_as_ours": int((converted != first).any(0).any(-1).sum()),
        "samples_that_differ_back_in_snntorch": int((last != first).any(0).any(-1).sum()),
    }


@torch.no_grad()
def _accuracy(net: TutorialNet, images: ImageSet) -> float:
    right = 0
    for x, y in zip(images.x.split(500), images.y.split(500), strict=True):
        spikes, _ = net(x.flatten(1).float() / 255)
        right += int((bg.read_out(spikes) == y).sum())
    return right / len(images)
