"""Times of recordings held against their window: a clock not at zero, or times in another unit."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

SAMPLED = 20  # recordings of a set that are looked at, spread over it
LATE_SHARE = 0.1  # of their events, above which a warning says so. Ours
EARLY_SHARE = 0.01  # of the window, in which no recording ends: times in ms are 0.001. Ours
_WAY_OUT = (
    "subtract each recording's first time, give times in us (in SHD's files s), or widen the window"
)


class Times(NamedTuple):
    """Counts and times of the events of some recordings."""

    recordings: int
    events: int
    late: int  # at or after the end of the window
    first: int  # time of the first event, us; 0 where there is none
    last: int  # time of the last event, us

    @property
    def none_in_window(self) -> bool:
        """True where there are events, all of them after the window."""
        return self.events > 0 and self.late == self.events


def times_of(recordings: Iterable[np.ndarray], window: int, *, while_late: bool = False) -> Times:
    """Count the events of some recordings, given by their times in us.

    Args:
        while_late: stop at the first recording with an event in the window.
    """
    read = events = late = first = last = 0
    for t in recordings:
        read += 1
        if not len(t):
            continue
        first = int(t[0]) if not events else min(first, int(t[0]))
        last = max(last, int(t[-1]))
        events, late = events + len(t), late + len(t) - int(np.searchsorted(t, window))
        if while_late and late < events:
            break
    return Times(read, events, late, first, last)


def check_times(times: Times, window: int, name: str, *, refuse: bool) -> None:
    """Raise ValueError where all events lie after the window; warn where times look wrong.

    Args:
        name: of the set, for messages.
        refuse: False: warn of the first, too.
    """
    which = f"{times.recordings:,} recordings of {name}"
    if times.none_in_window:
        fault = (
            f"all {times.events:,} events of {which} lie after the window of {window:,} us (the"
            f" first at {times.first:,} us): {_WAY_OUT}"
        )
        if refuse:
            raise ValueError(fault)
        _warn(fault)
    elif not times.events:
        _warn(f"{which} hold no events: the network is shown silence")
    elif times.late > LATE_SHARE * times.events:
        _warn(
            f"{100 * times.late / times.events:.0f} % of the events of {which} lie after the window"
            f" of {window:,} us (the last at {times.last:,} us) and are left out: {_WAY_OUT}"
        )
    elif times.last < EARLY_SHARE * window:
        _warn(
            f"all events of {which} lie in the first {times.last + 1:,} us of a window of"
            f" {window:,} us: give times in us, or narrow the window"
        )


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)
