"""Learning rules and traces."""

from __future__ import annotations

import torch
from arrays import array, spikes
from case import OPEN, WRONG, Call, case
from material import Draw
from scalars import thing, whole

import biograd as bg
from biograd import traces

KINDS = {"Eligibility": bg.Eligibility, "Factorised": bg.Factorised}


@case("Eligibility")
def _(draw: Draw) -> Call:
    neuron = bg.TwoCompartmentParams()
    params = thing(bg.TraceParams(), ("of a neuron", neuron, WRONG), optional=True)
    return Call(bg.Eligibility, trace=params)


@case("Factorised", most=4)
def _(draw: Draw) -> Call:
    return Call(bg.Factorised)


@case("TraceParams.like")
def _(draw: Draw) -> Call:
    params = bg.TwoCompartmentParams()
    neuron = ("the neuron itself", bg.TwoCompartmentLIF(), WRONG)
    return Call(bg.TraceParams.like, neuron=thing(params, neuron))


def _rule(name: str):
    make = KINDS[name]

    @case(f"{name}.start")
    def _(draw: Draw) -> Call:
        g, s_pre = draw.randn(draw.B, draw.H), draw.rand(draw.B, draw.N).round()
        return Call(
            make().start,
            g=array(g).expecting(OPEN),  # sizes are taken here, and held to in `step`
            s_pre=spikes(s_pre).expecting(OPEN),
        )

    @case(f"{name}.step")
    def _(draw: Draw) -> Call:
        g, s_pre = draw.randn(draw.B, draw.H), draw.rand(draw.B, draw.N).round()
        rule, other = make(), KINDS["Factorised" if name == "Eligibility" else "Eligibility"]()
        more = rule.start(torch.cat([g, g[:1]]), torch.cat([s_pre, s_pre[:1]]))
        state = thing(
            rule.start(g, s_pre),
            ("of one sample more", more, WRONG),
            ("of one neuron more", rule.start(torch.cat([g, g[:, :1]], 1), s_pre), WRONG),
            ("of one input more", rule.start(g, torch.cat([s_pre, s_pre[:, :1]], 1)), WRONG),
            ("of the other rule", other.start(g, s_pre), WRONG),
        )
        return Call(
            rule.step,
            state=state,
            g=array(g, tied=(0, 1), pure=True),
            s_pre=spikes(s_pre, tied=(0, 1), pure=True, nonfinite=OPEN),
        )

    @case(f"{name}.finish")
    def _(draw: Draw) -> Call:
        g, s_pre = draw.randn(draw.B, draw.H), draw.rand(draw.B, draw.N).round()
        rule, other = make(), KINDS["Factorised" if name == "Eligibility" else "Eligibility"]()
        state = rule.step(rule.start(g, s_pre), g, s_pre)
        wrong = ("of the other rule", other.start(g, s_pre), WRONG)
        return Call(rule.finish, state=thing(state, wrong), steps=whole(draw.T))

    @case(f"{name}.over_time")
    def _(draw: Draw) -> Call:
        g = draw.randn(draw.T, draw.B, draw.H)
        s_pre = (draw.rand(draw.T, draw.B, draw.N) < 0.4).float()
        return Call(
            make().over_time,
            g=array(g, tied=(0, 1)).expecting(WRONG, "axis 0 empty", "axis 1 empty"),
            s_pre=spikes(s_pre, tied=(0, 1), nonfinite=OPEN),
        )


for _name in KINDS:
    _rule(_name)


@case("trace_step")
def _(draw: Draw) -> Call:
    s = draw.rand(draw.B, draw.N).round()
    state = traces.rest(s)
    return Call(
        bg.trace_step,
        state=thing(
            state,
            ("of one sample more", traces.rest(torch.zeros(draw.B + 1, draw.N)), WRONG),
            ("of one neuron more", traces.rest(torch.zeros(draw.B, draw.N + 1)), WRONG),
            ("transposed", traces.rest(s.T), WRONG),
            ("with another axis", traces.rest(s[None]), WRONG),
            ("a plain tuple", tuple(state), OPEN),
            ("too short", (state.x,), WRONG),
            ("of None", traces.TraceState(None, None), WRONG),
            ("of NumPy arrays", traces.TraceState(*(part.numpy() for part in state)), OPEN),
        ),
        s=spikes(s, tied=(0, 1), pure=True, nonfinite=OPEN),
        p=thing(bg.TraceParams(), ("of a neuron", bg.TwoCompartmentParams(), WRONG)),
    )
