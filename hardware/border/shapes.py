"""Geometry of synapses that are shared over maps: convolutions, and pools before them.

Maps are neurons of shape [C, H, W], flattened in that order. A pool has no neurons: its sum is
linear in the spikes, so each input reaches the synapses of the convolution behind it directly.
`taps_of` lists them; everything else (the emulator, counts of operations, dense matrices) follows
from that list, so that there is one place where strides, padding and rows that no window reaches
are counted out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .checks import whole_number

Pair = tuple[int, int]  # rows, columns
Shape = tuple[int, int, int]  # channels, rows, columns
POOLS = ("sum", "average")
MAX_NEURONS = 1 << 22  # of a population of maps; a bound against forged files, 30 chips of Loihi


class Taps(NamedTuple):
    """Synapses of one axis: entries starts[i] to starts[i + 1] are those of input i."""

    starts: np.ndarray  # int64 [inputs + 1]
    outputs: np.ndarray  # int32 [entries], position in the output
    taps: np.ndarray  # int32 [entries], position in the kernel
    length: int  # outputs


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A pool of spikes, without neurons; rows that no window reaches are not read.

    An average divides by the size of its window, padding included, as torch and NIR do.
    """

    kind: str  # one of POOLS
    size: Pair
    stride: Pair
    padding: Pair = (0, 0)

    def __post_init__(self) -> None:
        if self.kind not in POOLS:
            raise ValueError(f"Pool.kind is {self.kind!r}; known are {', '.join(POOLS)}")
        for name, least in (("size", 1), ("stride", 1), ("padding", 0)):
            object.__setattr__(self, name, pair_of(getattr(self, name), f"Pool.{name}", least))
        if any(2 * padding > size for padding, size in zip(self.padding, self.size, strict=True)):
            raise ValueError(
                f"Pool.padding is {self.padding}; need at most half of its size, {self.size}"
            )

    @property
    def factor(self) -> float:
        """Factor of the sum: 1, or one over the size of an average's window."""
        return 1.0 if self.kind == "sum" else 1 / math.prod(self.size)

    def out_shape(self, shape: Shape) -> Shape:
        """Return the shape of the pooled maps; ValueError where no window fits."""
        rows, columns = (
            (inputs + 2 * padding - size) // stride + 1
            for inputs, size, stride, padding in zip(
                shape[1:], self.size, self.stride, self.padding, strict=True
            )
        )
        if rows < 1 or columns < 1:
            raise ValueError(
                f"a pool of {self.size} does not fit the map {shape[1]} x {shape[2]} before it:"
                " use a smaller pool"
            )
        return shape[0], rows, columns


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """Kernels over maps: cross-correlation, as torch's and NIR's Conv2d, and pools before it.

    Weights are [channels, C / groups, *kernel]. A dense layer behind pools is a convolution whose
    kernel covers its whole input.
    """

    in_shape: Shape  # before the pools
    channels: int  # maps that come out
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)  # of silent inputs on each side
    dilation: Pair = (1, 1)
    groups: int = 1
    pools: tuple[Pool, ...] = ()  # first to last

    def __post_init__(self) -> None:
        shape = self.in_shape
        if len(shape) != 3:
            raise ValueError(f"Convolution.in_shape is {shape}; need (channels, rows, columns)")
        extents = tuple(whole_number(extent, "Convolution.in_shape", 1) for extent in shape)
        object.__setattr__(self, "in_shape", extents)
        for name, least in (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            pair = pair_of(getattr(self, name), f"Convolution.{name}", least)
            object.__setattr__(self, name, pair)
        for name in ("channels", "groups"):
            whole_number(getattr(self, name), f"Convolution.{name}", 1)
        object.__setattr__(self, "pools", tuple(self.pools))
        if self.channels % self.groups or self.pooled_shape[0] % self.groups:
            raise ValueError(
                f"a convolution of {self.groups} groups takes {self.pooled_shape[0]} channels and"
                f" makes {self.channels}: need numbers that the groups divide"
            )
        for shape in (self.in_shape, self.out_shape):
            if math.prod(shape) > MAX_NEURONS:
                raise ValueError(
                    f"maps of {shape} are {math.prod(shape):,} neurons; at most {MAX_NEURONS:,} are"
                    " taken: use smaller maps"
                )
        if min(self.out_shape) < 1:
            raise ValueError(
                f"a kernel of {self.kernel}, dilation {self.dilation}, does not fit the map"
                f" {self.pooled_shape[1]} x {self.pooled_shape[2]} with a padding of"
                f" {self.padding}: use a smaller kernel, or more padding"
            )

    @property
    def inputs(self) -> int:
        """Neurons before the pools."""
        return math.prod(self.in_shape)

    @property
    def outputs(self) -> int:
        """Neurons behind the synapses."""
        return math.prod(self.out_shape)

    @cached_property
    def pooled_shape(self) -> Shape:
        """Shape of the maps at the kernels."""
        shape = self.in_shape
        for pool in self.pools:
            shape = pool.out_shape(shape)
        return shape

    @cached_property
    def out_shape(self) -> Shape:
        """Shape of the population behind the synapses."""
        rows, columns = (
            (inputs + 2 * padding - (kernel - 1) * dilation - 1) // stride + 1
            for inputs, kernel, stride, padding, dilation in zip(
                self.pooled_shape[1:],
                self.kernel,
                self.stride,
                self.padding,
                self.dilation,
                strict=True,
            )
        )
        return self.channels, rows, columns

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weights."""
        return (self.channels, self.pooled_shape[0] // self.groups, *self.kernel)

    @property
    def is_dense(self) -> bool:
        """True where the kernel covers the whole input, so that no weight is shared."""
        return (
            self.kernel == self.pooled_shape[1:]
            and self.padding == (0, 0)
            and self.dilation == (1, 1)
            and self.groups == 1
        )

    @property
    def factor(self) -> float:
        """Product of the pools' factors, which the weights take over."""
        return math.prod(pool.factor for pool in self.pools)

    @cached_property
    def rows(self) -> Taps:
        """Synapses along the rows."""
        return taps_of(self, 0)

    @cached_property
    def columns(self) -> Taps:
        """Synapses along the columns."""
        return taps_of(self, 1)

    def fan_out(self) -> np.ndarray:
        """Return the synapses of each input, int64 [inputs]."""
        along = [np.diff(taps.starts) for taps in (self.rows, self.columns)]
        each = np.outer(*along) * (self.channels // self.groups)
        return np.tile(each.reshape(-1), self.in_shape[0])

    def matrix(self, w: np.ndarray) -> np.ndarray:
        """Return the dense weights that mean the same, [outputs, inputs], of `w`'s dtype."""
        channels, rows, columns = self.in_shape
        full = np.zeros((*self.out_shape, *self.in_shape), dtype=w.dtype)
        own, inputs = self.channels // self.groups, channels // self.groups
        for y in range(rows):
            for out_y, tap_y in entries(self.rows, y):
                for x in range(columns):
                    for out_x, tap_x in entries(self.columns, x):
                        for group in range(self.groups):
                            to = slice(group * own, (group + 1) * own)
                            start = slice(group * inputs, (group + 1) * inputs)
                            full[to, out_y, out_x, start, y, x] += w[to, :, tap_y, tap_x]
        return full.reshape(self.outputs, self.inputs)


def entries(taps: Taps, index: int) -> list[tuple[int, int]]:
    """Return (output, tap) of each synapse of one input of an axis."""
    part = slice(taps.starts[index], taps.starts[index + 1])
    return list(zip(taps.outputs[part].tolist(), taps.taps[part].tolist(), strict=True))


def taps_of(convolution: Convolution, axis: int) -> Taps:
    """Return the synapses of a convolution and the pools before it along the rows (0) or columns.

    Where windows of a pool overlap, an input has a synapse for each.
    """
    length = convolution.in_shape[1 + axis]
    reached = [[index] for index in range(length)]  # by each input, behind the pools so far
    for pool in convolution.pools:
        size, stride, padding = pool.size[axis], pool.stride[axis], pool.padding[axis]
        length = (length + 2 * padding - size) // stride + 1
        windows = [(stride * window - padding, window) for window in range(length)]
        reached = [
            [w for i in inputs for first, w in windows if first <= i < first + size]
            for inputs in reached
        ]
    stride, padding = convolution.stride[axis], convolution.padding[axis]
    dilation, outputs = convolution.dilation[axis], convolution.out_shape[1 + axis]
    synapses = []
    for pooled in reached:
        at = [
            (i + padding - tap * dilation, tap) for i in pooled for tap in _taps(convolution, axis)
        ]
        synapses.append(
            [
                (at // stride, tap)
                for at, tap in at
                if at % stride == 0 and 0 <= at // stride < outputs
            ]
        )
    starts = np.cumsum([0, *map(len, synapses)], dtype=np.int64)
    flat = np.array([pair for each in synapses for pair in each], dtype=np.int32).reshape(-1, 2)
    outputs_of, taps = (np.ascontiguousarray(column) for column in flat.T)
    return Taps(starts, outputs_of, taps, outputs)


def pair_of(value: object, name: str, least: int) -> Pair:
    """Return a whole number, or two, as rows and columns."""
    numbers = list(value) if isinstance(value, (tuple, list, np.ndarray)) else [value, value]
    if len(numbers) != 2:
        raise ValueError(f"{name} is {value}; need a whole number, or two: rows, columns")
    rows, columns = (whole_number(number, name, least) for number in numbers)
    return rows, columns


def _taps(convolution: Convolution, axis: int) -> range:
    return range(convolution.kernel[axis])
