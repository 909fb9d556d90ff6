"""The training loop of snnTorch's tutorials: Adam, shuffled batches, none smaller than the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from biograd.data.datasets import ImageSet


def epochs(
    net: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    accuracy: Callable[[], float],
    train: ImageSet,
    *,
    epochs: int,
    lr: float,
    batch: int,
    cosine: bool,
) -> Iterator[float]:
    """Train a network as the tutorials do, without an epoch's last, smaller batch.

    Args:
        loss: of a batch of images and its labels.
        accuracy: of the network as it is.
        cosine: the learning rate falls to 0, as BioGrad's does; else it is constant.
    Yields: accuracy after each epoch.
    """
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, betas=(0.9, 0.999))
    batches = len(train) // batch
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches)
    for _ in range(epochs):
        for members in torch.randperm(len(train)).split(batch)[:batches]:
            optimizer.zero_grad()
            loss(train.x[members], train.y[members]).backward()
            optimizer.step()
            if cosine:
                schedule.step()
        yield accuracy()
