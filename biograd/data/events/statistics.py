"""What a set of recordings is like in numbers, and what is published of N-MNIST to lay beside it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .sets import EventSet


class Statistics(NamedTuple):
    """Of all recordings of a set; a mean over recordings where not said otherwise."""

    recordings: int
    events: float  # a recording
    events_sd: float  # standard deviation over recordings
    on: float  # ON events (p = 1) a recording
    off: float  # OFF events (p = 0) a recording
    last_ms: float  # time of a recording's last event, ms
    x: float  # column of an event, pixels, mean over all events
    y: float  # row of an event, pixels, mean over all events


# What can be said for certain of N-MNIST. Its paper has a table of events per recording by
# polarity, which was not at hand: so no number stands here. The least follows from the size of its
# archives: 1.1 GB packed, 70,000 recordings, 5 bytes an event. Sources:
# garrickorchard.com/datasets/n-mnist (sensor, recordings); Orchard et al. 2015 (saccades);
# neuromorphicsystems.github.io/land/n-mnist (size).
PUBLISHED = {
    "recordings": "60,000 + 10,000",
    "events": "not at hand; more than 3,100, by the size of the archives",
    "on / off": "not at hand",
    "sensor": "34 x 34, two polarities",
    "movement": "three saccades of about 100 ms",
}


def statistics(members: EventSet) -> Statistics:
    """Count the events of all recordings; each is read once, and checked.

    Raises: ValueError for the first recording that is none of this sensor.
    """
    rows = np.zeros((len(members), 5))
    for member in range(len(members)):
        found = members.events(member)
        if n := len(found.t):
            rows[member] = (
                n,
                found.p.sum(dtype=np.int64),
                found.t[-1],
                found.x.sum(dtype=np.int64),
                found.y.sum(dtype=np.int64),
            )
    events, on, last, x, y = rows.mean(axis=0)
    spread, one = float(rows[:, 0].std()), max(events, 1e-9)
    return Statistics(
        len(rows),
        float(events),
        spread,
        float(on),
        float(events - on),
        float(last) / 1000,
        float(x / one),
        float(y / one),
    )
