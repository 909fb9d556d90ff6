"""One recording of an event camera, or of any source of events (x, y, polarity, time): checked, and
binned to spikes [T, N].

    spikes, counts = bin_events(Events(x, y, p, t), Sensor(34, 34, 2), steps=10, window=300_000)

Sets of recordings, and their batches, are in `sets`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from ...checks import text_of, whole_number
from ...kernels.packed_spikes import WORD, PackedSpikes
from . import loops
from .columns import checked_window, columns_of, off_and_on

MAX_EVENTS = 20_000_000  # of one recording, unless the set allows more: 500 MB while it is read
MAX_BYTES = 4 << 30  # of one batch of spikes
SKIPPING = "; skip_bad (--skip-bad) leaves such out"  # end of messages about a single file
STILL = np.array([[1.0, 0, 0], [0, 1, 0]])  # the affine map of (x, y) that moves nothing, [2, 3]


class Sensor(NamedTuple):
    """The size of the sensor that recorded the events.

    Example:
        >>> Sensor(34, 34, 2).inputs
        2312
    """

    width: int  # pixels, x = 0 .. width - 1
    height: int = 1  # pixels, y = 0 .. height - 1
    polarities: int = 1  # 2: p = 0 OFF, darker; p = 1 ON, brighter

    @property
    def inputs(self) -> int:
        """Number of input neurons: one per pixel and polarity; neuron (p height + y) width + x."""
        width, height, polarities = checked_sensor(self)
        return polarities * height * width


class Events(NamedTuple):
    """One recording in the order of time: integer arrays of one length.

    Example:
        >>> x, y, p, t = (np.array(column) for column in ([4, 5], [0, 0], [1, 1], [20, 10]))
        >>> Events(x, y, p, t).in_order().x
        array([5, 4])
    """

    x: np.ndarray  # column, 0 at the left, pixels
    y: np.ndarray  # row, 0 at the top, pixels
    p: np.ndarray  # polarity, 0 OFF or 1 ON
    t: np.ndarray  # time since the start, us

    def in_order(self) -> Events:
        """Return the same events sorted by time; those of equal time keep their order."""
        columns = columns_of(self, "the recording")
        _check_lengths(columns, "the recording")
        order = np.argsort(columns[3], kind="stable")
        return Events(*(column[order] for column in columns))


class Binned(NamedTuple):
    """Counts of binned events: all of them, and those that make no spike of their own."""

    events: int
    late: int  # at or after the end of the window
    lost: int  # moved off the sensor by an augmentation
    merged: int  # on a pixel, polarity and step that already had one


def bin_events(
    events: Any,  # any: the forms of a recording
    sensor: Sensor | tuple[int, int, int],
    *,
    steps: int,
    window: float,
) -> tuple[Float[np.ndarray, "T N"], Binned]:
    """Bin events to spikes: s[step, neuron] = 1 where at least one event falls into the step.

        step = floor(t T / window)

    Counts are clipped to 1.

    Args:
        events: `Events`, four columns in their order, or a structured array such as tonic's.
        window: time that the T steps span, us; events at or after it are left out, and counted.
    Raises: TypeError for objects of another kind; ValueError for events that this sensor cannot
    have recorded; see `checked`.

    Example:
        >>> ones = np.ones(3, dtype=np.int64)
        >>> events = Events(ones, ones, ones, np.array([0, 10, 990]))
        >>> s, counts = bin_events(events, Sensor(2, 2, 2), steps=2, window=1000)
        >>> s.sum(1), counts.merged
        (array([1., 1.], dtype=float32), 1)
    """
    sensor, window = checked_sensor(sensor), checked_window(window)
    packed = silence(steps, 1, sensor)
    counts = scatter(checked(events, sensor, "the recording"), sensor, window, STILL, packed, 0)
    return packed.dense()[:, 0].numpy(), counts


def checked_sensor(sensor: Any) -> Sensor:  # any: what a user takes for a sensor
    """Return a sensor with whole sizes of at least 1; a square (n, n, polarities) is taken too."""
    if type(sensor) in (tuple, list) and len(sensor) == 3:
        width, height, polarities = sensor
        if width != height:
            raise ValueError(
                f"sensor is {text_of(sensor)}, which does not say whether width or height is first:"
                " need Sensor(width=..., height=..., polarities=...)"
            )
        sensor = Sensor(width, height, polarities)
    if not isinstance(sensor, Sensor):
        raise TypeError(
            f"sensor is {text_of(sensor)}; need Sensor(width=..., height=..., polarities=...)"
        )
    sizes = [whole_number(size, f"sensor.{part}", 1) for part, size in sensor._asdict().items()]
    return Sensor(*sizes)


def checked(events: object, sensor: Sensor, name: str, max_events: int = MAX_EVENTS) -> Events:
    """Return the events in two kinds of columns, where this sensor can have recorded them.

    Args:
        events: a recording in one of the forms of `columns_of`. Polarities -1 and 1 of a sensor
            with two mean OFF and ON.
    Raises: TypeError or ValueError in one line: columns of different lengths or no integers, too
    many events, events outside the sensor, at negative times, or out of order (`Events.in_order`
    sorts them).
    """
    columns = columns_of(events, name, max_events)
    _check_lengths(columns, name)
    columns[2] = off_and_on(columns[2], sensor.polarities)
    narrow = all(column.dtype.itemsize == 1 and column.dtype.kind in "ub" for column in columns[:3])
    # The loops are compiled for two kinds of columns, not for every mixture of integer types.
    x, y, p = (
        column.astype(np.uint8 if narrow else np.int64, copy=False) for column in columns[:3]
    )
    t = columns[3].astype(np.int64, copy=False)
    fault, at = loops.first_fault(x, y, p, t, *sensor)
    if fault != loops.OK:
        what = _fault(fault, int(x[at]), int(y[at]), int(p[at]), t, at, sensor)
        raise ValueError(f"{name}, event {at:,}: {what}")
    return Events(x, y, p, t)


def _check_lengths(columns: list[np.ndarray], name: str) -> None:
    if any(column.ndim != 1 for column in columns) or len({len(column) for column in columns}) > 1:
        raise ValueError(
            f"{name} has columns x, y, p, t of {', '.join(str(c.shape) for c in columns)}: need"
            " four arrays of one length"
        )


def _fault(fault: int, x: int, y: int, p: int, t: np.ndarray, at: int, sensor: Sensor) -> str:
    """Describe a wrong event by its code from `loops.first_fault`."""
    if fault in (loops.BELOW_ZERO, loops.OUTSIDE_SENSOR):
        return (
            f"pixel ({x}, {y}) lies outside the sensor of {sensor.width} x {sensor.height}: name"
            " the right sensor (width before height), or crop the recording"
        )
    if fault == loops.POLARITY:
        return (
            f"polarity is {p}; need 0 .. {sensor.polarities - 1} (0 OFF, 1 ON): name the right"
            f" polarities of the sensor ({sensor.polarities}), or set all to 0"
        )
    if fault == loops.NEGATIVE_TIME:
        return f"time is {t[at]:,} us; need 0 or more, counted from the start of the recording"
    return (
        f"time falls from {t[at - 1]:,} to {t[at]:,} us: sort the events by time (Events.in_order)"
    )


def scatter(
    events: Events, sensor: Sensor, window: int, move: np.ndarray, packed: PackedSpikes, b: int
) -> Binned:
    """Set the spikes of a checked recording, moved by an affine map of (x, y), in sample b."""
    words = packed.words[:, b].numpy().view(np.uint32)
    size = (sensor.width, sensor.height)
    return Binned(len(events.t), *loops.scatter(*events, move, *size, window, packed.steps, words))


def silence(steps: int, batch: int, sensor: Sensor) -> PackedSpikes:
    """Return packed spikes that are all 0; ValueError where they would take too much memory."""
    steps = whole_number(steps, "steps", 1)
    if (needed := 4 * steps * batch * sensor.inputs) > MAX_BYTES:
        raise ValueError(
            f"{batch} recordings of {sensor.inputs:,} inputs and {steps} steps take"
            f" {needed / 1e9:,.1f} GB of spikes, more than {MAX_BYTES / 1e9:,.1f}: show fewer at a"
            " time, or use fewer steps"
        )
    return PackedSpikes(
        torch.zeros(-(-steps // WORD), batch, sensor.inputs, dtype=torch.int32), steps
    )
