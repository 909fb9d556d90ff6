"""Recordings as people have them give the same events; other things are refused in one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from biograd.data.events.columns import checked_window
from biograd.data.events.recording import Events, Sensor, bin_events, checked, checked_sensor

SENSOR = Sensor(8, 4, 2)
X, Y, P, T = ([1, 2, 7, 0], [0, 1, 3, 2], [0, 1, 1, 0], [10, 20, 30, 40])
COLUMNS = tuple(np.array(column) for column in (X, Y, P, T))


def structured(*names: str) -> np.ndarray:
    """A recording as tonic has it."""
    kinds = {"x": "<i2", "y": "<i2", "p": "?", "t": "<i8", "z": "<i2"}
    rows = np.zeros(4, dtype=[(name, kinds[name]) for name in names])
    for name, column in zip("xypt", COLUMNS, strict=True):
        if name in names:
            rows[name] = column
    return rows


@pytest.mark.parametrize(
    "events",
    [
        Events(*COLUMNS),
        COLUMNS,
        [X, Y, P, T],
        np.stack(COLUMNS),
        tuple(torch.tensor(column) for column in (X, Y, P, T)),
        Events(*(column.astype(float) for column in COLUMNS)),
        Events(*(column.astype(">i4") for column in COLUMNS)),
        Events(*COLUMNS)._replace(p=np.array([False, True, True, False])),
        Events(*COLUMNS)._replace(p=np.array([-1, 1, 1, -1])),
        structured("x", "y", "t", "p"),
        structured("t", "p", "y", "x"),
        {"x": X, "y": Y, "t": T, "p": P},
    ],
)
def test_every_form_of_a_recording_gives_the_same_spikes(events: object) -> None:
    given = checked(events, SENSOR, "it")
    assert [column.tolist() for column in given] == [X, Y, P, T]


@pytest.mark.parametrize("nothing", [[], np.array([]), np.array([], dtype=bool), torch.zeros(0)])
def test_a_recording_without_events_is_silence_in_every_type(nothing: object) -> None:
    assert len(checked([nothing] * 4, SENSOR, "it").t) == 0


def test_a_cochlea_needs_no_rows_and_polarities() -> None:
    given = checked(structured("x", "t"), Sensor(8), "it")
    assert [column.tolist() for column in given] == [X, [0] * 4, [0] * 4, T]


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (structured("x", "y", "t", "p", "z"), r"it has the fields .*; need x, y, p, t"),
        (structured("x", "y"), "it has the fields"),
        (np.stack(COLUMNS, 1)[:3], "it has 3 columns; need four.*: pass it transposed"),
        ((COLUMNS, 1), r"it has 2 columns; .*: of a pair \(events, label\), pass the events alone"),
        ([X, Y, P], "it has 3 columns; need four: x, y, p, t"),
        (Events(*COLUMNS)._replace(t=np.array(T) + 0.5), r"it: t is 10.5 at event 0, float64"),
        (Events(*COLUMNS)._replace(t=np.full(4, np.nan)), "it: t is nan at event 0"),
        (Events(*COLUMNS)._replace(x=np.full(4, 1e30)), r"it: x is 1e\+30 at event 0"),
        (Events(*COLUMNS)._replace(p=np.array([-1, 1, 0, 1])), "event 0: polarity is -1; need 0"),
        (Events(*COLUMNS)._replace(t=np.full(4, 1 << 63, np.uint64)), "it: t reaches 9,223,372"),
        (Events(*COLUMNS)._replace(x=np.array(X).astype(str)), "it has x, y, p, t of <U21, int64"),
        (Events(*COLUMNS)._replace(x=None), "it has x, y, p, t of object, int64"),
    ],
)
def test_columns_that_are_none_are_refused_in_one_line(events: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        checked(events, SENSOR, "it")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("events", [None, 3, "events", iter(COLUMNS)])
def test_what_is_no_recording_is_refused_in_one_line(events: object) -> None:
    with pytest.raises(TypeError, match=r"it is .*; need Events, four columns x, y, p, t") as no:
        checked(events, SENSOR, "it")
    assert "\n" not in str(no.value)


def test_signed_polarities_need_a_sensor_with_two() -> None:
    signed = Events(*COLUMNS)._replace(p=np.array([-1, 1, 1, -1]))
    with pytest.raises(ValueError, match=r"polarity is -1; need 0 \.\. 0 .*name the right pol"):
        checked(signed, Sensor(8, 4), "it")


@pytest.mark.parametrize("window", [300_000, 3e5, 0.3 * 1e6, np.float32(3e5), np.int32(300_000)])
def test_a_whole_window_of_any_type_is_taken(window: object) -> None:
    assert (checked_window(window), type(checked_window(window))) == (300_000, int)


def test_windows_that_are_no_time_are_refused() -> None:
    for window in (0, -5, 10**14, -1e5):
        with pytest.raises(ValueError, match=r"need at least 1 us .* steps of a sample span"):
            checked_window(window)
    for window in (None, float("nan"), float("inf"), 0.5, "3e5", True, [3]):
        with pytest.raises(TypeError, match=r"window is .*; need a whole number"):
            checked_window(window)


def test_a_square_sensor_may_be_a_tuple_and_another_says_its_width() -> None:
    assert checked_sensor((8, 8, 2)) == Sensor(8, 8, 2)
    assert checked_sensor(Sensor(np.int64(4), 3)) == Sensor(4, 3)
    with pytest.raises(ValueError, match="does not say whether width or height is first"):
        checked_sensor((8, 4, 2))
    for sensor, message in (
        (None, "sensor is None; need Sensor"),
        ((8, 4), r"sensor is \(8, 4\); need Sensor"),
        (Sensor(8, 4.5), "sensor.height is 4.5, a float"),
    ):
        with pytest.raises(TypeError, match=message):
            checked_sensor(sensor)
    with pytest.raises(ValueError, match=r"sensor.height is 0; need at least 1"):
        checked_sensor(Sensor(8, 0))


def test_events_are_binned_whatever_holds_them() -> None:
    s, counts = bin_events(structured("x", "y", "t", "p"), SENSOR, steps=4, window=1e2)
    assert (counts.events, counts.late, int(s.sum())) == (4, 0, 4)
