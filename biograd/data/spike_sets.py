"""Spike trains in memory as a set of samples, for a user's own tasks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from ..checks import text_of, whole_fields, whole_number
from ..tensors import check_generator
from .augment import AugmentParams, checked_changes
from .indices import Indices, sample_index, sample_indices, selection
from .labels import check_names, checked_labels


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SpikeSet:
    """Spike trains in memory and their classes, as `Trainer` takes them: for a user's own tasks.

    Example:
        >>> s, y = torch.zeros(20, 5, 3, dtype=torch.bool), torch.zeros(20, dtype=torch.int64)
        >>> train = SpikeSet(s=s, y=y, classes=2)
        >>> train.spikes(torch.arange(4), 5).shape
        torch.Size([5, 4, 3])
    """

    s: Tensor  # 0 or 1 of any dtype, [n, T, N]
    y: Shaped[Tensor, "n ..."]  # class of each, int64; or real values, [n, values]
    classes: int  # output neurons of a network for them
    name: str = "spikes"
    split: str = "train"
    layout: tuple[int, int, int] | None = None  # planes, rows and columns of the inputs
    kind = "spike trains"

    def __post_init__(self) -> None:
        check_names(name=self.name, split=self.split)
        if not isinstance(self.s, Tensor) or self.s.layout != torch.strided or self.s.is_meta:
            raise TypeError(f"spikes are {text_of(self.s)}; need a dense tensor, [n, T, N]")
        shape = tuple(self.s.shape)
        if self.s.ndim != 3 or not all(shape[1:]) or self.s.is_complex():
            raise ValueError(f"spikes are {self.s.dtype} of shape {shape}; need 0 and 1, [n, T, N]")
        if not bool(((self.s == 0) | (self.s == 1)).all()):
            raise ValueError(
                f"spikes are {shape} and hold other values than 0 and 1; need [n, T, N] of 0 and 1"
            )
        whole_fields(self, "classes", table="SpikeSet", least=1, unit="class")
        if self.layout is not None and math.prod(self.layout) != shape[2]:
            raise ValueError(
                f"layout is {self.layout} and there are {shape[2]:,} inputs; need planes, rows and"
                " columns whose product is that number"
            )
        y = checked_labels(self.y, len(self.s), self.classes, "spike train")
        object.__setattr__(self, "y", y)

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        n, steps, inputs = self.s.shape
        return (
            f"SpikeSet({self.name!r}, {self.split!r}, {n:,} spike trains of {steps:,} steps and"
            f" {inputs:,} inputs, classes={self.classes})"
        )

    def __getitem__(self, index: int) -> tuple[Shaped[Tensor, "T N"], Tensor]:
        """Return one sample: its spikes, and its label."""
        member = sample_index(index, len(self), "index")
        return self.s[member], self.y[member]

    def __iter__(self) -> Iterator[tuple[Shaped[Tensor, "T N"], Tensor]]:
        return (self[member] for member in range(len(self)))

    @property
    def inputs(self) -> int:
        """Number of input neurons."""
        return self.s.shape[2]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layout of the inputs: planes, rows and columns."""
        return self.layout or (1, 1, self.inputs)

    def picture(self, member: int) -> np.ndarray:
        """Return the spikes of one sample over all steps and planes, [rows, columns]."""
        s = self.s[sample_index(member, len(self))].float()
        return s.view(-1, *self.shape).sum((0, 1)).cpu().numpy()

    def subset(self, indices: Indices) -> SpikeSet:
        """Return the spike trains with these indices, in this order."""
        chosen = selection(indices, len(self))
        return dataclasses.replace(self, s=self.s[chosen], y=self.y[chosen])

    def spikes(
        self,
        members: Indices,
        steps: int,
        *,
        augmentation: AugmentParams | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "T B N"]:
        """Return the spike trains of some samples.

        Raises: ValueError for another number of steps than they have, and for any augmentation.
        """
        if whole_number(steps, "steps") != self.s.shape[1]:
            raise ValueError(
                f"{self.name} has {self.s.shape[1]} steps per sample and {steps:,} are asked for:"
                f" set steps to {self.s.shape[1]}"
            )
        if checked_changes(augmentation) != AugmentParams():
            raise ValueError(
                f"{self.name} is a set of spike trains, which no augmentation changes: set all of"
                " them to 0"
            )
        check_generator(generator)
        members = sample_indices(members, len(self), "members").to(self.s.device)
        return self.s[members].transpose(0, 1).float().contiguous()
