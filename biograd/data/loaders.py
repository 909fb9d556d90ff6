"""A user's DataLoader as a source of samples; a seed per epoch lets a stopped run go on.

A loader is any object that can be iterated repeatedly and yields (x, y): x images or spikes, y
whole numbers, or real ones to be learned as values. It decides about batches, order and transforms;
`torch.utils.data.DataLoader` is one, a list of batches another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor

from .events.sets import EventSet
from .sound.series import SeriesSet
from .spike_sets import SpikeSet

Loader = Iterable[Any]  # any: what a user's collate function makes; held to (x, y) batch by batch


def drawn(loader: Loader, seed: int) -> Iterator[tuple[Tensor, Shaped[Tensor, "B ..."]]]:
    """Yield one epoch of a loader; `seed` fixes its order and everything else that torch draws.

    The loader draws from the global generator, which is seeded for each batch and restored after
    it; a generator that the loader itself holds is seeded. Draws of NumPy's or Python's own
    generators, and of worker processes beyond their torch seed, are not fixed.

    Yields: x as the loader made it, and labels, int64 [B], or values [B, values].
    Raises: ValueError where the loader can be iterated only once, or yields something else than
    (x, y) with labels or values.
    """
    _check_data_set(loader)
    loader_state = torch.Generator().manual_seed(seed).get_state()
    if isinstance(generator := getattr(loader, "generator", None), torch.Generator):
        generator.manual_seed(seed)
    batches: Iterator[Any] | None = None
    while True:
        global_state = torch.get_rng_state()
        torch.set_rng_state(loader_state)
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
            loader_state = torch.get_rng_state()
            torch.set_rng_state(global_state)
        if batch is None:
            return
        yield _pair(batch)


def _check_data_set(loader: Loader) -> None:
    """Raise ValueError for a loader that stacks recordings or spike trains, [B, T, N].

    A user's own `collate_fn` may bin or transpose them.
    """
    if getattr(loader, "collate_fn", None) is not torch.utils.data.default_collate:
        return
    data_set: object = loader
    while (data_set := getattr(data_set, "dataset", None)) is not None:  # of a Subset, too
        if isinstance(data_set, EventSet | SpikeSet | SeriesSet):
            kind = f"{'an' if isinstance(data_set, EventSet) else 'a'} {type(data_set).__name__}"
            raise ValueError(
                f"the loader stacks the samples of {kind}, and batches need [T, B, inputs]: pass"
                " the set itself, and .subset(indices) for a part of it"
            )


def batches_of(loader: Loader) -> int:
    """Return the batches per epoch; 0 where the loader does not know."""
    try:
        return len(loader)  # type: ignore[arg-type]  # an iterable data set raises
    except TypeError:
        return 0


def _pair(batch: Any) -> tuple[Tensor, Tensor]:  # any: what the loader yields
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
    if y.is_complex() or y.dtype == torch.bool or not y.numel() or not y.dim():
        need = "one whole number per sample, [B], or real values [B, values]"
        raise ValueError(
            f"the loader's labels are {y.dtype} of shape {tuple(y.shape)}; need {need}"
        )
    return x, y if y.is_floating_point() else y.long()
