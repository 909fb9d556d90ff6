"""Recordings of events, sets of them, and their files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from arrays import members, set_labels
from case import ALIKE, LEGAL, OPEN, SAME, WRONG, Call, case
from material import Draw
from recordings import events_slot, sensor_slot, shots_slot, window_slot
from scalars import generator, instead, readable, text, thing, whole

import biograd as bg

from .data import change_slot, steps_slot, subset_slot


@case("Events.in_order")
def _(draw: Draw) -> Call:
    events, sensor = draw.events(), draw.sensor()
    # Python itself counts the arguments of a named tuple.
    uncounted = ("as an array [n", "as a str", "an int", "a str", "None", "without", "with an")
    slot = events_slot(events, sensor).expecting(OPEN).without(*uncounted)
    return Call(lambda events: bg.Events(*events).in_order(), events=slot)


@case("Sensor")
def _(draw: Draw) -> Call:
    sensor = draw.sensor()
    slots = {name: whole(getattr(sensor, name)) for name in sensor._fields}
    return Call(
        lambda **sizes: bg.Sensor(**sizes).inputs,
        slots={name: slot.expecting(OPEN) for name, slot in slots.items()},
    )


@case("bin_events")
def _(draw: Draw) -> Call:
    sensor = draw.sensor()
    return Call(
        bg.bin_events,
        events=events_slot(draw.events(), sensor),
        sensor=sensor_slot(sensor),
        steps=steps_slot(draw.T),
        window=window_slot(),
    )


@case("EventSet.of")
def _(draw: Draw) -> Call:
    n, sensor = draw.B, draw.sensor()

    def make(recordings, labels, sensor, window, classes, **names):
        made = bg.EventSet.of(
            recordings, labels, sensor=sensor, window=window, classes=classes, **names
        )
        every = torch.arange(len(made))
        return made.spikes(every, draw.T), made.y, len(made), made.classes

    return Call(
        make,
        recordings=shots_slot(draw, n),
        labels=set_labels(draw.labels(n), draw.C).expecting(
            OPEN, "one class", "far too", "counted from"
        ),
        sensor=sensor_slot(sensor),
        window=window_slot(),
        classes=whole(0 if draw.variant % 2 else draw.C, low=0).expecting(
            OPEN, "one more", "True", "None"
        ),
        name=text("mine"),
        split=text("train"),
        max_events=whole(50, low=12).without("-1000", "below"),
    )


@case("EventSet")
def _(draw: Draw) -> Call:
    made = draw.recordings()
    fields = {name: getattr(made, name) for name in made.__dataclass_fields__}
    index = members(fields["index"], draw.B).expecting(WRONG, "axis 0", "a slice", "a range")

    def make(**arguments):
        again = bg.EventSet(**arguments)
        return again.spikes(torch.arange(draw.B), draw.T), again.y, len(again), again.inputs

    return Call(
        make,
        name=text("mine"),
        split=text("train"),
        recordings=shots_slot(draw, draw.B).without("one too many"),
        index=index.expecting(OPEN, "a truth", "a list of", "truth"),
        y=set_labels(fields["y"], draw.C),
        classes=whole(draw.C) + thing(0, ("too few", draw.C - 1, WRONG)).mutations[-1:],
        sensor=sensor_slot(fields["sensor"]),
        window=window_slot(),
        max_events=whole(50, low=12).without("-1000", "below"),
    )


def _reader(name: str):
    @case(f"EventSet.{name}")
    def _(draw: Draw) -> Call:
        shift = ("shifted", bg.AugmentParams(shift=1, rotate=10.0), LEGAL)
        return Call(
            getattr(draw.recordings(), name),
            members=members(torch.tensor([1, 0, 2]), draw.B),
            steps=steps_slot(draw.T),
            augmentation=change_slot() + thing(0, shift).mutations[-1:],
            generator=generator().expecting(OPEN),
        )


for _name in ("spikes", "packed_spikes", "binned"):
    _reader(_name)


@case("EventSet.subset")
def _(draw: Draw) -> Call:
    return Call(draw.recordings().subset, indices=subset_slot(draw, draw.B))


def _member(name: str):
    @case(f"EventSet.{name}")
    def _(draw: Draw) -> Call:
        index = whole(0, low=0, high=draw.B - 1).expecting(OPEN, "below the least")
        return Call(getattr(draw.recordings(), name), member=index.expecting(OPEN, "as a list"))


_member("events")
_member("picture")


@case("EventSet[i]")
def _(draw: Draw) -> Call:
    sets = (draw.recordings(), draw.images(), draw.trains(), draw.recordings())
    index = whole(0, low=0, high=draw.B - 1).expecting(OPEN)

    def take(index):
        item = sets[draw.variant][index]
        return len(item)

    return Call(take, index=index, clean=OPEN)


def _folder(name: str) -> Path:
    folder = Path(tempfile.gettempdir()) / name
    folder.mkdir(exist_ok=True)
    return folder


@case("nmnist")
def _(draw: Draw) -> Call:
    folder = _folder("nmnist")
    for part in ("Train", "Test"):
        for label in range(3):
            (folder / part / str(label)).mkdir(parents=True, exist_ok=True)
            (folder / part / str(label) / "1.bin").write_bytes(bytes([1, 2, 128, 0, 9]))
    split = thing(
        "train",
        ("test", "test", LEGAL),
        ("in capitals", "TRAIN", OPEN),
        ("validation", "validation", WRONG),
        ("two lines", "a\nb", WRONG),
    ).without("its class's", "a string")
    return Call(
        lambda **arguments: (lambda s: (s.y, s.spikes(torch.arange(3), 4)))(bg.nmnist(**arguments)),
        errors=(OSError,),
        folder=readable(folder, folder=True),
        split=split,
        name=text("nmnist"),
    )


@case("shd")
def _(draw: Draw) -> Call:
    path = _folder("shd") / "shd_train.h5"
    if not path.exists():
        _write_shd(path)
    sensor = sensor_slot(bg.Sensor(8)).without("of one pol", "too low", "a truth", "negative twice")
    return Call(
        lambda **arguments: (lambda s: (s.y, s.spikes(torch.arange(3), 4)))(bg.shd(**arguments)),
        errors=(OSError,),
        path=readable(path, content=path.read_bytes()),
        split=text("train"),
        classes=whole(3).expecting(OPEN, "1,000 times")
        + thing(0, ("too few", 2, WRONG)).mutations[-1:],
        sensor=sensor,
        window=window_slot(1_400_000),
    )


def _write_shd(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, kind in (("times", np.float32), ("units", np.uint16)):
            rows = file.create_dataset(f"spikes/{name}", (3,), dtype=h5py.vlen_dtype(kind))
            for index in range(3):
                rows[index] = np.arange(8).astype(kind) / (10 if name == "times" else 1)
        file["labels"] = np.arange(3)


@case("EventSet.of values")
def _(draw: Draw) -> Call:
    shots = [draw.events() for _ in range(draw.B)]
    y = draw.rand(draw.B, 2)
    wrong = instead(
        y,
        ("nan at one place", torch.full((draw.B, 2), torch.nan), WRONG),
        ("one too few", y[:-1], WRONG),
        ("one too many", torch.cat([y, y[:1]]), WRONG),
        ("of one axis", y[:, 0], WRONG),
        ("of three axes", y[..., None], WRONG),
        ("as lists", y.tolist(), SAME),
        ("as float64", y.double(), OPEN),
        ("asks for gradients", y.clone().requires_grad_(), ALIKE),
        ("of no values", y[:, :0], WRONG),
    )

    def make(labels):
        made = bg.EventSet.of(shots, labels, sensor=draw.sensor(), window=1000)
        return made.y, made.classes

    return Call(make, labels=wrong)
