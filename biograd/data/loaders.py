"""Anyone's DataLoader as a source of samples: every epoch drawn again from a seed, so that a
stopped run goes on where it was.

A loader is whatever can be iterated again and again and gives (x, y): x images or spikes, y whole
numbers, or real ones to be learned as values. Its batches, its order and its transforms are its
own; `torch.utils.data.DataLoader` is one, a list of batches another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor

Loader = Iterable[Any]  # any: what a user's collate function makes; held to (x, y) batch by batch


def drawn(loader: Loader, seed: int) -> Iterator[tuple[Tensor, Shaped[Tensor, "B ..."]]]:
    """One epoch of a loader, its order and all that torch draws on the way to it settled by `seed`.

    The global generator is lent to the loader for the time of each batch and comes back as it was;
    a generator that the loader itself holds is seeded. What NumPy's or Python's own generators
    draw, and what worker processes draw beyond their torch seed, is not settled.

    Yields: x as the loader made it, and labels, int64 [B], or values [B, values].
    Raises: ValueError where the loader can be iterated only once, or gives something else than (x,
    y) with labels or values.
    """
    own = torch.Generator().manual_seed(seed).get_state()
    if isinstance(generator := getattr(loader, "generator", None), torch.Generator):
        generator.manual_seed(seed)
    batches: Iterator[Any] | None = None
    while True:
        outside = torch.get_rng_state()
        torch.set_rng_state(own)
        try:
            if batches is None:
                batches = iter(loader)
                if batches is loader:
                    raise ValueError(
                        "the loader can be iterated only once: give a DataLoader or a list of"
                        " batches, not a generator"
                    )
            batch = next(batches, None)
        finally:
            own = torch.get_rng_state()
            torch.set_rng_state(outside)
        if batch is None:
            return
        yield _pair(batch)


def batches_of(loader: Loader) -> int:
    """Batches per epoch; 0 where the loader cannot tell."""
    try:
        return len(loader)  # type: ignore[arg-type]  # iterable data sets have none, and say so
    except TypeError:
        return 0


def _pair(batch: Any) -> tuple[Tensor, Tensor]:
    if (
        not isinstance(batch, tuple | list)
        or len(batch) != 2
        or not all(torch.is_tensor(part) for part in batch)
    ):
        kind = (
            f"{type(batch).__name__} of {len(batch)}"
            if isinstance(batch, tuple | list | dict)
            else type(batch).__name__
        )
        raise ValueError(
            f"the loader gives a {kind}; need pairs of tensors (x, y): choose them in its"
            " collate_fn"
        )
    x, y = batch
    if y.is_complex() or y.dtype == torch.bool or not y.numel():
        need = "one whole number per sample, [B], or real values [B, values]"
        raise ValueError(
            f"the loader's labels are {y.dtype} of shape {tuple(y.shape)}; need {need}"
        )
    return x, y if y.is_floating_point() else y.long()
