"""Convolutions, pools, and networks of them."""

from __future__ import annotations

from arrays import labels, spikes
from case import LEGAL, OPEN, WRONG, Call, Slot, case
from material import Draw
from scalars import generator, instead, thing, whole

import biograd as bg

POOLS = {"AvgPool2d": bg.AvgPool2d, "SumPool2d": bg.SumPool2d, "MaxPool2d": bg.MaxPool2d}
MAPS = (2, 6, 6)  # channels, rows, columns before a convolution


def _shape(value: tuple[int, ...] = MAPS) -> Slot:
    """The shape of maps."""
    return instead(
        value,
        ("as a list", list(value), OPEN),
        ("of another width", (*value[:-1], 7), LEGAL),
        ("of one axis", (72,), WRONG),
        ("of two axes", value[1:], WRONG),
        ("None", None, WRONG),
        ("an int", 6, WRONG),
        ("a word", "2x6x6", WRONG),
        ("of words", ("2", "6", "6"), WRONG),
        ("of halves", (2.5, 6, 6), WRONG),
        ("of small maps", (2, 1, 1), WRONG),
    )


@case("Conv2d")
def _(draw: Draw) -> Call:
    return Call(
        bg.Conv2d,
        channels=whole(4).expecting(OPEN, "huge"),
        kernel=whole(3).expecting(OPEN, "huge"),
        stride=whole(1).expecting(OPEN, "huge"),
        padding=whole(1, low=0, optional=True).expecting(OPEN, "huge"),
        dilation=whole(1).expecting(OPEN, "huge"),
        groups=whole(1).expecting(OPEN, "1,000").expecting(WRONG, "huge"),
        pool=thing(bg.MaxPool2d(2), ("its window", 2, WRONG), optional=True),
    )


@case("Conv2d.out_shape")
def _(draw: Draw) -> Call:
    return Call(bg.Conv2d(3, 3, padding=0).out_shape, shape=_shape())


@case("Dense")
def _(draw: Draw) -> Call:
    return Call(bg.Dense, size=whole(4))


@case("Dense.out_shape", most=4)
def _(draw: Draw) -> Call:
    return Call(bg.Dense(4).out_shape, shape=Slot(MAPS))


def _pool(name: str) -> None:
    @case(name)
    def _(draw: Draw) -> Call:
        return Call(POOLS[name], window=whole(2), stride=whole(1, optional=True))

    @case(f"{name}.out_shape")
    def _(draw: Draw) -> Call:
        return Call(POOLS[name](2).out_shape, shape=_shape())


for _name in POOLS:
    _pool(_name)


def convolutional(draw: Draw) -> bg.Network:
    """A network of a convolution, a pool and two dense layers."""
    parts = (bg.Conv2d(3, 3), POOLS[sorted(POOLS)[draw.variant % 3]](2), draw.H, draw.C)
    return bg.Network(MAPS, parts, generator=draw.seeded())


@case("Network of convolutions")
def _(draw: Draw) -> Call:
    parts = [bg.Conv2d(3, 3), bg.MaxPool2d(2), draw.H, draw.C]
    layers = instead(
        parts,
        ("as a tuple", tuple(parts), LEGAL),
        ("in words", f"3c3-max2-{draw.H}-{draw.C}", LEGAL),
        ("in other words", "three kernels", WRONG),
        ("empty words", "", WRONG),
        ("none", [], WRONG),
        ("an int", 3, WRONG),
        ("of a word", [*parts[:-1], "10"], WRONG),
        ("of None", [*parts[:-1], None], WRONG),
        ("of a class", [bg.Flatten, *parts], WRONG),
        ("of a pool at the end", [*parts, bg.MaxPool2d(2)], WRONG),
        ("of a convolution at the end", parts[:1], WRONG),
        ("of too many pools", [parts[0], *[bg.MaxPool2d(2)] * 4, draw.C], WRONG),
        ("of an empty layer", [0, draw.C], WRONG),
    )
    return Call(bg.Network, default=OPEN, sizes=_shape(), layers=layers, generator=generator())


@case("LocalLearner.step of convolutions")
def _(draw: Draw) -> Call:
    net = convolutional(draw)
    learner = bg.LocalLearner(net, bg.sleep_aligned(net, generator=draw.seeded()))
    s = draw.rand(draw.T, draw.B, *MAPS).round()

    def step(spikes, labels):
        result = learner.step(spikes, labels)
        return result, [parameter.grad for parameter in net.parameters()]

    slot = spikes(s, tied=(1, 2, 3, 4), axes=(3, 5)).expecting(WRONG, "axis 0 empty")
    return Call(step, spikes=slot, labels=labels(draw.labels(draw.B), draw.C))


@case("Network.step_with_paths")
def _(draw: Draw) -> Call:
    net = convolutional(draw)
    states = thing(net.rest(draw.B), ("one too few", net.rest(draw.B)[:-1], WRONG))
    s = draw.rand(draw.B, *MAPS).round()
    slot = spikes(s, tied=(0, 1, 2, 3), axes=(2, 4))
    return Call(lambda **arguments: net.step_with_paths(**arguments)[0], states=states, spikes=slot)


@case("Flatten", most=4)
def _(draw: Draw) -> Call:
    return Call(lambda: bg.Network(MAPS, [bg.Conv2d(3, 3), bg.Flatten(), draw.C]).shapes)


@case("Layer of convolutions")
def _(draw: Draw) -> Call:
    connection = thing(bg.Conv2d(3, 3), ("a pool", bg.MaxPool2d(2), WRONG)).expecting(
        OPEN, "an int"
    )
    pools = thing([bg.MaxPool2d(2)], ("of a number", [2], WRONG)).expecting(OPEN, "in a tuple")
    return Call(
        bg.Layer,
        default=OPEN,
        inputs=_shape().expecting(OPEN, "an int"),
        connection=connection,
        pools=pools.expecting(WRONG, "in a tuple"),
        generator=generator(),
    )
