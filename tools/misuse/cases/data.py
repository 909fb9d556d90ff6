"""Images, encoders, sets of images and of spike trains, and data sets by name."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from arrays import array, images, members, set_labels, spikes
from case import LEGAL, OPEN, SAME, WRONG, Call, Slot, case
from material import Draw
from scalars import generator, readable, text, thing, whole, word

import biograd as bg
from biograd.data import datasets

ENCODERS = {
    "integrate_and_fire": bg.integrate_and_fire,
    "bernoulli": bg.bernoulli,
    "latency": bg.latency,
    "direct": bg.direct,
}


def encoder_slot(value, *, optional: bool = False):
    """A function from images to spikes."""
    return thing(
        value,
        ("its name", "latency", WRONG),
        ("a function of another kind", torch.zeros_like, WRONG),
        ("a method without arguments", "text".upper, WRONG),
        ("another", bg.latency, LEGAL),
        optional=optional,
    )


def steps_slot(value: int) -> Slot:
    """Time steps of one sample."""
    return whole(value).expecting(WRONG, "huge")


def _encoder(name: str):
    @case(name)
    def _(draw: Draw) -> Call:
        # No encoder meets pixels that are not in 0..1 silently.
        x = images(draw.rand(draw.B, draw.N)).expecting(OPEN, "as ", "asks")
        draws = generator().without("None") if name == "bernoulli" else generator().expecting(OPEN)
        return Call(ENCODERS[name], default=OPEN, x=x, steps=steps_slot(draw.T), generator=draws)


for _name in ENCODERS:
    _encoder(_name)


@case("encode")
def _(draw: Draw) -> Call:
    x = draw.images().x
    slot = images(x, axes=(2, 3, 4)).expecting(OPEN, "first axis", "last axis", "a single")
    if x.dtype == torch.uint8:
        slot = slot.expecting(OPEN, "as float", "as bool")
    function = list(ENCODERS.values())[draw.variant % 3]
    draws = generator() if function is bg.bernoulli else generator().expecting(OPEN)
    return Call(
        bg.encode,
        default=OPEN,
        x=slot.expecting(OPEN, "an expanded"),
        encoder=encoder_slot(function),
        steps=steps_slot(draw.T),
        generator=draws.without("None"),
    )


@case("ImageSet")
def _(draw: Draw) -> Call:
    x = draw.images().x
    y = set_labels(draw.labels(draw.B), draw.C)

    def make(**arguments):
        made = bg.ImageSet(**arguments)
        return made.x, made.y, len(made), made.inputs

    return Call(
        make,
        name=text("mine"),
        split=text("train"),
        x=images(x, tied=(0,), axes=(2, 3, 4)).expecting(WRONG, "axis 0 empty"),
        y=y,
        classes=whole(draw.C) + thing(0, ("too few", draw.C - 1, WRONG)).mutations[-1:],
    )


def subset_slot(draw: Draw, n: int) -> Slot:
    """Indices of a subset."""
    return members(torch.tensor([1, 0, 2]), n, all_of=True)


@case("ImageSet.subset")
def _(draw: Draw) -> Call:
    return Call(draw.images().subset, indices=subset_slot(draw, draw.B))


def _picture(name: str, make):
    @case(f"{name}.picture")
    def _(draw: Draw) -> Call:
        index = whole(0, low=0, high=draw.B - 1)
        index = index.expecting(OPEN, "below the least", "as a list", "None", "an array of two")
        return Call(make(draw).picture, member=index)


_picture("ImageSet", lambda draw: draw.images())
_picture("SpikeSet", lambda draw: draw.trains())


def _trains(draw: Draw, **changes):
    s, y = (draw.rand(draw.B, draw.T, draw.N) < 0.4), draw.labels(draw.B)
    return {"s": s, "y": y, "classes": draw.C} | changes


@case("SpikeSet")
def _(draw: Draw) -> Call:
    parts = _trains(draw)
    kind = (torch.bool, torch.uint8, torch.float32, torch.int64)[draw.variant]
    s = spikes(parts["s"].to(kind), tied=(0,)).expecting(WRONG, "axis 1 empty", "axis 2 empty")
    s = s.expecting(WRONG, "0.5", "2.0", "-1.0", "1e")
    if kind == torch.bool:  # any number is True
        s = s.without("0.5", "2.0", "-1.0", "1e")
    elif not kind.is_floating_point:
        s = s.without("0.5", "1e", *(["-1.0"] if kind == torch.uint8 else []))

    def make(**arguments):
        made = bg.SpikeSet(**arguments)
        return made.spikes(torch.arange(2), made.s.shape[1]), made.y, len(made), made.inputs

    return Call(
        make,
        s=s,
        y=set_labels(parts["y"], draw.C),
        classes=whole(draw.C) + thing(0, ("too few", draw.C - 1, WRONG)).mutations[-1:],
        name=text("mine"),
        split=text("train"),
    )


def change_slot(*, elastic: bool = False) -> Slot:
    """Random changes of samples."""
    return thing(
        bg.AugmentParams(),
        ("a dict", {"shift": 1}, WRONG),
        ("bent", bg.AugmentParams(elastic=1.0), OPEN if elastic else WRONG),
        optional=True,
    )


@case("SpikeSet.spikes")
def _(draw: Draw) -> Call:
    trains = bg.SpikeSet(**_trains(draw))
    shift = ("shifted", bg.AugmentParams(shift=1), WRONG)
    return Call(
        trains.spikes,
        members=members(torch.tensor([1, 0, 2]), draw.B),
        steps=whole(draw.T, tied=True),
        augmentation=change_slot() + thing(0, shift).mutations[-1:],
        generator=generator().expecting(OPEN),
    )


@case("SpikeSet.subset")
def _(draw: Draw) -> Call:
    return Call(bg.SpikeSet(**_trains(draw)).subset, indices=subset_slot(draw, draw.B))


@case("validation_split")
def _(draw: Draw) -> Call:
    sets = (draw.images(), draw.recordings(), draw.trains(), draw.images())
    part = sets[draw.variant]
    return Call(
        bg.validation_split,
        train=thing(part, ("its images", draw.images().x, WRONG), ("a list", [1, 2], WRONG)),
        n=whole(2, high=draw.B - 1),
        seed=whole(0, low=None).expecting(OPEN, "plus a half", "as a string", "None", "nan", "inf"),
    )


def digits(root, split, progress) -> bg.ImageSet:
    """A data set of a few images, in the place of one that has to be fetched."""
    x = torch.randint(0, 256, (30, 4, 3), generator=torch.Generator().manual_seed(0))
    return bg.ImageSet("mnist", split, x.to(torch.uint8), torch.arange(30) % 10, 10)


def replace_downloads() -> None:
    """Let MNIST and its kin be a few random images, so that nothing is fetched."""
    for name in ("mnist", "fashion"):
        datasets.DATASETS[name] = digits


@case("load")
def _(draw: Draw) -> Call:
    folder = Path(tempfile.gettempdir())
    root = readable(folder / "data").expecting(OPEN)
    return Call(
        lambda **arguments: bg.load(**arguments).x,
        errors=(OSError,),
        name=word("mnist", ["fashion"], wrong=["cifar", "nmnist", "shd"]),
        split=word("train", ["test"], wrong=["validation", "Train"]),
        root=root.expecting(LEGAL, "missing"),
        progress=thing(lambda *parts: None, optional=True).expecting(OPEN),
    )


@case("ImageSet of values")
def _(draw: Draw) -> Call:
    x, y = draw.images().x, draw.rand(draw.B, 2)
    wrong = array(y, tied=(0,), nonfinite=WRONG, cast=OPEN, empty=WRONG)

    def make(y):
        return bg.ImageSet("mine", "train", x, y, 2).y

    return Call(
        make,
        y=wrong.expecting(OPEN, "axis 1", "last", "as a", "trans").expecting(
            SAME, "as a NumPy", "as a list"
        ),
    )
