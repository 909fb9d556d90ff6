"""Order of the training samples of an epoch."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from ..data.samples import Samples

# Batches whose samples are sorted by length together: with so many, spoken digits are padded by a
# tenth instead of doubled, and batches stay mixed. Ours.
SORTED_TOGETHER = 10


def epoch_order(samples: Samples, seed: int, batch: int, due: Tensor | None = None) -> Tensor:
    """Return the samples of an epoch in a random order that depends on `seed` alone.

    Samples that differ in length meet others of nearly their length in a batch, since every batch
    is padded to its longest.

    Args:
        batch: samples of a batch.
        due: samples to present; None: all.
    """
    # a generator of its own: a run resumed within an epoch draws the same order again
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(samples.y), generator=generator)
    if due is not None:
        order = order[torch.isin(order, due)]
    lengths = getattr(samples, "lengths", None)
    if lengths is None or len(order) <= batch:
        return order
    return _near_in_length(order, lengths, batch, generator)


def _near_in_length(
    order: Int[Tensor, " n"], lengths: Int[Tensor, " N"], batch: int, generator: torch.Generator
) -> Int[Tensor, " n"]:
    """Sort groups of batches by length, and shuffle the batches; an incomplete one stays last."""
    batches: list[Tensor] = []
    for group in order.split(SORTED_TOGETHER * batch):
        batches += group[lengths[group].argsort(stable=True)].split(batch)
    rest = [batches.pop()] if len(batches[-1]) < batch else []
    shuffled = torch.randperm(len(batches), generator=generator).tolist()
    return torch.cat([*(batches[number] for number in shuffled), *rest])
