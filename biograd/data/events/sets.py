"""Sets of recordings and their classes, which `Trainer` and `evaluate` take in place of images.

    recordings = [Events(x, y, p, t), ...]    # or any object with len() that reads [i] when asked
    train = EventSet.of(recordings, labels, sensor=Sensor(34, 34, 2), window=300_000)
    spikes = train.spikes(torch.arange(100), steps=10)    # [10, 100, 2312], 0. or 1.

A recording is read when its spikes are asked for, a batch at a time, and never kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from ...kernels.packed_spikes import PackedSpikes
from ..augment import AugmentParams
from .moves import drawn_moves
from .recording import MAX_EVENTS, Binned, Events, Sensor, checked, scatter, silence


@runtime_checkable
class Recordings(Protocol):
    """A list of `Events`, or an object that reads recording i when asked for [i]."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...  # any: Events, or four arrays in their order


@dataclass(frozen=True, kw_only=True)
class EventSet:
    """Recordings and their classes, as `Trainer` takes them. Make one with `EventSet.of`.

    `AugmentParams` mirror, shift, rotate and scale whole recordings, see `moves`; elastic changes
    are not defined for events.

    Example:
        >>> recording = Events(np.array([3]), np.array([2]), np.array([0]), np.array([750]))
        >>> train = EventSet.of([recording] * 20, [0, 1] * 10, sensor=Sensor(4, 3), window=1000)
        >>> train.spikes(torch.arange(5), steps=10).nonzero()[0]      # step, sample, neuron
        tensor([ 7,  0, 11])
    """

    name: str
    split: str
    recordings: Recordings
    index: Int[Tensor, " n"]  # members, as indices of `recordings`, int64
    # class of each, int64; or real values to learn (`Values`), [n, values]
    y: Shaped[Tensor, "n ..."]
    classes: int  # output neurons of a network for them
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
        """Make a set of recordings and labels.

        Args:
            recordings: a list of `Events` or (x, y, p, t), or an object that reads recording i when
                asked for [i].
            labels: integers, 0 .. classes - 1; or real values [n, values].
            window: time that the steps of a sample span, us.
            classes: number of classes; 0: the highest label + 1, or one per value.
        Raises: ValueError where labels are neither, or not one per recording.
        """
        y = _labels(labels, len(recordings), classes)
        if window < 1:
            raise ValueError(
                f"window is {window} us; need at least 1: the time that the steps of a sample span"
            )
        index = torch.arange(len(recordings))
        return cls(
            name=name,
            split=split,
            recordings=recordings,
            index=index,
            y=y,
            classes=classes or (y.shape[1] if y.ndim == 2 else int(y.max()) + 1),
            sensor=sensor,
            window=window,
            max_events=max_events,
        )

    def __len__(self) -> int:
        return len(self.y)

    @property
    def inputs(self) -> int:
        """Number of input neurons."""
        return self.sensor.inputs

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layout of the inputs: polarities, rows and columns."""
        return (self.sensor.polarities, self.sensor.height, self.sensor.width)

    def subset(self, indices: Tensor | Sequence[int] | slice) -> EventSet:
        """Return the recordings with these indices, in this order; nothing is read."""
        chosen = (
            indices
            if isinstance(indices, slice | Tensor)
            else torch.as_tensor(indices, dtype=torch.int64)
        )
        return dataclasses.replace(self, index=self.index[chosen], y=self.y[chosen])

    def events(self, member: int) -> Events:
        """Read one recording and check it."""
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
        """Return the spikes of some recordings, 0. or 1., as `bin_events` makes them.

        Raises: ValueError for a recording that does not fit the sensor, or a batch that would take
        more than 4 GB.
        """
        packed = self.packed_spikes(members, steps, augmentation=augmentation, generator=generator)
        return packed.dense()

    def packed_spikes(
        self,
        members: Int[Tensor, " B"],
        steps: int,
        *,
        augmentation: AugmentParams | None = None,
        generator: torch.Generator | None = None,
    ) -> PackedSpikes:
        """Return the spikes of some recordings as bits, as event-driven learning takes them."""
        return self.binned(members, steps, augmentation=augmentation, generator=generator)[0]

    def binned(
        self,
        members: Int[Tensor, " B"],
        steps: int,
        *,
        augmentation: AugmentParams | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[PackedSpikes, Binned]:
        """Return the spikes of some recordings as bits, and the counts of all their events."""
        packed = silence(steps, len(members), self.sensor)
        moves = drawn_moves(augmentation or AugmentParams(), len(members), self.sensor, generator)
        counts = [
            scatter(self.events(member), self.sensor, self.window, moves[b], packed, b)
            for b, member in enumerate(members.tolist())
        ]
        if not counts:
            return packed, Binned(0, 0, 0, 0)
        return packed, Binned(*(sum(column) for column in zip(*counts, strict=True)))

    def picture(self, member: int) -> np.ndarray:
        """Return a recording as an image, uint8 [height, width].

        Grey values are events per pixel of either polarity, scaled so that the largest is 255.
        """
        events = self.events(member)
        counts = np.zeros((self.sensor.height, self.sensor.width), dtype=np.int64)
        np.add.at(counts, (events.y, events.x), 1)
        return np.round(counts * (255 / max(1, counts.max()))).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
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

    def __post_init__(self) -> None:
        if self.s.ndim != 3 or not bool(((self.s == 0) | (self.s == 1)).all()):
            raise ValueError(f"spikes are {tuple(self.s.shape)}; need [n, T, N] of 0 and 1")
        _labels(self.y, len(self.s), self.classes)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def inputs(self) -> int:
        """Number of input neurons."""
        return self.s.shape[2]

    def subset(self, indices: Tensor | Sequence[int] | slice) -> SpikeSet:
        """Return the spike trains with these indices, in this order."""
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
        """Return the spike trains of some samples.

        Raises: ValueError for another number of steps than they have, and for any augmentation.
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


def _labels(labels: Any, n: int, classes: int) -> Tensor:  # any: what np.asarray takes
    """Return n labels, int64 [n], or values, float32 [n, values]; ValueError for any others."""
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
