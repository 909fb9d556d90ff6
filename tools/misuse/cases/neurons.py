"""Neurons and their steps."""

from __future__ import annotations

from arrays import array
from case import OPEN, Call, case
from material import Draw

import biograd as bg

from .network import neuron_params, state_slot


@case("soma_step")
def _(draw: Draw) -> Call:
    return Call(
        bg.soma_step,
        state=state_slot(draw, draw.B, draw.N),
        current=array(draw.randn(draw.B, draw.N), tied=(0, 1), pure=True),
        p=neuron_params(bg.TwoCompartmentParams(alpha_u=0.25 * draw.variant)),
    )


@case("apical_step")
def _(draw: Draw) -> Call:
    p = bg.TwoCompartmentParams(alpha_a=0.25 * draw.variant)
    v_apical, teach = draw.randn(draw.B, draw.N), draw.randn(draw.B, draw.N)
    both = [array(x, tied=(0, 1), pure=True) for x in (v_apical, teach)]
    return Call(bg.apical_step, v_apical=both[0], teach=both[1], p=neuron_params(p))


@case("surrogate_slope")
def _(draw: Draw) -> Call:
    v = array(draw.randn(draw.B, draw.N), axes=range(5), pure=True)
    return Call(bg.surrogate_slope, v=v, p=neuron_params(bg.TwoCompartmentParams()))


@case("TwoCompartmentLIF")
def _(draw: Draw) -> Call:
    return Call(
        bg.TwoCompartmentLIF, params=neuron_params(bg.TwoCompartmentParams(), optional=True)
    )


@case("TwoCompartmentLIF.rest")
def _(draw: Draw) -> Call:
    return Call(
        bg.TwoCompartmentLIF().rest, like=array(draw.rand(draw.B, draw.N), axes=range(5), pure=True)
    )


@case("TwoCompartmentLIF.soma")
def _(draw: Draw) -> Call:
    current = array(draw.randn(draw.B, draw.N), tied=(0, 1), pure=True)
    return Call(
        bg.TwoCompartmentLIF().soma, state=state_slot(draw, draw.B, draw.N), current=current
    )


@case("TwoCompartmentLIF.slope")
def _(draw: Draw) -> Call:
    state = state_slot(draw, draw.B, draw.N).expecting(OPEN, "of ", "trans", "with")
    return Call(bg.TwoCompartmentLIF().slope, state=state)


@case("TwoCompartmentLIF.apical")
def _(draw: Draw) -> Call:
    neuron = bg.TwoCompartmentLIF(bg.TwoCompartmentParams(alpha_a=0.5))
    v_apical, teach = draw.randn(draw.B, draw.N), draw.randn(draw.B, draw.N)
    both = [array(x, tied=(0, 1), pure=True) for x in (v_apical, teach)]
    return Call(neuron.apical, v_apical=both[0], teach=both[1])


@case("LeakyReadout")
def _(draw: Draw) -> Call:
    return Call(bg.LeakyReadout, params=neuron_params(bg.TwoCompartmentParams(), optional=True))


@case("LeakyReadout.rest")
def _(draw: Draw) -> Call:
    like = array(draw.rand(draw.B, draw.N), axes=range(5), pure=True)
    return Call(bg.LeakyReadout().rest, like=like)


@case("LeakyReadout.soma")
def _(draw: Draw) -> Call:
    current = array(draw.randn(draw.B, draw.N), tied=(0, 1), pure=True)
    return Call(bg.LeakyReadout().soma, state=state_slot(draw, draw.B, draw.N), current=current)


@case("LeakyReadout.slope")
def _(draw: Draw) -> Call:
    state = state_slot(draw, draw.B, draw.N).expecting(OPEN, "of ", "trans", "with")
    return Call(bg.LeakyReadout().slope, state=state)


@case("LeakyReadout.apical")
def _(draw: Draw) -> Call:
    v_apical, teach = draw.randn(draw.B, draw.N), draw.randn(draw.B, draw.N)
    both = [array(x, tied=(0, 1), pure=True) for x in (v_apical, teach)]
    return Call(bg.LeakyReadout().apical, v_apical=both[0], teach=both[1])
