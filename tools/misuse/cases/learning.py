"""The local learner and its step."""

from __future__ import annotations

from arrays import labels, spikes, targets
from case import ALIKE, LEGAL, OPEN, WRONG, Call, case
from material import PLAIN, RECURRENT, USER_NEURON, Draw
from scalars import thing, whole, word

import biograd as bg

from .feedback import feedback_slot, net_slot
from .network import packed_slot


def learned(learner: bg.LocalLearner):
    """A function that takes a learning step and returns its result and every gradient."""

    def step(spikes, labels):
        result = learner.step(spikes, labels)
        return result, [parameter.grad for parameter in learner.net.parameters()]

    return step


@case("LocalLearner")
def _(draw: Draw) -> Call:
    net = draw.net(kind=draw.variant % 3)
    layers = len(net.layers)
    rules = [bg.Eligibility()] * layers
    order = word("layer", ["online"])
    y, s = draw.labels(draw.B), (draw.rand(draw.T, draw.B, draw.N) < 0.4).float()

    def learn(**arguments):
        learner = bg.LocalLearner(**arguments)
        return learned(learner)(s, y)

    strange = bg.ClassWeighted(bg.SignedSpikes(), draw.rand(draw.C + 1))
    error = thing(
        bg.SignedSpikes(),
        ("a key of the table", "signed", WRONG),
        ("weights for other classes", strange, WRONG),
        ("of a running rate", bg.RunningRate(), LEGAL),
        optional=True,
    )
    rule = thing(
        rules if draw.variant % 2 else bg.Eligibility(),
        ("one too many", [*rules, bg.Eligibility()], WRONG),
        ("one too few", rules[:-1], WRONG),
        ("none", [], OPEN),
        ("one of them a string", [*rules[:-1], "eligibility"], WRONG),
        ("a key of the table", "eligibility", WRONG),
        ("one per layer", [bg.Factorised()] * layers, LEGAL),
        optional=True,
    ).without("in a tuple")
    readout = thing(
        bg.Classes(),
        ("real values", bg.Values(0.0, 1.0), WRONG),
        ("the labels", y, WRONG),
        optional=True,
    )
    return Call(
        learn,
        net=net_slot(net),
        feedback=feedback_slot(draw, net, draw.feedback(net), ("a key of the table", "dfa", WRONG)),
        error=error,
        rule=rule.expecting(OPEN, "an empty dict"),
        readout=readout,
        order=order,
        threads=whole(1 + draw.variant % 2).expecting(OPEN, "1,000 times", "one more"),
    )


def _parts(draw: Draw, kind: int | None = None) -> tuple[bg.Network, bg.Feedback]:
    net = draw.net(kind=kind)
    return net, draw.feedback(net)


def _step(name: str, *, kind: int | None = None, **options):
    @case(name)
    def _(draw: Draw) -> Call:
        net, feedback = _parts(draw, kind)
        learner = bg.LocalLearner(net, feedback, **options)
        s = draw.spikes(draw.T, draw.B, draw.N).to(net.layers[0].w.dtype)
        spike_slot = spikes(s, tied=(1, 2)).expecting(WRONG, "axis 0 empty")
        if options.get("order") == "online":  # steps in Python: 20 s are not enough
            spike_slot = spike_slot.without("axis 0 100")
        return Call(learned(learner), spikes=spike_slot, labels=labels(draw.labels(draw.B), draw.C))


_step("LocalLearner.step")
_step("LocalLearner.step, two threads", threads=2)
_step("LocalLearner.step, online", kind=PLAIN, order="online")
_step("LocalLearner.step, online, recurrent", kind=RECURRENT, order="online", threads=2)
_step("LocalLearner.step, factorised", kind=PLAIN, rule=bg.Factorised(), error=bg.FinalRate())
_step("LocalLearner.step, user's neuron", kind=USER_NEURON, error=bg.RunningRate())


@case("LocalLearner.step of trains")
def _(draw: Draw) -> Call:
    net, feedback = _parts(draw, draw.variant % 3)
    learner = bg.LocalLearner(net, feedback, threads=1 + draw.variant % 2)
    t = 40 if draw.variant == 3 else draw.T  # more steps than a word holds
    spike_slot = packed_slot(draw, t, draw.B, draw.N)
    fewer = (draw.rand(t, draw.B - 1, draw.N) < 0.4).float()
    packed = type(spike_slot.value).pack
    spike_slot += thing(0, ("of one sample less", packed(fewer), WRONG)).mutations[-1:]
    spike_slot = spike_slot.expecting(WRONG, "of 0 steps")
    return Call(learned(learner), spikes=spike_slot, labels=labels(draw.labels(draw.B), draw.C))


@case("LocalLearner.step of values")
def _(draw: Draw) -> Call:
    net, feedback = _parts(draw, draw.variant % 3)
    readout = bg.Values(-1.0, 2.0)
    learner = bg.LocalLearner(net, feedback, readout=readout)
    s = (draw.rand(draw.T, draw.B, draw.N) < 0.4).float()
    y = draw.rand(draw.B, draw.C) * 3 - 1
    spike_slot = spikes(s, tied=(1, 2)).expecting(WRONG, "axis 0 empty")
    wished = targets(y, -1, 2).expecting(ALIKE, "asks for").expecting(OPEN, "as a", "as obj")
    return Call(learned(learner), spikes=spike_slot, labels=wished)


@case("LocalLearner.step with class weights")
def _(draw: Draw) -> Call:
    net, feedback = _parts(draw, draw.variant % 3)
    weights = thing(
        draw.rand(draw.C) + 0.5,
        ("one too few", draw.rand(draw.C - 1) + 0.5, WRONG),
        ("one too many", draw.rand(draw.C + 1) + 0.5, WRONG),
        ("1,000 times as many", draw.rand(1000 * draw.C) + 0.5, WRONG),
        ("one", draw.rand(1) + 0.5, WRONG),
        ("of two axes", draw.rand(draw.C, 1) + 0.5, WRONG),
        ("of float64", draw.rand(draw.C).double() + 0.5, OPEN),
        ("a list", [1.0] * draw.C, OPEN),
    ).without("its class", "in a tuple", "a tensor")
    s, y = (draw.rand(draw.T, draw.B, draw.N) < 0.4).float(), draw.labels(draw.B)

    def learn(weights):
        error = bg.ClassWeighted(bg.SignedSpikes(), weights)
        return learned(bg.LocalLearner(net, feedback, error=error))(s, y)

    return Call(learn, weights=weights)
