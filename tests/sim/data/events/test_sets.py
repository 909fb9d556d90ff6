"""Sets of recordings and spike trains: read batch by batch, refused in one line, learned from."""

from __future__ import annotations

import dataclasses
import tracemalloc
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch

from biograd.data.augment import AugmentParams
from biograd.data.events.recording import Events, Sensor
from biograd.data.events.sets import EventSet
from biograd.data.samples import check_fits, input_size
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


def test_a_recording_without_polarity_is_refused() -> None:
    columns, message = (np.ones(2, int),) * 3, "recording 0 of events has 3 columns; need four"
    with pytest.raises(ValueError, match=f"{message}: x, y, p, t"):
        EventSet.of([columns], [0], sensor=SMALL, window=10).events(0)


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
    ("labels", "message"),
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
def test_impossible_labels_are_refused(labels: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EventSet.of(Counting(2), np.array(labels), sensor=SMALL, window=100, classes=2)


def test_a_recording_is_read_when_its_spikes_are_asked_for_and_not_before() -> None:
    source = Counting(1000)
    members = (
        EventSet.of(source, np.arange(1000) % 4, sensor=SMALL, window=1000)
        .subset(slice(100, 900))
        .subset(torch.arange(0, 800, 2))
    )
    assert source.asked == [] and len(members) == 400
    s = members.spikes(torch.tensor([3, 1]), 2)
    assert source.asked == [106, 102] and members.y[[3, 1]].tolist() == [2, 2]
    assert s.shape == (2, 2, 24) and torch.nonzero(s[:, 0]).tolist() == [
        [0, 2],
        [1, (1 * 3 + 1) * 4 + 2],
    ]


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
    all_members = torch.arange(2)
    s, bits = members.spikes(all_members, steps), members.packed_spikes(all_members, steps)
    packed = PackedSpikes.pack(s)
    assert packed is not None and torch.equal(bits.words, packed.words) and bits.steps == steps
    expected = {(t * steps // 1000, (p * 3 + y) * 4 + x) for x, y, p, t in rows.tolist()}
    assert {(int(step), int(n)) for step, n in torch.nonzero(s[:, 0])} == expected


def test_a_picture_counts_events_per_pixel() -> None:
    members = EventSet.of(
        [recording((1, 0, 0, 0), (1, 0, 1, 1), (3, 2, 0, 2))], [0], sensor=SMALL, window=10
    )
    assert members.picture(0).tolist() == [[0, 255, 0, 0], [0, 0, 0, 0], [0, 0, 0, 128]]


def moving_dots(n: int, seed: int) -> EventSet:
    """Two classes: a dot that wanders right, or left, over 8 x 4 pixels. Only the order of events
    tells them apart.
    """
    rng = np.random.default_rng(seed)
    y, recordings = rng.integers(0, 2, n), []
    for label in y:
        x = np.arange(8) if label else np.arange(8)[::-1]
        recordings.append(
            Events(
                x,
                np.full(8, rng.integers(0, 4)),
                np.full(8, rng.integers(0, 2)),
                np.arange(8) * 100,
            )
        )
    return EventSet.of(recordings, y, sensor=Sensor(8, 4, 2), window=800, classes=2)


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
    """The minimum that a user's own recordings must have."""

    def __init__(self, members: EventSet) -> None:
        self.members, self.y, self.inputs = members, members.y, members.inputs

    def spikes(self, members: torch.Tensor, steps: int, **changes: Any) -> torch.Tensor:
        return self.members.spikes(members, steps, **changes)


def test_a_users_class_of_recordings_trains_to_the_same_bits() -> None:
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


def test_one_sample_is_a_recording_and_its_label_and_the_set_can_be_gone_through() -> None:
    members = EventSet.of(Counting(3), [1, 0, 2], sensor=SMALL, window=1000)
    events, label = members[2]
    assert (events.x.tolist(), label) == ([2, 2], 2)
    assert [(int(e.x[0]), int(y)) for e, y in members] == [(0, 1), (1, 0), (2, 2)]
    with pytest.raises(ValueError, match=r"index is 3; need 0 \.\. 2, for there are 3 samples"):
        members[3]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"recordings": iter([])}, TypeError, r"recordings are <list_iterator.*; need a list of"),
        ({"recordings": recording((0, 0, 0, 1))}, TypeError, "need a list of .*: pass a list of"),
        ({"recordings": "abc"}, TypeError, "recordings are 'abc'; need a list of Events"),
        ({"index": [0, 3]}, ValueError, r"index runs from 0 to 3; need 0 \.\. 2"),
        ({"index": [0]}, ValueError, "there are 1 recordings and 3 labels"),
        ({"y": torch.tensor([0, 1, 2])}, ValueError, r"labels run from 0 to 2; need 0 \.\. 1"),
        ({"classes": 0}, ValueError, "EventSet.classes is 0; need at least 1"),
        ({"max_events": 2.5}, TypeError, "EventSet.max_events is 2.5, a float; need a whole"),
        ({"window": 0}, ValueError, "window is 0; need at least 1 us"),
        ({"sensor": (4, 3, 2)}, ValueError, "does not say whether width or height is first"),
        ({"name": None}, TypeError, "name is None; need a short name"),
    ],
)
def test_fields_that_do_not_fit_are_refused_in_one_line(
    changes: dict[str, Any], error: type, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as users run: the check of types would speak first
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    made = EventSet.of(Counting(3), [1, 0, 1], sensor=SMALL, window=1000)
    with pytest.raises(error, match=message) as refused:
        dataclasses.replace(made, **changes)
    assert "\n" not in str(refused.value)


def test_recordings_that_cannot_be_read_are_skipped_whatever_holds_them() -> None:
    good, bad = recording((0, 0, 0, 1)), recording((9, 0, 0, 1))
    members = EventSet.of([good, bad, good, None], [0, 1, 2, 3], sensor=SMALL, window=1000)
    with pytest.warns(UserWarning, match="2 of 4 recordings of events cannot be read and are skip"):
        whole = members.subset(slice(0, 4)).skip_bad()
    assert whole.y.tolist() == [0, 2] and whole.skip_bad() is whole
