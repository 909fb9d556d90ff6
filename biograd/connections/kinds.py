"""Connections: how the spikes of one population reach the next, what their synapses learn, and how
errors travel back along feedback weights of the same shape.

    Dense       every neuron to every neuron
    Conv2d      shared kernels over maps; sharing is a convenience of the simulator: a brain has
                synapses of its own at every position, and the update here is their sum
    AvgPool2d, SumPool2d, MaxPool2d    no synapses; on spikes, the maximum is "any fired"
    Flatten     maps as one row of neurons; `Dense` flattens by itself

Populations are rows of neurons [N], or maps [C, H, W], flattened in that order between layers.
To add a connection, extend `Connection`, and pass it to `Network`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional, grad

from ..checks import whole_number
from .pools import Pool, Shape, maps_of


@dataclass(frozen=True)
class Flatten:
    """Maps as one row of neurons, [C, H, W] in that order.

    Example:
        >>> Network((1, 6, 6), [Conv2d(2, 3), Flatten(), Dense(10)]).shapes
        [(1, 6, 6), (2, 6, 6), (10,)]
    """


class Connection(ABC):
    """Synapses between two populations. Extend it to add a kind.

    All methods are pure: weights and spikes are passed in. Spikes and errors come flattened, with
    samples or steps as rows: [n, N]. `dtype` is that of the products and their sums, for kinds that
    know a faster one than that of the arguments; results come in the arguments' own.

    Example:
        >>> Dense(10).weight_shape((784,)), Conv2d(8, 5).weight_shape((1, 28, 28))
        ((10, 784), (8, 1, 5, 5))
    """

    pool: Pool | None = None  # pools the currents, before the neurons

    @abstractmethod
    def out_shape(self, shape: Shape) -> Shape:
        """Return the shape of the currents; ValueError where an input does not fit.

        Args:
            shape: of the population before the synapses, here and below.
        """

    @abstractmethod
    def weight_shape(self, shape: Shape) -> Shape:
        """Return the shape of the weights: outputs first, then the inputs of one output."""

    @abstractmethod
    def current(
        self,
        s: Float[Tensor, "n M"],
        w: Tensor,
        b: Float[Tensor, " C"],
        shape: Shape,
        dtype: torch.dtype | None = None,
    ) -> Float[Tensor, "n N"]:
        """Return the currents of spikes, thresholds."""

    @abstractmethod
    def back(
        self,
        g: Float[Tensor, "n N"],
        w: Tensor,
        shape: Shape,
        dtype: torch.dtype | None = None,
    ) -> Float[Tensor, "n M"]:
        """Return the currents of errors that travel back through weights of this shape."""

    @abstractmethod
    def update(
        self,
        g: Float[Tensor, "n N"],
        z: Float[Tensor, "n M"],
        shape: Shape,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Return the sum over rows, and over positions that share a weight, of g z^T."""

    @abstractmethod
    def as_dense(
        self, g: Float[Tensor, "n N"], s: Float[Tensor, "n M"], shape: Shape
    ) -> list[tuple[Tensor, Tensor]]:
        """Return the two sides of the synapses as those of dense ones, for any rule.

        Returns: for each group of outputs with inputs of its own: errors [n P, outputs] and spikes
            [n P, inputs], a row for each of P positions that share the weights.
        """

    @abstractmethod
    def positions(self, shape: Shape) -> int:
        """Return the number P of positions that share each weight."""


@dataclass(frozen=True)
class Dense(Connection):
    """Synapses from every neuron to every neuron: W s + b.

    Example:
        >>> s, w = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 2.0]])
        >>> Dense(1).current(s, w, torch.zeros(1), (2,)).item()
        0.5
    """

    size: int  # neurons

    def __post_init__(self) -> None:
        whole_number(self.size, "Dense.size", 1)

    def out_shape(self, shape: Shape) -> Shape:
        return (self.size,)

    def weight_shape(self, shape: Shape) -> Shape:
        return (self.size, math.prod(shape))

    def current(
        self,
        s: Float[Tensor, "n M"],
        w: Tensor,
        b: Float[Tensor, " C"],
        shape: Shape,
        dtype: torch.dtype | None = None,
    ) -> Float[Tensor, "n N"]:
        return functional.linear(s, w, b)

    def back(
        self,
        g: Float[Tensor, "n N"],
        w: Tensor,
        shape: Shape,
        dtype: torch.dtype | None = None,
    ) -> Float[Tensor, "n M"]:
        return g @ w

    def update(
        self,
        g: Float[Tensor, "n N"],
        z: Float[Tensor, "n M"],
        shape: Shape,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        return g.T @ z

    def as_dense(
        self, g: Float[Tensor, "n N"], s: Float[Tensor, "n M"], shape: Shape
    ) -> list[tuple[Tensor, Tensor]]:
        return [(g, s)]

    def positions(self, shape: Shape) -> int:
        return 1


@dataclass(frozen=True)
class Conv2d(Connection):
    """Kernels over maps, as torch's Conv2d: cross-correlation, one bias per channel.

    Args:
        channels: maps that come out.
        kernel: rows and columns of a kernel, pixels.
        stride: pixels between two positions.
        padding: rows and columns of silent inputs on each side; (kernel - 1) dilation / 2 unless
            given, which keeps the size of the maps at stride 1 and odd kernels.
        dilation: pixels between the inputs of a kernel.
        groups: channels are split into so many groups, each with inputs of its own.
        pool: pools the currents, before the neurons (a pool after the neurons stands for itself).

    Example:
        >>> Conv2d(32, 5, stride=2).out_shape((1, 28, 28))
        (32, 14, 14)
        >>> Conv2d(12, 5, padding=0, pool=MaxPool2d(2)).out_shape((1, 28, 28))    # of the currents
        (12, 24, 24)
    """

    channels: int
    kernel: int
    stride: int = 1
    padding: int | None = None
    dilation: int = 1
    groups: int = 1
    pool: Pool | None = None

    def __post_init__(self) -> None:
        for name in ("channels", "kernel", "stride", "dilation", "groups"):
            whole_number(getattr(self, name), f"Conv2d.{name}", 1)
        if self.padding is not None:
            whole_number(self.padding, "Conv2d.padding", 0)
        if self.pool is not None and not isinstance(self.pool, Pool):
            raise TypeError(f"Conv2d.pool is {self.pool!r}; need a pool, e.g. MaxPool2d(2)")
        if self.channels % self.groups:
            raise ValueError(
                f"Conv2d has {self.channels} channels and {self.groups} groups: need a number of"
                " channels that the groups divide"
            )

    @property
    def border(self) -> int:
        """Rows and columns of silent inputs on each side."""
        return (self.kernel - 1) * self.dilation // 2 if self.padding is None else self.padding

    def out_shape(self, shape: Shape) -> Shape:
        channels, rows, columns = maps_of(shape, self)
        if channels % self.groups:
            raise ValueError(
                f"{self} has {self.groups} groups and {channels} channels before it: need a number"
                " of channels that the groups divide"
            )
        reach = (self.kernel - 1) * self.dilation + 1
        if min(rows, columns) + 2 * self.border < reach:
            raise ValueError(
                f"{self} spans {reach} x {reach} pixels and its input {rows} x {columns} with a"
                f" padding of {self.border}: use a smaller kernel, or more padding"
            )
        return (
            self.channels,
            (rows + 2 * self.border - reach) // self.stride + 1,
            (columns + 2 * self.border - reach) // self.stride + 1,
        )

    def weight_shape(self, shape: Shape) -> Shape:
        return (self.channels, shape[0] // self.groups, self.kernel, self.kernel)

    def current(
        self,
        s: Float[Tensor, "n M"],
        w: Tensor,
        b: Float[Tensor, " C"],
        shape: Shape,
        dtype: torch.dtype | None = None,
    ) -> Float[Tensor, "n N"]:
        maps, kernels, biases = (x.to(dtype or x.dtype) for x in (s.reshape(-1, *shape), w, b))
        current = functional.conv2d(maps, kernels, biases, *self._geometry())
        return current.flatten(1).to(s.dtype)

    def back(
        self,
        g: Float[Tensor, "n N"],
        w: Tensor,
        shape: Shape,
        dtype: torch.dtype | None = None,
    ) -> Float[Tensor, "n M"]:
        maps = g.reshape(-1, *self.out_shape(shape)).to(dtype or g.dtype)
        kernels = w.to(dtype or w.dtype)
        back = grad.conv2d_input((len(g), *shape), kernels, maps, *self._geometry())
        return back.flatten(1).to(g.dtype)

    def update(
        self,
        g: Float[Tensor, "n N"],
        z: Float[Tensor, "n M"],
        shape: Shape,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        maps, traces = g.reshape(-1, *self.out_shape(shape)), z.reshape(-1, *shape)
        maps, traces = (x.to(dtype or x.dtype) for x in (maps, traces))
        sizes = self.weight_shape(shape)
        return grad.conv2d_weight(traces, sizes, maps, *self._geometry()).to(g.dtype)

    def as_dense(
        self, g: Float[Tensor, "n N"], s: Float[Tensor, "n M"], shape: Shape
    ) -> list[tuple[Tensor, Tensor]]:
        patches = functional.unfold(
            s.reshape(-1, *shape), self.kernel, self.dilation, self.border, self.stride
        )  # [n, inputs of all groups, P]
        errors = g.reshape(len(g), self.channels, -1)
        return [
            (side.transpose(1, 2).flatten(0, 1), patch.transpose(1, 2).flatten(0, 1))
            for side, patch in zip(
                errors.chunk(self.groups, 1), patches.chunk(self.groups, 1), strict=True
            )
        ]

    def positions(self, shape: Shape) -> int:
        return math.prod(self.out_shape(shape)[1:])

    def _geometry(self) -> tuple[int, int, int, int]:
        return self.stride, self.border, self.dilation, self.groups
