"""Sets of recordings and their classes, which `Trainer` and `evaluate` take in place of images.

    recordings = [Events(x, y, p, t), ...]    # or any object with len() that reads [i] when asked
    train = EventSet.of(recordings, labels, sensor=Sensor(34, 34, 2), window=300_000)
    spikes = train.spikes(torch.arange(100), steps=10)    # [10, 100, 2312], 0. or 1.

A recording is read when its spikes are asked for, a batch at a time, and never kept.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from ...checks import text_of, whole_fields
from ...kernels.packed_spikes import PackedSpikes
from ...tensors import check_generator
from ..augment import AugmentParams, checked_changes
from ..indices import Indices, sample_index, sample_indices
from ..labels import check_names, checked_labels
from .columns import checked_window
from .moves import drawn_moves
from .recording import (
    MAX_EVENTS,
    SKIPPING,
    Binned,
    Events,
    Sensor,
    checked,
    checked_sensor,
    scatter,
    silence,
)
from .times import SAMPLED, Times, check_times, times_of


@runtime_checkable
class Recordings(Protocol):
    """A list of `Events`, or an object that reads recording i when asked for [i]."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...  # any: Events, or four arrays in their order


SHOWN = 3  # recordings that cannot be read, of which a message gives the reason


@dataclass(frozen=True, kw_only=True, eq=False)
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

    def __post_init__(self) -> None:
        check_names(name=self.name, split=self.split)
        _check_recordings(self.recordings)
        whole_fields(self, "classes", "max_events", table="EventSet", least=1)
        index = sample_indices(self.index, len(self.recordings), "index")
        changed = {
            "index": index,
            "y": checked_labels(self.y, len(index), self.classes, "recording"),
            "sensor": checked_sensor(self.sensor),
            "window": checked_window(self.window),
        }
        for name, value in changed.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(
        cls,
        recordings: Recordings,
        labels: Any,  # any: what torch.as_tensor takes
        *,
        sensor: Sensor | tuple[int, int, int],
        window: float,
        classes: int = 0,
        name: str = "events",
        split: str = "train",
        max_events: int = MAX_EVENTS,
    ) -> EventSet:
        """Make a set of recordings and labels.

        Args:
            recordings: a list of `Events`, of (x, y, p, t) or of structured arrays such as tonic's,
                or an object that reads recording i when asked for [i].
            labels: integers, 0 .. classes - 1; or real values [n, values].
            sensor: `Sensor`, or (n, n, polarities) of a square one.
            window: time that the steps of a sample span, us.
            classes: number of classes; 0: the highest label + 1, or one per value.
        Raises: TypeError or ValueError where an argument is of another kind, labels are neither, or
        not one per recording.
        """
        _check_recordings(recordings)
        y = checked_labels(labels, len(recordings), classes, "recording")
        y = y.float() if y.is_floating_point() else y
        index = torch.arange(len(recordings))
        return cls(
            name=name,
            split=split,
            recordings=recordings,
            index=index,
            y=y,
            classes=classes or (y.shape[1] if y.ndim == 2 else int(y.max()) + 1),
            sensor=checked_sensor(sensor),
            window=checked_window(window),
            max_events=max_events,
        )

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> tuple[Events, Tensor]:
        """Read one recording: its events, checked, and its label."""
        member = sample_index(index, len(self), "index")
        return self.events(member), self.y[member]

    def __iter__(self) -> Iterator[tuple[Events, Tensor]]:
        return (self[member] for member in range(len(self)))

    @property
    def inputs(self) -> int:
        """Number of input neurons."""
        return self.sensor.inputs

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layout of the inputs: polarities, rows and columns."""
        return (self.sensor.polarities, self.sensor.height, self.sensor.width)

    def subset(self, indices: Indices) -> EventSet:
        """Return the recordings with these indices, in this order; nothing is read."""
        chosen = sample_indices(indices, len(self))
        return dataclasses.replace(self, index=self.index[chosen], y=self.y[chosen])

    def skip_bad(self) -> EventSet:
        """Return the recordings that can be read and fit the sensor; each is read once.

        A warning counts the others, and names the first of them. Raises: ValueError where none can
        be read.
        """
        whole, faults = [], []
        for member in range(len(self)):
            try:
                self.events(member)
                whole.append(member)
            except (ValueError, TypeError, OSError) as error:
                faults.append(str(error).removesuffix(SKIPPING))
        if not faults:
            return self
        counted = f"{len(faults):,} of {len(self):,} recordings of {self.name} cannot be read"
        some = "; ".join(faults[:SHOWN]) + ("; ..." if len(faults) > SHOWN else "")
        if not whole:
            raise ValueError(f"{counted}: {some}")
        warnings.warn(f"{counted} and are skipped: {some}", UserWarning, stacklevel=2)
        return self.subset(whole)

    @cached_property
    def times(self) -> Times:
        """Counts and times of the events of up to 20 recordings, spread over the set.

        Where all of those events lie after the window, recordings are read up to the first one that
        has an event in it.
        """
        members = torch.linspace(0, len(self) - 1, min(SAMPLED, len(self))).long().tolist()
        times = times_of((self.events(member).t for member in members), self.window)
        if times.none_in_window:
            every = (self.events(member).t for member in range(len(self)))
            times = times_of(every, self.window, while_late=True)
        return times

    def check_times(self) -> None:
        """Raise ValueError where all events lie after the window; warn where times look wrong."""
        check_times(self.times, self.window, self.name, refuse=True)

    def events(self, member: int) -> Events:
        """Read one recording and check it."""
        number = int(self.index[sample_index(member, len(self))])
        name, recording = f"recording {number} of {self.name}", self.recordings[number]
        try:
            return checked(recording, self.sensor, name, self.max_events)
        except ValueError as error:
            where = getattr(self.recordings, "where", None)
            if where is None:
                raise
            raise ValueError(f"{error} (file {where(number)}){SKIPPING}") from None

    def spikes(
        self,
        members: Indices,
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
        members: Indices,
        steps: int,
        *,
        augmentation: AugmentParams | None = None,
        generator: torch.Generator | None = None,
    ) -> PackedSpikes:
        """Return the spikes of some recordings as bits, as event-driven learning takes them."""
        return self.binned(members, steps, augmentation=augmentation, generator=generator)[0]

    def binned(
        self,
        members: Indices,
        steps: int,
        *,
        augmentation: AugmentParams | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[PackedSpikes, Binned]:
        """Return the spikes of some recordings as bits, and the counts of all their events."""
        check_generator(generator)
        members = sample_indices(members, len(self), "members")
        packed = silence(steps, len(members), self.sensor)
        moves = drawn_moves(checked_changes(augmentation), len(members), self.sensor, generator)
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


def _check_recordings(recordings: object) -> None:
    """Raise TypeError for anything but a list of recordings, or an object that reads them."""
    wrong = isinstance(recordings, str | bytes | Events | type)
    if wrong or not isinstance(recordings, Recordings):
        way_out = ": pass a list of one" if isinstance(recordings, Events) else ""
        raise TypeError(
            f"recordings are {text_of(recordings)}; need a list of Events, or an object with"
            f" len() that reads recording i when asked for [i]{way_out}"
        )
