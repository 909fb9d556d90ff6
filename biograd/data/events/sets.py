"""Sets of recordings and their classes: what `Trainer` and `evaluate` take where they take images.

    recordings = [Events(x, y, p, t), ...]                     # or anything with len() and [i] that reads when asked
    train = EventSet.of(recordings, labels, sensor=Sensor(34, 34, 2), window=300_000)
    spikes = train.spikes(torch.arange(100), steps=10)         # [10, 100, 2312], 0. or 1.

A recording is read when its spikes are asked for, a batch at a time, and never kept.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from ...kernels.packed_spikes import PackedSpikes
from ..augment import AugmentParams
from .recording import MAX_EVENTS, STILL, Binned, Events, Sensor, checked, scatter, silence


@runtime_checkable
class Recordings(Protocol):
    """Where recordings come from: a list of `Events`, or what reads number i when asked for [i]."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...  # any: Events, or four arrays in their order


@dataclass(frozen=True, kw_only=True)
class EventSet:
    """Recordings and their classes, as `Trainer` takes them. Make one with `EventSet.of`.

    A shift of `AugmentParams` moves a recording by whole pixels, rotation and scale turn and
    stretch it about the sensor's middle (each event lands on the nearest pixel); events that leave
    the sensor are lost. Elastic changes are not defined for events.

    Example:
        >>> one = Events(np.array([3]), np.array([2]), np.array([0]), np.array([750]))
        >>> train = EventSet.of([one] * 20, [0, 1] * 10, sensor=Sensor(4, 3), window=1000)
        >>> train.spikes(torch.arange(5), steps=10).nonzero()[0]      # step, sample, neuron
        tensor([ 7,  0, 11])
    """

    name: str
    split: str
    recordings: Recordings
    index: Int[Tensor, " n"]  # which of the recordings are members, int64
    # class of each, int64; or real values to learn (`Values`), [n, values]
    y: Shaped[Tensor, "n ..."]
    classes: int  # output neurons that tell them
    sensor: Sensor
    window: int  # time that the steps of a sample span, us
    max_events: int = MAX_EVENTS  # of one recording
    kind = "recordings"

    @classmethod
    def of(
        cls,
        recordings: Recordings,
        labels: Any,  # any: what torch.as_tensor takes
        *,
        sensor: Sensor,
        window: int,
        classes: int = 0,
        name: str = "events",
        split: str = "train",
        max_events: int = MAX_EVENTS,
    ) -> EventSet:
        """A set of recordings and labels.

        Args:
            recordings: a list of `Events` or (x, y, p, t), or an object that reads number i when
                asked for [i].
            labels: integers, 0 .. classes - 1; or real values [n, values].
            window: time that the steps of a sample span, us.
            classes: how many there are; 0: the highest label and one, or, of values, one a value.
        Raises: ValueError where labels are neither, or not one per recording.
        """
        y = _labels(labels, len(recordings), classes)
        if window < 1:
            raise ValueError(
                f"window is {window} us; need at least 1: the time that the steps of a sample span"
            )
        index = torch.arange(len(recordings))
        found = classes or (y.shape[1] if y.ndim == 2 else int(y.max()) + 1)
        return cls(
            name=name,
            split=split,
            recordings=recordings,
            index=index,
            y=y,
            classes=found,
            sensor=sensor,
            window=window,
            max_events=max_events,
        )

    def __len__(self) -> int:
        return len(self.y)

    @property
    def inputs(self) -> int:
        """Input neurons."""
        return self.sensor.inputs

    @property
    def shape(self) -> tuple[int, int, int]:
        """How inputs lie: polarities, rows and columns."""
        return (self.sensor.polarities, self.sensor.height, self.sensor.width)

    def subset(self, indices: Tensor | Sequence[int] | slice) -> EventSet:
        """The recordings with these indices, in this order; nothing is read."""
        chosen = (
            indices
            if isinstance(indices, slice | Tensor)
            else torch.as_tensor(indices, dtype=torch.int64)
        )
        return dataclasses.replace(self, index=self.index[chosen], y=self.y[chosen])

    def events(self, member: int) -> Events:
        """One recording, read and checked."""
        number = int(self.index[member])
        name, columns = f"recording {number} of {self.name}", tuple(self.recordings[number])
        if len(columns) != 4:
            raise ValueError(f"{name} has {len(columns)} columns; need four: x, y, p, t")
        return checked(Events(*columns), self.sensor, name, self.max_events)

    def spikes(
        self,
        members: Int[Tensor, " B"],
        steps: int,
        *,
        augmentation: AugmentParams | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "T B N"]:
        """The spikes of some recordings, 0. or 1., as `bin_events` makes them.

        Raises: ValueError for a recording that is none of this sensor, or a batch that would take
        more than 4 GB.
        """
        return self.binned(members, steps, augmentation=augmentation, generator=generator)[
            0
        ].dense()

    def trains(
        self,
        members: Int[Tensor, " B"],
        steps: int,
        *,
        augmentation: AugmentParams | None = None,
        generator: torch.Generator | None = None,
    ) -> PackedSpikes:
        """The same as bits, as event-driven learning takes them."""
        return self.binned(members, steps, augmentation=augmentation, generator=generator)[0]

    def binned(
        self,
        members: Int[Tensor, " B"],
        steps: int,
        *,
        augmentation: AugmentParams | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[PackedSpikes, Binned]:
        """The same, and what became of all their events."""
        trains = silence(steps, len(members), self.sensor)
        moves = _moves(augmentation or AugmentParams(), len(members), self.sensor, generator)
        found = [
            scatter(self.events(member), self.sensor, self.window, moves[b], trains, b)
            for b, member in enumerate(members.tolist())
        ]
        return trains, (
            Binned(*(sum(column) for column in zip(*found, strict=True)))
            if found
            else Binned(0, 0, 0, 0)
        )

    def picture(self, member: int) -> np.ndarray:
        """A recording as an image: events a pixel of either polarity, uint8 [height, width], 255
        where most fell.
        """
        events = self.events(member)
        counts = np.zeros((self.sensor.height, self.sensor.width), dtype=np.int64)
        np.add.at(counts, (events.y, events.x), 1)
        return np.round(counts * (255 / max(1, counts.max()))).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class SpikeSet:
    """Spike trains in memory and their classes, as `Trainer` takes them: for tasks of one's own.

    Example:
        >>> train = SpikeSet(s=torch.zeros(20, 5, 3, dtype=torch.bool), y=torch.zeros(20, dtype=torch.int64), classes=2)
        >>> train.spikes(torch.arange(4), 5).shape
        torch.Size([5, 4, 3])
    """

    s: Tensor  # 0 or 1 of any dtype, [n, T, N]
    y: Shaped[Tensor, "n ..."]  # class of each, int64; or real values, [n, values]
    classes: int  # output neurons that tell them
    name: str = "spikes"
    split: str = "train"

    def __post_init__(self) -> None:
        if self.s.ndim != 3 or not bool(((self.s == 0) | (self.s == 1)).all()):
            raise ValueError(f"spikes are {tuple(self.s.shape)}; need [n, T, N] of 0 and 1")
        _labels(self.y, len(self.s), self.classes)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def inputs(self) -> int:
        """Input neurons."""
        return self.s.shape[2]

    def subset(self, indices: Tensor | Sequence[int] | slice) -> SpikeSet:
        """The trains with these indices, in this order."""
        chosen = (
            indices
            if isinstance(indices, slice | Tensor)
            else torch.as_tensor(indices, dtype=torch.int64)
        )
        return dataclasses.replace(self, s=self.s[chosen], y=self.y[chosen])

    def spikes(
        self,
        members: Int[Tensor, " B"],
        steps: int,
        *,
        augmentation: AugmentParams | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "T B N"]:
        """The trains of some samples; there are as many steps as were given, and no changes are
        defined for them.
        """
        if steps != self.s.shape[1]:
            raise ValueError(
                f"{self.name} has {self.s.shape[1]} steps per sample and {steps} are asked for: set"
                f" steps to {self.s.shape[1]}"
            )
        if augmentation not in (None, AugmentParams()):
            raise ValueError(
                f"{self.name} is a set of spike trains, which no augmentation changes: set all of"
                " them to 0"
            )
        return self.s[members].transpose(0, 1).float().contiguous()


def _moves(
    p: AugmentParams, batch: int, sensor: Sensor, generator: torch.Generator | None
) -> np.ndarray:
    """How each recording is moved: affine maps of (x, y), float64 [B, 2, 3]."""
    if p == AugmentParams():
        return np.broadcast_to(STILL, (batch, 2, 3))
    if p.elastic:
        raise ValueError(
            f"AugmentParams.elastic is {p.elastic}; events can be mirrored, shifted, rotated and"
            " scaled, not bent: set elastic to 0"
        )
    mirrored = (
        (torch.rand(batch, generator=generator) < p.flip).numpy()
        if p.flip
        else np.zeros(batch, bool)
    )
    shift = torch.randint(-p.shift, p.shift + 1, (batch, 2), generator=generator).double().numpy()
    moves = np.tile(STILL, (batch, 1, 1))
    if p.rotate or p.scale:
        turn, wide, high = (torch.rand(3, batch, generator=generator).double() * 2 - 1).numpy()
        angle = turn * math.radians(p.rotate)
        stretch = 1 + p.scale * np.stack([wide, high], axis=-1)
        rotation = np.stack(
            [
                np.stack([np.cos(angle), -np.sin(angle)], -1),
                np.stack([np.sin(angle), np.cos(angle)], -1),
            ],
            -2,
        )
        moves[:, :, :2] = rotation * stretch[:, None]
        middle = np.array([(sensor.width - 1) / 2, (sensor.height - 1) / 2])
        moves[:, :, 2] = middle - moves[:, :, :2] @ middle
    moves[:, :, 2] += shift
    # x is read from the other side
    moves[mirrored, :, 2] += moves[mirrored, :, 0] * (sensor.width - 1)
    moves[mirrored, :, 0] *= -1
    return moves


def _labels(labels: Any, n: int, classes: int) -> Tensor:  # any: what np.asarray takes
    y = np.asarray(labels)
    values = y.dtype.kind == "f" and y.ndim == 2
    if not values and (y.dtype.kind not in "iu" or y.ndim != 1):
        need = "one whole number per recording, 0 .. classes - 1, or real values [n, values]"
        raise ValueError(f"labels are {y.dtype} of shape {y.shape}; need {need}")
    if len(y) != n or not n:
        raise ValueError(
            f"there are {n:,} recordings and {len(y):,} labels: need one label per recording, and"
            " at least one"
        )
    if values:
        return torch.from_numpy(y.astype(np.float32))
    if y.min() < 0 or (classes and y.max() >= classes):
        raise ValueError(
            f"labels run from {y.min()} to {y.max()}; need 0 .."
            f" {classes - 1 if classes else 'classes - 1'}"
        )
    return torch.from_numpy(y.astype(np.int64))
