"""Evaluation of a network: accuracy, answers, and spike rates."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from ..checks import instance_of, whole_number
from ..data.loaders import Loader, drawn
from ..data.samples import Samples, loaded_spikes, spikes_or_packed
from ..encoders import Encoder, integrate_and_fire
from ..kernels.packed_spikes import PackedSpikes
from ..kernels.threads import in_parts
from ..network import Network
from ..padding import PaddedSpikes, to_all_steps
from ..parts import check_network
from ..readout import Classes, Readout
from ..tensors import seeded
from . import arguments


class Evaluation(NamedTuple):
    """Measurements of a network on a set of samples.

    Example:
        >>> images = ImageSet("random", "test", torch.rand(20, 784), torch.arange(20) % 10, 10)
        >>> evaluation = evaluate(Network((784, 10)), images)
        >>> evaluation.predicted.shape, evaluation.confusion(10).sum().item()
        (torch.Size([20]), 20)
    """

    predicted: Tensor  # answers: classes, int64 [n], or values [n, values]
    labels: Tensor  # right answers, in the same form
    rates: list[float]  # spikes per neuron and step of each layer
    samples_per_second: float
    figures: dict[str, float]  # of the readout: accuracy, or rmse and r2

    @property
    def test_accuracy(self) -> float:
        """Fraction of correct answers, 0..1; nan where the readout has no classes."""
        return self.figures.get("accuracy", math.nan)

    def confusion(self, classes: int) -> Int[Tensor, "C C"]:
        """Count the samples of each class by their answer, [class, answer].

        Raises: ValueError where the answers are no classes.
        """
        if math.isnan(self.test_accuracy):
            raise ValueError(
                f"the answers are values of shape {tuple(self.predicted.shape)}: only classes have"
                " a confusion matrix; see `figures`"
            )
        pairs = torch.bincount(self.labels * classes + self.predicted, minlength=classes**2)
        return pairs.view(classes, classes)


def evaluate(
    net: Network,
    images: Samples | Loader,
    *,
    encoder: Encoder | None = integrate_and_fire,
    readout: Readout | None = None,
    steps: int = 10,
    batch: int = 500,
    threads: int = 1,
    seed: int = 0,
) -> Evaluation:
    """Measure a network: accuracy, answers, and spike rates.

    Args:
        images: images, recordings, or a loader of (x, y).
        encoder: images to spikes; None: a loader's x are spikes already.
        readout: meaning of the output's spikes; classes unless given.
        steps: time steps per sample, T.
        batch: samples that pass through the network at once.
        threads: parts that a batch is split into.
        seed: of the random numbers of an encoder or loader.

    Example:
        >>> images = ImageSet("random", "test", torch.rand(20, 784), torch.arange(20) % 10, 10)
        >>> 0 <= evaluate(Network((784, 32, 10)), images, steps=5).test_accuracy <= 1
        True
    """
    check_network(net)
    arguments.check_encoder(encoder)
    readout = Classes() if readout is None else readout
    instance_of(readout, Readout, "readout", "a readout, e.g. Classes()")
    steps, threads = whole_number(steps, "steps", 1), whole_number(threads, "threads", 1)
    batch, seed = whole_number(batch, "batch", 1), whole_number(seed, "seed", -(1 << 63))
    arguments.check_samples(net, images, readout, "images")
    start = time.perf_counter()
    predicted, labels = [], []
    rates, sample_steps = torch.zeros(len(net.layers), dtype=torch.float32), 0
    for spikes, y in _batches(net, images, encoder, readout, steps, batch, seed):
        padded = isinstance(spikes, PaddedSpikes)
        sample_steps += int(spikes.lengths.sum()) if padded else _length(spikes) * len(y)  # type: ignore[union-attr]  # it is padded
        labels.append(y.cpu())
        for answers, fired in _answers(net, readout, spikes, threads):
            predicted.append(answers.cpu())
            rates += fired.cpu()
    if not labels:
        raise ValueError("the loader gives no batches: need at least one")
    answers, y = torch.cat(predicted), torch.cat(labels)
    seconds = time.perf_counter() - start
    return Evaluation(
        answers, y, (rates / sample_steps).tolist(), len(y) / seconds, readout.measured(answers, y)
    )


def _batches(
    net: Network,
    images: Samples | Loader,
    encoder: Encoder | None,
    readout: Readout,
    steps: int,
    batch: int,
    seed: int,
) -> Iterator[tuple[Tensor | PackedSpikes | PaddedSpikes, Tensor]]:
    """Yield spikes and labels of all samples."""
    generator = seeded(seed)
    if isinstance(images, Samples):
        for members in torch.arange(len(images.y)).split(batch):
            spikes = spikes_or_packed(
                images,
                members,
                steps,
                encoder=encoder,
                generator=generator,
                packed=net.takes_packed,
            )
            yield spikes, images.y[members]
        return
    for x, y in drawn(images, seed):
        loaded = loaded_spikes(
            net, x, y, steps, encoder=encoder, readout=readout, generator=generator
        )
        yield loaded, y


def _length(spikes: Tensor | PackedSpikes | PaddedSpikes) -> int:
    return spikes.steps if isinstance(spikes, PackedSpikes) else len(spikes)


def _answers(
    net: Network, readout: Readout, spikes: Tensor | PackedSpikes | PaddedSpikes, threads: int
) -> list[tuple[Tensor, Tensor]]:
    """Return answers and sums of spike rates for each part of a batch, computed side by side."""
    if isinstance(spikes, PackedSpikes):
        steps = spikes.steps
        return in_parts(
            lambda words: _answer(net, readout, PackedSpikes(words, steps)),
            threads,
            (spikes.words, 1),
        )
    spikes = spikes.to(net.device)
    if isinstance(spikes, PaddedSpikes):
        return in_parts(
            lambda s, lengths: _answer(net, readout, PaddedSpikes(s, lengths)),
            threads,
            (spikes.s, 1),
            (spikes.lengths, 0),
        )
    return in_parts(lambda part: _answer(net, readout, part), threads, (spikes, 1))


@torch.no_grad()
def _answer(
    net: Network, readout: Readout, spikes: Tensor | PackedSpikes | PaddedSpikes
) -> tuple[Tensor, Tensor]:
    """Return the answers, and each layer's spikes per neuron, summed over samples and steps."""
    steps = _length(spikes)
    if isinstance(spikes, PaddedSpikes):
        live = spikes.live().unsqueeze(-1)
        counts = [(activity.s * live).sum(0) for activity in net.roll(spikes.s)]
    else:
        counts = net.spike_counts(spikes)
    fires = [layer.neuron.fires for layer in net.layers]
    sums = [count.sum() / count.shape[-1] for count in counts]
    rates = torch.stack([total * fire for total, fire in zip(sums, fires, strict=True)])
    lengths = spikes.lengths if isinstance(spikes, PaddedSpikes) else None
    return readout.answers(to_all_steps(counts[-1], steps, lengths), steps), rates
