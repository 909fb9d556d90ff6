"""Feedback paths and sleep."""

from __future__ import annotations

from arrays import array
from case import LEGAL, OPEN, WRONG, Call, case
from material import DOUBLE, PLAIN, RECURRENT, Draw
from scalars import generator, number, thing, whole

import biograd as bg

KINDS = {"RandomDFA": bg.RandomDFA, "SleepAligned": bg.SleepAligned, "Symmetric": bg.Symmetric}
KINDS |= {"LayeredRandom": bg.LayeredRandom, "LayeredSleep": bg.LayeredSleep}
KINDS |= {"LayeredSymmetric": bg.LayeredSymmetric}


def net_slot(net: bg.Network, *others):
    """A network; its sizes and its weights are none."""
    return thing(
        net,
        ("its sizes", net.sizes, WRONG),
        ("its layers", net.layers, WRONG),
        ("a layer", net.layers[0], WRONG),
        *others,
    )


def feedback_slot(draw: Draw, net: bg.Network, feedback: bg.Feedback, *others):
    """The feedback path of a network, and those of other networks."""
    sizes = (draw.N, draw.H + 3, draw.H + 4, draw.C)
    wider, shallow = bg.Network(sizes), bg.Network(net.sizes[-2:])
    more = bg.Network((*net.sizes[:-1], draw.C + 1))
    return thing(
        feedback,
        ("of a network of other hidden sizes", type(feedback)(wider), WRONG),
        ("of a network of fewer layers", type(feedback)(shallow), WRONG),
        ("of a network of more classes", type(feedback)(more), WRONG),
        ("its network", net, WRONG),
        ("its weights", [feedback.weights(0)], WRONG),
        *others,
    )


def _construct(name: str):
    @case(name)
    def _(draw: Draw) -> Call:
        draws = generator().expecting(OPEN) if name.endswith("Symmetric") else generator()
        return Call(KINDS[name], default=OPEN, net=net_slot(draw.net()), generator=draws)

    @case(f"{name}.weights")
    def _(draw: Draw) -> Call:
        feedback = KINDS[name](draw.net(), generator=draw.seeded())
        return Call(feedback.weights, hidden=whole(draw.variant % 2, low=0, high=1))


def _project(name: str):
    @case(f"{name}.project")
    def _(draw: Draw) -> Call:
        net = draw.net()
        feedback = KINDS[name](net, generator=draw.seeded()).to(draw.dtype)
        err = draw.randn(draw.T, draw.B, draw.C).to(draw.dtype)
        return Call(
            feedback.project,
            err=array(err, tied=(2,), axes=(2, 3, 4)),
            hidden=whole(0, low=0, high=1),
        )


for _name in KINDS:
    _construct(_name)
    if not KINDS[_name].layered:
        _project(_name)


def _sleeps(name: str):
    kind = KINDS[name]

    @case(f"{name}.align")
    def _(draw: Draw) -> Call:
        net = draw.net(kind=draw.variant % 2)
        feedback = kind(net, generator=draw.seeded())

        def align(hidden, coincidence, decay):
            feedback.align(hidden, coincidence, decay)
            return list(feedback.w_fb), feedback.gain

        return Call(
            align,
            hidden=whole(0, low=0, high=1).without("one more"),
            coincidence=array(draw.randn(*feedback.weights(0).shape), tied=(0, 1), nonfinite=WRONG),
            decay=number(0.1, 0.0, 1.0),
        )

    @case(f"{name}.set_gain")
    def _(draw: Draw) -> Call:
        feedback = kind(draw.net(kind=draw.variant % 2), generator=draw.seeded())

        def set_gain(hidden):
            feedback.set_gain(hidden)
            return list(feedback.w_fb), feedback.gain

        return Call(set_gain, hidden=whole(0, low=0, high=1))


for _name in ("SleepAligned", "LayeredSleep"):
    _sleeps(_name)


@case("sleep_aligned")
def _(draw: Draw) -> Call:
    return Call(bg.sleep_aligned, default=OPEN, net=net_slot(draw.net()), generator=generator())


@case("feedback_angles")
def _(draw: Draw) -> Call:
    net = draw.net()
    other = net_slot(net, ("of fewer layers", draw.net(deep=False), OPEN))
    return Call(
        bg.feedback_angles, net=other, feedback=feedback_slot(draw, net, draw.feedback(net))
    )


@case("feedback_angle")
def _(draw: Draw) -> Call:
    net = draw.net()
    return Call(
        bg.feedback_angle,
        net=net_slot(net, ("of fewer layers", draw.net(deep=False), OPEN)),
        feedback=feedback_slot(draw, net, draw.feedback(net)),
        hidden=whole(0, low=0, high=1),
    )


@case("sleep_phase")
def _(draw: Draw) -> Call:
    net = draw.net(kind=draw.variant % 2)
    feedback = bg.SleepAligned(net, generator=draw.seeded())
    p = bg.SleepParams(steps=20)
    deaf = [("of a kind that does not learn", bg.RandomDFA(net), WRONG)]

    def night(net, feedback, p, generator):
        bg.sleep_phase(net, feedback, p, generator=generator)
        return list(feedback.w_fb), feedback.gain, [layer.w for layer in net.layers]

    return Call(
        night,
        default=OPEN,
        net=net_slot(
            net,
            ("of fewer layers", draw.net(kind=PLAIN, deep=False), WRONG),
            ("recurrent", draw.net(kind=RECURRENT), LEGAL),
            ("of float64", draw.net(kind=DOUBLE), OPEN),
        ),
        feedback=feedback_slot(draw, net, feedback, *deaf),
        p=thing(p, ("the steps", 20, WRONG), ("of training", bg.TrainParams(), WRONG)),
        generator=generator(optional=True),
    )


@case("first_night")
def _(draw: Draw) -> Call:
    net = draw.net(kind=draw.variant % 2)
    feedback = bg.SleepAligned(net, generator=draw.seeded())
    p = bg.SleepParams(steps=20, first_night=1)

    def night(net, feedback, p, generator):
        bg.first_night(net, feedback, p, generator=generator)
        return list(feedback.w_fb), feedback.gain

    return Call(
        night,
        default=OPEN,
        net=net_slot(net),
        feedback=feedback_slot(draw, net, feedback),
        p=thing(p, ("the steps", 20, WRONG)),
        generator=generator(optional=True),
    )


@case("sleep_phase of another neuron")
def _(draw: Draw) -> Call:
    net = draw.net(kind=PLAIN)
    strange = draw.net(kind=2)

    def night(net):
        feedback = bg.SleepAligned(net, generator=draw.seeded())
        bg.sleep_phase(net, feedback, bg.SleepParams(steps=20), generator=draw.seeded())
        return list(feedback.w_fb)

    return Call(night, default=OPEN, net=thing(net, ("of a user's neuron", strange, WRONG)))
