"""Times that do not fit the window: refused where all are late, reported where many are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from biograd.data.events.recording import Events, Sensor
from biograd.data.events.sets import EventSet
from biograd.data.events.times import Times, times_of
from biograd.feedback import RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.training.evaluation import evaluate
from biograd.training.trainer import Trainer

SENSOR = Sensor(8, 8, 2)


def recording(*times: int) -> Events:
    zeros = np.zeros(len(times), dtype=np.int64)
    return Events(zeros, zeros, zeros, np.array(times, dtype=np.int64))


def members(recordings: list[Events], window: int = 100) -> EventSet:
    labels = [number % 2 for number in range(len(recordings))]
    return EventSet.of(recordings, labels, sensor=SENSOR, window=window, name="dots")


def trained(samples: EventSet) -> object:
    net = Network((128, 2))
    return Trainer(LocalLearner(net, RandomDFA(net)), torch.optim.Adam(net.parameters()), samples)


def measured(samples: EventSet) -> object:
    return evaluate(Network((128, 2)), samples)


EVERY_DOOR = pytest.mark.parametrize("door", [trained, measured])


@EVERY_DOOR
def test_a_clock_that_does_not_start_at_zero_is_told_and_refused_on_request(
    door: Callable[[EventSet], object],
) -> None:
    start = 1_600_000_000_000_000
    absolute = members([recording(start + 10, start + 40)] * 30)
    what = "all 60 events of 30 recordings of dots lie after"
    with pytest.warns(UserWarning, match=what):
        door(absolute)
    with pytest.raises(ValueError, match=what) as no:
        absolute.check_times()
    assert "window of 100 us" in str(no.value) and "1,600,000,000,000,010 us" in str(no.value)
    assert "subtract each recording's first time" in str(no.value)
    assert "\n" not in str(no.value)


@EVERY_DOOR
@pytest.mark.parametrize(
    ("recordings", "message"),
    [
        ([recording(10, 50, 90, 120, 130)] * 4, "40 % of the events of 4 recordings of dots lie"),
        ([recording()] * 4, "4 recordings of dots hold no events"),
        ([recording(0, 0)] * 4, "lie in the first 1 us of a window of 200 us: give times in us"),
    ],
)
def test_late_early_and_absent_events_are_reported(
    door: Callable[[EventSet], object], recordings: list[Events], message: str
) -> None:
    with pytest.warns(UserWarning, match=message) as reported:
        door(members(recordings, 200 if "200" in message else 100))
    assert len(reported) == 1


def test_a_set_is_not_refused_for_the_recordings_that_were_looked_at_alone() -> None:
    late, early = recording(500), recording(50)
    samples = members([late] * 150 + [early] + [late] * 850)
    times = samples.times  # none of the twenty recordings spread over the set is the early one
    assert (times.recordings, times.events, times.late) == (151, 151, 150)
    with pytest.warns(UserWarning, match="99 % of the events of 151 recordings"):
        samples.check_times()


def test_few_recordings_of_a_large_set_are_read_and_once() -> None:
    asked: list[int] = []

    class Asked(list):
        def __getitem__(self, index):
            asked.append(index)
            return super().__getitem__(index)

    samples = members(Asked([recording(0, 50)] * 1000))
    samples.check_times()
    samples.check_times()
    assert len(asked) == 20 and (min(asked), max(asked)) == (0, 999)


def test_times_are_counted_by_hand() -> None:
    rows = [np.array(row) for row in ([5, 99, 100], [], [120])]
    assert times_of(rows, 100) == Times(recordings=3, events=4, late=2, first=5, last=120)
