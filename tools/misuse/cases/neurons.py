"""Neurons and their steps."""

from __future__ import annotations

import math

import torch
from arrays import array
from case import LEGAL, OPEN, WRONG, Call, case
from material import Draw
from scalars import instead, number, thing, whole

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


def alphas_slot(value: tuple[float, ...], most: float = 1.0):
    """Decays of each neuron."""
    return instead(
        value,
        ("none", (), LEGAL),
        ("as a list", list(value), LEGAL),
        ("as a tensor", torch.tensor(value), LEGAL),
        ("as a matrix", torch.full((2, 2), 0.5), WRONG),
        ("above one", (*value[1:], most + 0.5), WRONG),
        ("below zero", (*value[1:], -0.5), WRONG),
        ("a nan", (*value[1:], math.nan), WRONG),
        ("a word", (*value[1:], "0.5"), WRONG),
        ("a number", 0.5, WRONG),
        ("a string", "0.5", WRONG),
    )


@case("mixed_decays")
def _(draw: Draw) -> Call:
    low, high = number(0.5, 0.0, 0.9, ends="(]"), number(0.9, 0.5, 1.0, ends="[)")
    return Call(bg.mixed_decays, count=whole(5), low=low, high=high)


@case("MixedLIF")
def _(draw: Draw) -> Call:
    params = neuron_params(bg.TwoCompartmentParams(), optional=True)
    both = {"alphas_u": alphas_slot((0.5, 0.6)), "alphas_v": alphas_slot((0.5, 0.9))}
    return Call(bg.MixedLIF, params=params, **both)


@case("AdaptiveLIF")
def _(draw: Draw) -> Call:
    params = neuron_params(bg.AdaptiveParams(rise=0.2), optional=True)
    both = {"alphas_u": alphas_slot((0.5, 0.6)), "alphas_v": alphas_slot((0.5, 0.9))}
    return Call(bg.AdaptiveLIF, params=params, **both)


def adaptive_state(draw: Draw, b: int, n: int):
    """A state whose size another argument fixes, and states of other sizes and kinds."""
    kind = type(bg.AdaptiveLIF().rest(torch.zeros(1, 1)))
    state = kind(*(draw.randn(b, n) for _ in range(4)))
    return thing(
        state,
        ("of one sample more", kind(*(torch.cat([x, x[:1]]) for x in state)), WRONG),
        ("with another axis", kind(*(x[None] for x in state)), OPEN),
        ("of another neuron", bg.SomaState(*state[:3]), WRONG),
        ("of None", kind(None, None, None, None), WRONG),
        ("of complex numbers", kind(*(x.cfloat() for x in state)), WRONG),
        ("of parts of different sizes", kind(state.u, state.v[:1], state.s, state.h[:2]), WRONG),
    )


def _methods(make, state):
    """Cases of the methods of a neuron that `make` makes, of states that `state` draws."""
    name = make.__name__

    @case(f"{name}.rest")
    def _(draw: Draw) -> Call:
        like = array(draw.rand(draw.B, draw.N), axes=range(5), pure=True)
        return Call(make().rest, like=like)

    @case(f"{name}.soma")
    def _(draw: Draw) -> Call:
        current = array(draw.randn(draw.B, draw.N), tied=(0, 1), pure=True)
        slot = state(draw, draw.B, draw.N).expecting(WRONG, "with another")
        return Call(make().soma, state=slot, current=current)

    @case(f"{name}.slope")
    def _(draw: Draw) -> Call:
        slot = state(draw, draw.B, draw.N).expecting(OPEN, "of ", "trans", "with")
        return Call(make().slope, state=slot)

    @case(f"{name}.apical")
    def _(draw: Draw) -> Call:
        v_apical, teach = draw.randn(draw.B, draw.N), draw.randn(draw.B, draw.N)
        both = [array(x, tied=(0, 1), pure=True) for x in (v_apical, teach)]
        return Call(make().apical, v_apical=both[0], teach=both[1])

    @case(f"{name}.check_population")
    def _(draw: Draw) -> Call:
        neuron = make(alphas_v=(0.5, 0.75, 0.9))
        shape = instead(
            (3,),
            ("of maps", (3, 4, 4), LEGAL),
            ("one too many", (4,), WRONG),
            ("one map too few", (2, 3, 3), WRONG),
        )
        return Call(neuron.check_population, shape=shape)


_methods(bg.MixedLIF, state_slot)
_methods(bg.AdaptiveLIF, adaptive_state)
