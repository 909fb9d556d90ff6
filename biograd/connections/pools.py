"""Pools: windows of maps without neurons or synapses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..checks import instance_of, whole_number

Shape = tuple[int, ...]  # of a population: (N,), or (C, H, W)
aten = torch.ops.aten


class Pooled(NamedTuple):
    """Pooled maps, and the path that each of them came by, where the pool chooses one."""

    x: Tensor  # [n, C, H, W]
    route: Tensor | None = None  # position of each maximum in its map, int64 [n, C, H, W]


@dataclass(frozen=True)
class Pool(ABC):
    """A pool of square windows without neurons or synapses. Extend it to add one.

    Args:
        window: pixels.
        stride: pixels between windows; as the window unless given.

    Example:
        >>> AvgPool2d(2).out_shape((16, 14, 14))
        (16, 7, 7)
    """

    window: int
    stride: int | None = None

    def __post_init__(self) -> None:
        for name in ("window", "stride"):
            value = getattr(self, name)
            if name == "stride" and value is None:
                continue
            whole_number(value, f"{type(self).__name__}.{name}", 1)

    @property
    def step(self) -> int:
        """Pixels between two windows."""
        return self.window if self.stride is None else self.stride

    def out_shape(self, shape: Shape) -> Shape:
        """Return the shape of the pooled maps; ValueError for windows larger than the maps."""
        channels, rows, columns = maps_of(shape, self)
        if min(rows, columns) < self.window:
            raise ValueError(
                f"{self} has windows of {self.window} x {self.window} and maps of {rows} x"
                f" {columns}: use a smaller window, or pool once less"
            )
        return (
            channels,
            (rows - self.window) // self.step + 1,
            (columns - self.window) // self.step + 1,
        )

    @abstractmethod
    def pool(self, x: Float[Tensor, "n C H W"]) -> Pooled:
        """Return the pooled maps."""

    @abstractmethod
    def spread(self, g: Float[Tensor, "n C h w"], pooled: Pooled | None, shape: Shape) -> Tensor:
        """Return the errors of pooled maps before the pool, [n, C, H, W].

        Args:
            pooled: what `pool` returned; None: every neuron of a window counts alike.
            shape: of the maps before the pool, (C, H, W).
        """


class AvgPool2d(Pool):
    """The mean of each window.

    Example:
        >>> AvgPool2d(2).pool(torch.ones(1, 1, 2, 2)).x.item()
        1.0
    """

    def pool(self, x: Float[Tensor, "n C H W"]) -> Pooled:
        return Pooled(functional.avg_pool2d(x, self.window, self.step))

    def spread(self, g: Float[Tensor, "n C h w"], pooled: Pooled | None, shape: Shape) -> Tensor:
        before = g.new_empty(1).expand(len(g), *shape)  # only its shape is read
        window, step = (self.window, self.window), (self.step, self.step)
        back: Tensor = aten.avg_pool2d_backward(g, before, window, step, (0, 0), False, True, None)
        return back


class SumPool2d(AvgPool2d):
    """The sum of each window.

    Example:
        >>> SumPool2d(2).pool(torch.ones(1, 1, 2, 2)).x.item()
        4.0
    """

    def pool(self, x: Float[Tensor, "n C H W"]) -> Pooled:
        return Pooled(super().pool(x).x * self.window**2)

    def spread(self, g: Float[Tensor, "n C h w"], pooled: Pooled | None, shape: Shape) -> Tensor:
        return super().spread(g, pooled, shape) * self.window**2


class MaxPool2d(Pool):
    """The maximum of each window; of spikes: 1 where any neuron of it fired.

    Errors go back to the maximum alone, as in backpropagation: to the first of several.

    Example:
        >>> MaxPool2d(2).pool(torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]])).x.item()
        1.0
    """

    def pool(self, x: Float[Tensor, "n C H W"]) -> Pooled:
        window, step = (self.window, self.window), (self.step, self.step)
        return Pooled(*functional.max_pool2d_with_indices(x, window, step))  # maxima, and where

    def spread(self, g: Float[Tensor, "n C h w"], pooled: Pooled | None, shape: Shape) -> Tensor:
        if pooled is None or pooled.route is None:
            return AvgPool2d(self.window, self.stride).spread(g, None, shape)
        before = g.new_empty(1).expand(len(g), *shape)
        window, step = (self.window, self.window), (self.step, self.step)
        back: Tensor = aten.max_pool2d_with_indices_backward(
            g, before, window, step, (0, 0), (1, 1), False, pooled.route
        )
        return back


def maps_of(shape: Shape, connection: object) -> Shape:
    """Return the shape of maps, (C, H, W); TypeError or ValueError for anything else."""
    instance_of(shape, (list, tuple), "shape", "the shape of maps, (C, H, W)")
    if len(shape) != 3:
        raise ValueError(
            f"{connection} needs maps (C, H, W), and the population before it has the shape"
            f" {shape}: put it before the first Dense, or give the network an input (C, H, W)"
        )
    return tuple(whole_number(size, "a size of maps", 1) for size in shape)
