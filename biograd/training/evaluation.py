"""A network measured: how well it answers, its answers, and how much it fires."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ..data.loaders import Loader, drawn
from ..data.samples import Samples, loaded_spikes, spikes_or_packed
from ..encoders import Encoder, integrate_and_fire
from ..kernels.packed_spikes import PackedSpikes
from ..kernels.threads import in_parts
from ..network import Network
from ..readout import Classes, Readout


class Evaluation(NamedTuple):
    """A network measured on a set of images.

    Example:
        >>> images = ImageSet("random", "test", torch.rand(20, 784), torch.arange(20) % 10, 10)
        >>> evaluate(Network((784, 10)), images).predicted.shape
        torch.Size([20])
    """

    test_accuracy: float  # 0..1; nan where the readout tells no classes
    predicted: Tensor  # int64 [n], or values [n, values]
    rates: list[float]  # spikes per neuron and step of each layer
    samples_per_second: float
    figures: dict[str, float]  # what the readout measures: accuracy, or rmse and r2


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
    """Measure a network: accuracy, answers, and how much it fires. Draws (of a random encoder) come
    from `seed`.

    Args:
        readout: what the output's spikes mean; classes unless given. `figures` of the result are
            its own.

    Example:
        >>> images = ImageSet("random", "test", torch.rand(20, 784), torch.arange(20) % 10, 10)
        >>> 0 <= evaluate(Network((784, 32, 10)), images, steps=5).test_accuracy <= 1
        True
    """
    start, readout = time.perf_counter(), readout or Classes()
    predicted, labels, rates, shown = [], [], torch.zeros(len(net.layers)), 0
    for spikes, y in _measured(net, images, encoder, readout, steps, batch, seed):
        if isinstance(spikes, PackedSpikes):
            length = spikes.steps
            parts = in_parts(
                lambda words, T=length: _answer(net, readout, PackedSpikes(words, T)),
                threads,
                (spikes.words, 1),
            )
        else:
            length = len(spikes)
            parts = in_parts(
                lambda part: _answer(net, readout, part), threads, (spikes.to(net.device), 1)
            )
        shown += length * len(y)
        labels.append(y.cpu())
        for answers, fired in parts:
            predicted.append(answers.cpu())
            rates += fired.cpu()
    if not labels:
        raise ValueError("the loader gives no batches: need at least one")
    answers, y = torch.cat(predicted), torch.cat(labels)
    seconds = time.perf_counter() - start
    figures = readout.measured(answers, y)
    return Evaluation(
        figures.get("accuracy", math.nan),
        answers,
        (rates / shown).tolist(),
        len(y) / seconds,
        figures,
    )


def _measured(
    net: Network,
    images: Samples | Loader,
    encoder: Encoder | None,
    readout: Readout,
    steps: int,
    batch: int,
    seed: int,
) -> Iterator[tuple[Tensor | PackedSpikes, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    if isinstance(images, Samples):
        for members in torch.arange(len(images.y)).split(batch):
            spikes = spikes_or_packed(
                images, members, steps, encoder=encoder, generator=generator, packed=net.by_events
            )
            yield spikes, images.y[members]
    else:
        for x, labels in drawn(images, seed):
            yield (
                loaded_spikes(
                    net, x, labels, steps, encoder=encoder, readout=readout, generator=generator
                ),
                labels,
            )


@torch.no_grad()
def _answer(net: Network, readout: Readout, spikes: Tensor | PackedSpikes) -> tuple[Tensor, Tensor]:
    counts = net.spike_counts(spikes)
    length = spikes.steps if isinstance(spikes, PackedSpikes) else len(spikes)
    return readout.answers(counts[-1], length), torch.stack(
        [count.sum() / count.shape[-1] for count in counts]
    )
