"""Tables of synapses for event-driven loops: inputs, the positions they reach, and the weights."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .kinds import Connection, Conv2d, Dense
from .pools import AvgPool2d, MaxPool2d, Pool, Shape, SumPool2d

_POOLS = AvgPool2d, SumPool2d, MaxPool2d  # a user's own may do anything

_WIDEST = 16  # pixels of a pool of the currents: the place of a maximum is kept in 8 bits


class Taps(NamedTuple):
    """The synapses of every presynaptic neuron, int32; see `kernels.map_firing`."""

    base: np.ndarray  # [M], first row of the neuron's channel in the table of weights
    pixel: np.ndarray  # [M]
    start: np.ndarray  # [pixels + 2], of the lines below; the last pixel reaches nothing
    to: np.ndarray  # first position
    tap: np.ndarray  # first row of the channel's table
    length: np.ndarray  # positions, and rows


class BackTaps(NamedTuple):
    """The pixels before every position, int32; see `kernels.map_learning.back_maps`."""

    start: np.ndarray  # [P + 1], of the lines below
    pixel: np.ndarray  # first one
    tap: np.ndarray  # first one, row kernel + column
    length: np.ndarray  # pixels, and taps


class Wiring(NamedTuple):
    """The synapses of a layer, with the pool before them."""

    taps: Taps
    back: BackTaps
    order: np.ndarray  # tap, row kernel + column, of every row of a channel's table; -1: empty
    rows: int  # of the whole table of weights
    channels: int  # that come out
    positions: int
    pixels: int  # at the synapses, per channel; of a dense layer too
    share: float  # of a weight that one spike before the pool carries
    pool_of: np.ndarray | None  # pooled pixel of every pixel, -1 for none; None: no pool
    maximum: bool  # the pool is a maximum: spikes are pooled before they reach the taps
    windows: np.ndarray  # of a pool of the currents, see `kernels.map_pools`
    pool_share: float

    @property
    def places(self) -> int:
        """Positions of the neurons."""
        return len(self.windows) or self.positions


def wiring(connection: Connection, pools: tuple[Pool, ...], in_shape: Shape) -> Wiring | None:
    """Return the tables of a layer; None for synapses or pools that the loops do not know.

    They know dense ones, convolutions without groups, pools of their currents up to 16 pixels wide,
    and at most one pool before them, of windows side by side.

    Example:
        >>> made = wiring(Conv2d(8, 3, stride=2), (), (4, 6, 6))
        >>> made.positions, made.pixels, len(made.taps.base)
        (9, 36, 144)
    """
    known = type(connection) is Dense or (type(connection) is Conv2d and connection.groups == 1)
    after = connection.pool
    if not known or len(pools) > 1:
        return None
    if after is not None and (type(after) not in _POOLS or after.window > _WIDEST):
        return None
    if pools and (
        type(pools[0]) not in _POOLS or pools[0].step != pools[0].window or len(in_shape) != 3
    ):
        return None
    return _wiring(connection, pools, in_shape)


@lru_cache(maxsize=64)
def loop_taps(neurons: int) -> Taps:
    """Return the synapses of a dense layer from its own neurons."""
    made = _wiring(Dense(neurons), (), (neurons,))
    return made.taps


@lru_cache(maxsize=64)
def _wiring(connection: Connection, pools: tuple[Pool, ...], in_shape: Shape) -> Wiring:
    shape = pools[0].out_shape(in_shape) if pools else in_shape
    maximum = bool(pools) and type(pools[0]) is MaxPool2d
    pool_of = _pool_of(pools[0], in_shape, shape) if pools else None
    share = _share(pools[0]) or 1.0 if pools else 1.0
    after = connection.pool
    windows = np.empty((0, 0), np.int32) if after is None else _windows(connection, shape)
    channels = shape[0] if len(shape) == 3 else math.prod(shape)
    pixels = math.prod(shape) // channels
    # channel and pixel of each presynaptic neuron, as the taps see them; -1: beyond every window
    seen = np.arange(pixels) if pool_of is None or maximum else pool_of
    channel, pixel = np.repeat(np.arange(channels), len(seen)), np.tile(seen, channels)
    if type(connection) is Conv2d:
        lines, order = _kernel_lines(connection, shape)
        back = _back_lines(connection, shape)
        base, pixel = channel * len(order), np.where(pixel < 0, pixels, pixel)
        rows, positions = channels * len(order), connection.positions(shape)
    else:
        lines, order = [[(0, 0, 1)], []], np.zeros(1, int)
        back = [[(0, 0, 1)]]
        base, pixel = np.maximum(channel * pixels + pixel, 0), (pixel < 0).astype(int)
        rows, positions = channels * pixels, 1
    parts = base, pixel, *_listed(lines)
    taps = Taps(*(np.ascontiguousarray(part, np.int32) for part in parts))
    outputs = connection.weight_shape(shape)[0]
    return Wiring(
        taps,
        BackTaps(*_listed(back)),
        order,
        rows,
        outputs,
        positions,
        pixels,
        share,
        pool_of,
        maximum,
        windows,
        1.0 if after is None else _share(after),
    )


Lines = list[list[tuple[int, int, int]]]  # of every pixel or position: first place, tap, length


def _kernel_lines(conv: Conv2d, shape: Shape) -> tuple[Lines, np.ndarray]:
    """Return the lines of positions that every pixel reaches, and of one pixel more, which reaches
    none; and the taps in the order of the rows that these lines count by, -1 for none.

    Along an axis, the taps that one pixel reaches lie a stride apart, the later ones at earlier
    positions. So rows go through the taps of one remainder by the stride after another, backwards.
    Where a remainder has fewer taps than others, an empty row takes the place of the missing one:
    lines of equal length, whose end a processor foresees, are faster than shorter ones.
    """
    kernel, size = conv.stride * -(-conv.kernel // conv.stride), conv.out_shape(shape)
    axis = [
        tap
        for remainder in range(conv.stride)
        for tap in reversed(range(kernel))
        if tap % conv.stride == remainder
    ]
    row_of = {tap: row for row, tap in enumerate(axis)}
    reached = [_axis_taps(conv, kernel, shape[n], size[n]) for n in (1, 2)]
    lines: Lines = []
    for y in range(shape[1]):
        for x in range(shape[2]):
            into: list[tuple[int, int, int]] = []
            for out_y, tap_y in reached[0][y]:
                for out_x, tap_x in reached[1][x]:
                    place = out_y * size[2] + out_x, row_of[tap_y] * kernel + row_of[tap_x]
                    into.append((*place, 1))
            lines.append(_joined(into))
    taps = [tap if tap < conv.kernel else -1 for tap in axis]
    order = [
        tap_y * conv.kernel + tap_x if min(tap_y, tap_x) >= 0 else -1
        for tap_y in taps
        for tap_x in taps
    ]
    return [*lines, []], np.array(order)


def _back_lines(conv: Conv2d, shape: Shape) -> Lines:
    """Return the lines of pixels that the kernel of every position sees."""
    size, kernel = conv.out_shape(shape), conv.kernel
    lines: Lines = []
    for out_y in range(size[1]):
        for out_x in range(size[2]):
            seen: list[tuple[int, int, int]] = []
            for tap_y in range(kernel):
                for tap_x in range(kernel):
                    y = out_y * conv.stride + tap_y * conv.dilation - conv.border
                    x = out_x * conv.stride + tap_x * conv.dilation - conv.border
                    if 0 <= y < shape[1] and 0 <= x < shape[2]:
                        seen.append((y * shape[2] + x, tap_y * kernel + tap_x, 1))
            rows = [[line for line in seen if line[1] // kernel == row] for row in range(kernel)]
            lines.append([line for row in rows for line in _joined(row)])
    return lines


def _axis_taps(conv: Conv2d, kernel: int, size: int, outputs: int) -> list[list[tuple[int, int]]]:
    """Return, for each pixel of a row or column, the positions that it reaches and by which tap.

    Args:
        kernel: taps, the kernel's own and empty ones.
    """
    reached: list[list[tuple[int, int]]] = [[] for _ in range(size)]
    for position in range(outputs):
        for tap in range(kernel):
            pixel = position * conv.stride + tap * conv.dilation - conv.border
            if 0 <= pixel < size:
                reached[pixel].append((position, tap))
    return reached


def _joined(lines: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Join lines that follow each other, in places and in taps."""
    joined: list[tuple[int, int, int]] = []
    for place, tap, length in lines:
        if joined and joined[-1][0] + joined[-1][2] == place and sum(joined[-1][1:]) == tap:
            joined[-1] = (*joined[-1][:2], joined[-1][2] + length)
        else:
            joined.append((place, tap, length))
    return joined


def _listed(lines: Lines) -> list[np.ndarray]:
    """Return the first line of each place and of one more, then all lines, a column each."""
    start = np.cumsum([0, *(len(part) for part in lines)])
    columns = np.array([line for part in lines for line in part]).reshape(-1, 3).T
    return [np.ascontiguousarray(part, np.int32) for part in (start, *columns)]


def _share(pool: Pool) -> float:
    """Return the part of each value that a pool passes; 0: the maximum alone."""
    return {AvgPool2d: 1 / pool.window**2, SumPool2d: 1.0, MaxPool2d: 0.0}[type(pool)]


def _windows(connection: Connection, shape: Shape) -> np.ndarray:
    """Return the positions of every window of a pool of the currents, int32 [Q, size]."""
    maps, pool = connection.out_shape(shape), connection.pool
    assert pool is not None
    first, inside = np.indices(pool.out_shape(maps)[1:]), np.indices((pool.window, pool.window))
    y, x = (pool.step * first.reshape(2, -1, 1) + inside.reshape(2, 1, -1))[:]
    return np.ascontiguousarray(y * maps[2] + x, np.int32)


def _pool_of(pool: Pool, before: Shape, after: Shape) -> np.ndarray:
    """Return the pooled pixel of every pixel, int32; -1 beyond the last window."""
    y, x = np.divmod(np.arange(before[1] * before[2]), before[2])
    y, x = y // pool.window, x // pool.window
    inside = (y < after[1]) & (x < after[2])
    return np.where(inside, y * after[2] + x, -1).astype(np.int32)
