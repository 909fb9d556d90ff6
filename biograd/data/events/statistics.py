"""Statistics of a set of recordings, and the published ones of N-MNIST to compare them with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .sets import EventSet


class Statistics(NamedTuple):
    """Statistics of all recordings of a set; means over recordings unless stated otherwise."""

    recordings: int
    events: float  # events per recording
    events_sd: float  # standard deviation over recordings
    on: float  # ON events (p = 1) per recording
    off: float  # OFF events (p = 0) per recording
    last_ms: float  # time of a recording's last event, ms
    x: float  # column of an event, pixels, mean over all events
    y: float  # row of an event, pixels, mean over all events


# Certain facts of N-MNIST. Its paper has a table of events per recording by polarity, which was not
# available: so no number is given. The lower bound follows from the size of its archives: 1.1 GB
# packed, 70,000 recordings, 5 bytes per event. Sources: garrickorchard.com/datasets/n-mnist
# (sensor, recordings); Orchard et al. 2015 (saccades); neuromorphicsystems.github.io/land/n-mnist
# (size).
PUBLISHED = {
    "recordings": "60,000 + 10,000",
    "events": "not available; more than 3,100, by the size of the archives",
    "on / off": "not available",
    "sensor": "34 x 34, two polarities",
    "movement": "three saccades of about 100 ms",
}


def statistics(members: EventSet) -> Statistics:
    """Count the events of all recordings; each is read once, and checked.

    Raises: ValueError for the first recording that does not fit the sensor.
    """
    rows = np.zeros((len(members), 5))
    for member in range(len(members)):
        x, y, p, t = members.events(member)
        if len(t):
            rows[member] = (len(t), _sum(p), t[-1], _sum(x), _sum(y))
    events, on, last, x_sum, y_sum = rows.mean(axis=0)
    per_event = max(events, 1e-9)
    return Statistics(
        len(rows),
        float(events),
        float(rows[:, 0].std()),
        float(on),
        float(events - on),
        float(last) / 1000,
        float(x_sum / per_event),
        float(y_sum / per_event),
    )


def _sum(column: np.ndarray) -> int:
    return int(column.sum(dtype=np.int64))
