"""Series in time, padded spikes and sound files."""

from __future__ import annotations

import io
import tempfile
import wave
from pathlib import Path

import torch
from arrays import array, members, set_labels, spikes
from case import LEGAL, OPEN, WRONG, Call, case
from material import Draw
from scalars import generator, number, readable, text, thing, whole

import biograd as bg

from .data import subset_slot

CODING = thing(bg.CodingParams(), ("a dict", {"scale": 1.0}, WRONG), ("a word", "log", WRONG))


@case("SeriesSet")
def _(draw: Draw) -> Call:
    made = draw.series()

    def make(**arguments):
        series = bg.SeriesSet(**arguments)
        return series.spikes([0, 1], draw.T + 2), series.y, len(series), series.inputs

    values = array(made.values, tied=(0,)).expecting(OPEN)
    return Call(
        make,
        values=values.expecting(WRONG, "a nan", "an inf", "axis 1 empty"),
        lengths=array(made.lengths, tied=(0,)).expecting(OPEN),
        y=set_labels(made.y, draw.C),
        classes=whole(draw.C) + thing(0, ("too few", draw.C - 1, WRONG)).mutations[-1:],
        standard=thing(made.standard, ("a dict", {"mean": 0}, WRONG), optional=True),
        coding=CODING,
        name=text("mine"),
        split=text("train"),
        mel=thing(None, ("a dict", {"bands": 3}, WRONG), ("a word", "log", WRONG)),
        names=thing(("a",), ("a list", ["a"], WRONG)).expecting(OPEN, "in a tuple", "an empty"),
    )


def _spikes(name: str):
    @case(f"SeriesSet.{name}")
    def _(draw: Draw) -> Call:
        changes = bg.AugmentParams(stretch=0.1)
        return Call(
            getattr(draw.series(), name),
            members=members(torch.tensor([1, 0, 2]), draw.B),
            steps=whole(draw.T + 2).expecting(OPEN),
            augmentation=thing(
                changes, ("images'", bg.AugmentParams(shift=1), WRONG), optional=True
            ),
            generator=generator(),
        )


for _name in ("spikes", "padded"):
    _spikes(_name)


@case("SeriesSet.subset")
def _(draw: Draw) -> Call:
    return Call(draw.series().subset, indices=subset_slot(draw, draw.B))


@case("SeriesSet.picture")
def _(draw: Draw) -> Call:
    index = whole(0, low=0, high=draw.B - 1)
    index = index.expecting(OPEN, "below the least", "as a list", "None", "an array of two")
    return Call(draw.series().picture, member=index)


@case("SeriesSet.coded")
def _(draw: Draw) -> Call:
    return Call(draw.series().coded, coding=CODING)


def _padded(draw: Draw) -> bg.PaddedSpikes:
    return draw.series().padded(range(draw.B), draw.T + 2)


@case("PaddedSpikes")
def _(draw: Draw) -> Call:
    made = _padded(draw)
    s = spikes(made.s, tied=(1,)).expecting(OPEN)
    return Call(bg.PaddedSpikes, s=s, lengths=array(made.lengths, tied=(0,)).expecting(OPEN))


@case("PaddedSpikes.of")
def _(draw: Draw) -> Call:
    return Call(_padded(draw).of, samples=thing(slice(0, 2), ("all", slice(None), LEGAL)))


@case("PaddedSpikes.to")
def _(draw: Draw) -> Call:
    return Call(_padded(draw).to, device=thing("cpu", ("the same", torch.device("cpu"), LEGAL)))


@case("read_wav")
def _(draw: Draw) -> Call:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(200))
    path = Path(tempfile.gettempdir()) / "misuse.wav"
    path.write_bytes(content.getvalue())
    return Call(
        bg.read_wav,
        errors=(OSError,),
        path=readable(path),
        rate=whole(4000, low=0).expecting(OPEN),
        max_seconds=number(1.0, 0.0, ends="()").expecting(OPEN),
    )


@case("Listener")
def _(draw: Draw) -> Call:
    series = draw.series()
    net = bg.Network((series.inputs, 5, draw.C))
    return Call(
        bg.Listener,
        net=thing(net, ("its layers", net.layers, WRONG)),
        standard=thing(series.standard, ("its mean", series.standard.mean, WRONG)),
        coding=CODING + thing(0, optional=True).mutations,
        mel=thing(None, ("a dict", {"bands": 3}, WRONG), ("40 bands", bg.MelParams(), WRONG)),
    )


@case("Listener.for_series")
def _(draw: Draw) -> Call:
    series = draw.series()
    net = bg.Network((series.inputs, 5, draw.C))
    return Call(
        bg.Listener.for_series,
        net=thing(net, ("its layers", net.layers, WRONG)),
        series=thing(
            series, ("its values", series.values, WRONG), ("trains", draw.trains(), WRONG)
        ),
    )


@case("Listener.hear")
def _(draw: Draw) -> Call:
    series = draw.series()
    listener = bg.Listener.for_series(bg.Network((series.inputs, 5, draw.C)), series)
    state = listener.start()
    return Call(
        lambda **arguments: listener.hear(**arguments)[0],
        state=thing(state, ("a tuple", tuple(state), WRONG), ("its sums", state.sums, WRONG)),
        chunk=array(series[1][0]).expecting(OPEN),
    )


@case("anytime")
def _(draw: Draw) -> Call:
    series = draw.series()
    net = bg.Network((series.inputs, 5, draw.C))
    return Call(
        bg.anytime,
        net=thing(net, ("its layers", net.layers, WRONG)),
        series=thing(
            series, ("its values", series.values, WRONG), ("trains", draw.trains(), WRONG)
        ),
        batch=whole(3).expecting(OPEN, "huge"),
    )
