"""Statistics of recordings, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from biograd.data.events.nmnist import SENSOR
from biograd.data.events.recording import Events
from biograd.data.events.sets import EventSet
from biograd.data.events.statistics import PUBLISHED, Statistics, statistics


def test_statistics_by_hand() -> None:
    three = Events(*np.array([[1, 2, 0, 0], [3, 2, 1, 500], [5, 2, 1, 2000]]).T)
    none = Events(*np.zeros((4, 0), dtype=np.int64))
    counts = statistics(EventSet.of([three, none], [0, 1], sensor=SENSOR, window=10))
    assert counts == pytest.approx(Statistics(2, 1.5, 1.5, 1.0, 0.5, 1.0, 3.0, 2.0))
    assert "not available" in PUBLISHED["on / off"]  # no number that nobody looked up
