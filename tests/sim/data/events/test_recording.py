"""One recording: checked in one line, and binned as computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biograd.data.events.recording import Events, Sensor, bin_events, checked

SMALL = Sensor(4, 3, 2)


def recording(*rows: tuple[int, int, int, int]) -> Events:
    """Events from (x, y, p, t)."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Events(*table.T)


def test_binning_by_hand() -> None:
    s, counts = bin_events(
        recording((0, 0, 0, 0), (0, 0, 0, 49), (3, 2, 1, 50), (1, 0, 1, 99), (2, 0, 0, 100)),
        SMALL,
        steps=2,
        window=100,
    )
    assert s.shape == (2, 24)
    assert np.flatnonzero(s[0]).tolist() == [0]  # two events of one pixel in a step are one spike
    # neuron (p height + y) width + x
    assert np.flatnonzero(s[1]).tolist() == [(1 * 3 + 0) * 4 + 1, (1 * 3 + 2) * 4 + 3]
    # five events, one at the end of the window, none lost, one merged
    assert counts == (5, 1, 0, 1)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 1), st.integers(0, 1200)),
        max_size=40,
    ),
    st.integers(1, 7),
)
def test_binning_equals_its_definition(rows: list[tuple[int, int, int, int]], steps: int) -> None:
    rows = sorted(rows, key=lambda row: row[3])
    s, counts = bin_events(recording(*rows), SMALL, steps=steps, window=1000)
    expected = {(t * steps // 1000, (p * 3 + y) * 4 + x) for x, y, p, t in rows if t < 1000}
    assert {(int(step), int(at)) for step, at in zip(*np.nonzero(s), strict=True)} == expected
    assert counts.events == len(rows)
    assert counts.events - counts.late - counts.merged == len(expected)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(4, 0, 0, 5)], r"event 0: pixel \(4, 0\) lies outside the sensor of 4 x 3"),
        ([(0, 3, 0, 5)], r"pixel \(0, 3\) lies outside"),
        ([(0, 0, 0, 1), (-1, 0, 0, 5)], r"event 1: pixel \(-1, 0\) lies outside"),
        ([(0, 0, 2, 5)], r"polarity is 2; need 0 \.\. 1"),
        ([(0, 0, 0, -7)], "time is -7 us; need 0 or more"),
        (
            [(0, 0, 0, 9), (0, 0, 0, 8)],
            r"event 1: time falls from 9 to 8 us: sort the events by time \(Events.in_order\)",
        ),
    ],
)
def test_impossible_events_are_refused_in_one_line(
    rows: list[tuple[int, int, int, int]], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        checked(recording(*rows), SMALL, "the recording")
    assert "\n" not in str(error.value)


def test_columns_of_other_lengths_or_kinds_are_refused() -> None:
    ones = np.ones(3, dtype=np.int64)
    with pytest.raises(ValueError, match=r"columns x, y, p, t of \(3,\), \(3,\), \(3,\), \(2,\)"):
        checked(Events(ones, ones, ones, ones[:2]), SMALL, "it")
    with pytest.raises(ValueError, match="float64: need integers"):
        checked(Events(ones, ones, ones, ones * 0.5), SMALL, "it")


def test_sorting_is_the_way_out_of_disorder() -> None:
    tangled = recording((0, 0, 0, 9), (1, 0, 0, 8), (2, 0, 0, 9))
    assert checked(tangled.in_order(), SMALL, "it").x.tolist() == [1, 0, 2]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.int64, bool])
def test_every_integer_type_bins_the_same(kind: type) -> None:
    events = recording((1, 0, 1, 3), (0, 1, 0, 60))
    same = Events(*(column.astype(kind) for column in events[:3]), events.t.astype(np.uint32))
    assert np.array_equal(
        bin_events(same, SMALL, steps=2, window=100)[0],
        bin_events(events, SMALL, steps=2, window=100)[0],
    )
