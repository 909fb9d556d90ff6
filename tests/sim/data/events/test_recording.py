"""Events: checked in one line each, binned by hand-computed examples, read a batch at a time, and
learned from.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biograd.data.augment import AugmentParams
from biograd.data.events.recording import Events, Sensor, bin_events, checked
from biograd.data.events.sets import EventSet, SpikeSet
from biograd.data.samples import check_fits, input_size, spikes_of
from biograd.feedback import SleepAligned
from biograd.kernels.packed_spikes import PackedSpikes
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.training.evaluation import evaluate
from biograd.training.trainer import Trainer, TrainParams

SMALL = Sensor(4, 3, 2)


def recording(*rows: tuple[int, int, int, int]) -> Events:
    """Events from (x, y, p, t)."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Events(*table.T)


class Counting:
    """Recordings that are made when asked for, and count how often they are."""

    def __init__(self, n: int) -> None:
        self.n, self.asked = n, []

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Events:
        self.asked.append(index)
        return recording((index % 4, 0, 0, 0), (index % 4, 1, 1, 500))


def test_binning_by_hand() -> None:
    s, found = bin_events(
        recording((0, 0, 0, 0), (0, 0, 0, 49), (3, 2, 1, 50), (1, 0, 1, 99), (2, 0, 0, 100)),
        SMALL,
        steps=2,
        window=100,
    )
    assert s.shape == (2, 24)
    assert np.flatnonzero(s[0]).tolist() == [0]  # two events of one pixel in a step are one spike
    # neuron (p height + y) width + x
    assert np.flatnonzero(s[1]).tolist() == [(1 * 3 + 0) * 4 + 1, (1 * 3 + 2) * 4 + 3]
    assert found == (5, 1, 0, 1)  # five events, one at the end of the window, none lost, one merged


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 1), st.integers(0, 1200)),
        max_size=40,
    ),
    st.integers(1, 7),
)
def test_binning_equals_its_definition(rows: list[tuple[int, int, int, int]], steps: int) -> None:
    rows = sorted(rows, key=lambda row: row[3])
    s, found = bin_events(recording(*rows), SMALL, steps=steps, window=1000)
    there = {(t * steps // 1000, (p * 3 + y) * 4 + x) for x, y, p, t in rows if t < 1000}
    assert {(int(step), int(at)) for step, at in zip(*np.nonzero(s), strict=True)} == there
    assert found.events == len(rows) and found.events - found.late - found.merged == len(there)


@pytest.mark.parametrize(
    ("rows", "said"),
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
def test_events_that_cannot_be_are_said_in_one_line(
    rows: list[tuple[int, int, int, int]], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as error:
        checked(recording(*rows), SMALL, "the recording")
    assert "\n" not in str(error.value)


def test_columns_of_other_lengths_or_kinds_are_refused() -> None:
    ones = np.ones(3, dtype=np.int64)
    with pytest.raises(ValueError, match=r"columns x, y, p, t of \(3,\), \(3,\), \(3,\), \(2,\)"):
        checked(Events(ones, ones, ones, ones[:2]), SMALL, "it")
    with pytest.raises(ValueError, match="float64: need integers"):
        checked(Events(ones, ones, ones, ones * 0.5), SMALL, "it")


def test_a_recording_without_polarity_is_refused() -> None:
    with pytest.raises(
        ValueError, match="recording 0 of events has 3 columns; need four: x, y, p, t"
    ):
        EventSet.of(
            [(np.ones(2, int), np.ones(2, int), np.ones(2, int))], [0], sensor=SMALL, window=10
        ).events(0)


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


def test_a_huge_recording_is_refused_with_a_way_out() -> None:
    many = EventSet.of(
        [recording(*[(0, 0, 0, t) for t in range(50)])],
        [0],
        sensor=SMALL,
        window=100,
        max_events=49,
    )
    with pytest.raises(
        ValueError,
        match=r"recording 0 of events holds 50 events, more than 49: split it, or raise max_events",
    ):
        many.spikes(torch.tensor([0]), 2)


def test_a_batch_that_would_fill_the_memory_is_refused_before_any_is_taken() -> None:
    wide = EventSet.of(
        [recording((0, 0, 0, 0))] * 100, [0] * 100, sensor=Sensor(1280, 720, 2), window=100
    )
    tracemalloc.start()
    with pytest.raises(
        ValueError, match=r"100 recordings of 1,843,200 inputs and 10 steps take 7\.4 GB of spikes"
    ) as error:
        wide.spikes(torch.arange(100), 10)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert "show fewer at a time" in str(error.value)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0.0, 1.0], "labels are float64"),
        (["one", "two"], "need one whole number per recording"),
        ([True, False], "labels are bool"),
        ([0], "2 recordings and 1 labels"),
        ([[0], [1]], "need one whole number per recording"),
        ([0, -1], "labels run from -1 to 0"),
        ([0, 7], r"labels run from 0 to 7; need 0 \.\. 1"),
    ],
)
def test_labels_that_are_none_are_refused(labels: list, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        EventSet.of(Counting(2), np.array(labels), sensor=SMALL, window=100, classes=2)


def test_a_recording_is_read_when_its_spikes_are_asked_for_and_not_before() -> None:
    held = Counting(1000)
    members = (
        EventSet.of(held, np.arange(1000) % 4, sensor=SMALL, window=1000)
        .subset(slice(100, 900))
        .subset(torch.arange(0, 800, 2))
    )
    assert held.asked == [] and len(members) == 400
    s = members.spikes(torch.tensor([3, 1]), 2)
    assert held.asked == [106, 102] and members.y[[3, 1]].tolist() == [2, 2]
    assert s.shape == (2, 2, 24) and torch.nonzero(s[:, 0]).tolist() == [
        [0, 2],
        [1, (1 * 3 + 1) * 4 + 2],
    ]


def test_a_shift_moves_whole_recordings_and_loses_what_leaves_the_sensor() -> None:
    middle = EventSet.of(
        [recording((1, 1, 0, 0), (2, 1, 1, 600))] * 64, [0] * 64, sensor=SMALL, window=1000
    )
    trains, found = middle.binned(
        torch.arange(64),
        2,
        augmentation=AugmentParams(shift=2),
        generator=torch.Generator().manual_seed(0),
    )
    s, seen = trains.dense(), set()
    for b in range(64):
        at = [
            (int(step), int(n) // 12, int(n) % 12 // 4, int(n) % 4)
            for step, n in torch.nonzero(s[:, b])
        ]
        if len(at) == 2:
            (t0, p0, y0, x0), (t1, p1, y1, x1) = at
            # the two keep their places to each other
            assert (t0, p0, t1, p1, y1 - y0, x1 - x0) == (0, 0, 1, 1, 0, 1)
            seen.add((y0 - 1, x0 - 1))
    # all shifts that leave both on the sensor
    assert {y for y, _ in seen} == {-1, 0, 1} and {x for _, x in seen} == {-1, 0, 1}
    assert found.lost > 0 and found.events == 128 and s.sum() == 128 - found.lost


def test_a_turn_of_a_half_circle_and_a_stretch_land_where_they_should() -> None:
    corner = EventSet.of([recording((0, 0, 0, 0))] * 40, [0] * 40, sensor=Sensor(5, 5), window=10)
    turned = corner.spikes(
        torch.arange(40),
        1,
        augmentation=AugmentParams(rotate=180),
        generator=torch.Generator().manual_seed(1),
    )
    # the rim
    assert {int(n) for _, _, n in torch.nonzero(turned)} <= {
        0,
        1,
        2,
        3,
        4,
        5,
        9,
        10,
        14,
        15,
        19,
        20,
        21,
        22,
        23,
        24,
    }
    assert len({int(n) for _, _, n in torch.nonzero(turned)}) > 6
    still = corner.spikes(
        torch.arange(40),
        1,
        augmentation=AugmentParams(scale=0.01),
        generator=torch.Generator().manual_seed(1),
    )
    assert {int(n) for _, _, n in torch.nonzero(still)} == {0}
    with pytest.raises(ValueError, match="not bent: set elastic to 0"):
        corner.spikes(
            torch.tensor([0]),
            1,
            augmentation=AugmentParams(elastic=1.0),
            generator=torch.Generator(),
        )


def test_a_flip_mirrors_recordings_before_they_are_moved() -> None:
    corner = EventSet.of([recording((0, 1, 0, 0))] * 40, [0] * 40, sensor=SMALL, window=10)

    def places(**changes: float) -> list[int]:
        p, draws = AugmentParams(**changes), torch.Generator().manual_seed(2)  # type: ignore[arg-type]
        return [
            int(n)
            for _, _, n in torch.nonzero(
                corner.spikes(torch.arange(40), 1, augmentation=p, generator=draws)
            )
        ]

    # row 1 of 4 columns: from its first place to its last
    assert places(flip=1.0) == [7] * 40 and set(places(flip=0.5)) == {4, 7}
    assert set(places(flip=1.0, rotate=180.0)) - {4, 7}  # turned from there


@pytest.mark.parametrize("steps", [1, 31, 32, 33, 70])
def test_spikes_and_their_bits_are_the_same_whatever_the_number_of_steps(steps: int) -> None:
    rng = np.random.default_rng(steps)
    rows = np.stack(
        [
            rng.integers(0, 4, 200),
            rng.integers(0, 3, 200),
            rng.integers(0, 2, 200),
            np.sort(rng.integers(0, 999, 200)),
        ],
        1,
    )
    members = EventSet.of(
        [recording(*rows), recording(*rows[::2])], [0, 1], sensor=SMALL, window=1000
    )
    s, trains = (
        members.spikes(torch.arange(2), steps),
        members.packed_spikes(torch.arange(2), steps),
    )
    packed = PackedSpikes.pack(s)
    assert packed is not None and torch.equal(trains.words, packed.words) and trains.steps == steps
    there = {(t * steps // 1000, (p * 3 + y) * 4 + x) for x, y, p, t in rows.tolist()}
    assert {(int(step), int(n)) for step, n in torch.nonzero(s[:, 0])} == there


def test_a_picture_counts_events_of_a_pixel() -> None:
    members = EventSet.of(
        [recording((1, 0, 0, 0), (1, 0, 1, 1), (3, 2, 0, 2))], [0], sensor=SMALL, window=10
    )
    assert members.picture(0).tolist() == [[0, 255, 0, 0], [0, 0, 0, 0], [0, 0, 0, 128]]


def moving_dots(n: int, seed: int) -> EventSet:
    """Two classes: a dot that wanders right, or left, over 8 x 4 pixels. Only the order of events
    tells them apart.
    """
    rng = np.random.default_rng(seed)
    y, held = rng.integers(0, 2, n), []
    for label in y:
        x = np.arange(8) if label else np.arange(8)[::-1]
        held.append(
            Events(
                x,
                np.full(8, rng.integers(0, 4)),
                np.full(8, rng.integers(0, 2)),
                np.arange(8) * 100,
            )
        )
    return EventSet.of(held, y, sensor=Sensor(8, 4, 2), window=800, classes=2)


def test_a_network_learns_from_recordings_through_the_same_trainer() -> None:
    train, test = moving_dots(300, 0), moving_dots(100, 1)
    generator = torch.Generator().manual_seed(0)
    net = Network((input_size(train), 40, 2), generator=generator)
    learner = LocalLearner(net, SleepAligned(net, generator=generator))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    trainer = Trainer(
        learner, optimizer, train, test_set=test, params=TrainParams(epochs=6, batch=10, steps=8)
    )
    *_, last = trainer.run()
    assert last["test_accuracy"] > 0.95  # chance is 0.5
    assert evaluate(net, test, steps=8, batch=7).test_accuracy == last["test_accuracy"]


class OnlySpikes:
    """The least that a user's own recordings must have."""

    def __init__(self, members: EventSet) -> None:
        self.members, self.y, self.inputs = members, members.y, members.inputs

    def spikes(self, members: torch.Tensor, steps: int, **changes: Any) -> torch.Tensor:
        return self.members.spikes(members, steps, **changes)


def test_recordings_of_ones_own_class_train_to_the_same_bits() -> None:
    def weights(train: EventSet | OnlySpikes) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        net = Network((64, 20, 2), generator=generator)
        learner = LocalLearner(net, SleepAligned(net, generator=generator))
        params = TrainParams(epochs=1, batch=10, steps=8)
        shifts = AugmentParams(shift=1)
        for _ in Trainer(
            learner,
            torch.optim.Adam(net.parameters(), lr=0.02),
            train,
            params=params,
            augmentation=shifts,
        ).run():
            pass
        return net.layers[0].w

    members = moving_dots(60, 0)
    assert torch.equal(weights(members), weights(OnlySpikes(members)))


def test_recordings_that_do_not_fit_the_network_are_refused() -> None:
    members = moving_dots(4, 0)
    with pytest.raises(
        ValueError, match="64 inputs and the network 63 inputs: make its first size 64"
    ):
        check_fits(Network((63, 2)), members)
    with pytest.raises(ValueError, match="the network has 1 outputs"):
        check_fits(Network((64, 1)), members)


def test_spike_trains_of_ones_own_are_shown_as_they_are() -> None:
    s = torch.rand(6, 5, 3, generator=torch.Generator().manual_seed(0)) < 0.4
    members = SpikeSet(s=s, y=torch.tensor([0, 1, 2, 0, 1, 2]), classes=3)
    assert torch.equal(
        spikes_of(members.subset([4, 2]), torch.tensor([1, 0]), 5),
        s[[2, 4]].transpose(0, 1).float(),
    )
    with pytest.raises(ValueError, match="has 5 steps per sample and 6 are asked for"):
        members.spikes(torch.tensor([0]), 6)
    with pytest.raises(ValueError, match="which no augmentation changes"):
        members.spikes(torch.tensor([0]), 5, augmentation=AugmentParams(shift=1))
    with pytest.raises(ValueError, match=r"need \[n, T, N\] of 0 and 1"):
        SpikeSet(s=torch.full((1, 2, 3), 2), y=torch.tensor([0]), classes=1)
