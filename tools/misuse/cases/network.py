"""Networks, layers and their steps."""

from __future__ import annotations

import torch
from arrays import array, spikes
from case import LEGAL, OPEN, WRONG, Call, Mutation, case
from material import DOUBLE, PLAIN, USER_NEURON, Draw, Leaky
from scalars import counts, flag, generator, instead, thing, whole

import biograd as bg
from biograd.kernels.packed_spikes import PackedSpikes


def soma_state(draw: Draw, b: int, n: int) -> bg.SomaState:
    """A state of b samples and n neurons."""
    return bg.SomaState(draw.rand(b, n), draw.rand(b, n), (draw.rand(b, n) < 0.3).float())


def state_slot(draw: Draw, b: int, n: int):
    """A state whose size another argument fixes, and states of other sizes and dtypes."""
    state = soma_state(draw, b, n)
    return thing(
        state,
        ("of one sample more", soma_state(draw, b + 1, n), WRONG),
        ("of one neuron more", soma_state(draw, b, n + 1), WRONG),
        ("transposed", bg.SomaState(*(part.T for part in state)), WRONG),
        ("with another axis", bg.SomaState(*(part[None] for part in state)), WRONG),
        ("as a plain tuple", tuple(state), OPEN),
        ("too short", tuple(state)[:2], WRONG),
        ("of None", bg.SomaState(None, None, None), WRONG),
        ("of float64", bg.SomaState(*(part.double() for part in state)), OPEN),
        ("of complex numbers", bg.SomaState(*(part.cfloat() for part in state)), WRONG),
        ("of NumPy arrays", bg.SomaState(*(part.numpy() for part in state)), OPEN),
        ("of floats", bg.SomaState(0.0, 0.0, 0.0), OPEN),
        ("of parts of different sizes", bg.SomaState(state.u, state.v[:1], state.s[:2]), WRONG),
    )


def neuron_params(value: bg.TwoCompartmentParams, *, optional: bool = False):
    """The constants of a neuron."""
    return thing(
        value,
        ("a dict of them", {"alpha_u": 0.5, "alpha_v": 0.5, "alpha_a": 0.0, "window": 1.0}, WRONG),
        ("the constants of a trace", bg.TraceParams(), WRONG),
        ("a number", 0.5, WRONG),
        optional=optional,
    )


def neuron_slot(layers: int = 0):
    """The neuron of a layer, or of each of so many."""
    others = (
        []
        if not layers
        else [
            ("one per layer", [bg.TwoCompartmentLIF()] * layers, LEGAL),
            ("one too many", [bg.TwoCompartmentLIF()] * (layers + 1), WRONG),
            ("one too few", [bg.TwoCompartmentLIF()] * (layers - 1), WRONG),
            ("one of them a string", [bg.TwoCompartmentLIF()] * (layers - 1) + ["lif"], WRONG),
            ("one of them None", [bg.TwoCompartmentLIF()] * (layers - 1) + [None], WRONG),
        ]
    )
    return thing(
        bg.TwoCompartmentLIF(),
        ("the class of a user's neuron", Leaky, WRONG),
        ("its constants", bg.TwoCompartmentParams(), WRONG),
        ("a torch module", torch.nn.Linear(2, 2), WRONG),
        *others,
        optional=True,
    )


@case("Network")
def _(draw: Draw) -> Call:
    sizes = (draw.N, draw.H, draw.H + 1, draw.C)
    several = flag(draw.variant == 1)
    several += thing(
        False,
        ("one per hidden layer", (True, False), LEGAL),
        ("one too many", (True, False, True), WRONG),
        ("words", ("yes", "no"), WRONG),
    ).mutations[-3:]
    return Call(
        bg.Network,
        default=OPEN,
        sizes=counts(sizes, least=2).expecting(OPEN, "one more", "the first"),
        neuron=neuron_slot().without("in a tuple") if draw.variant % 2 else neuron_slot(3),
        recurrent=several,
        delays=whole(3, low=0, high=62),
        generator=generator(),
    )


@case("Layer")
def _(draw: Draw) -> Call:
    return Call(
        bg.Layer,
        default=OPEN,
        inputs=whole(draw.N).expecting(OPEN, "as a list"),  # the shape of one axis
        connection=whole(draw.H),
        neuron=neuron_slot(),
        recurrent=flag(False),
        delays=whole(3, low=0, high=62),
        generator=generator(),
    )


@case("Layer.current")
def _(draw: Draw) -> Call:
    net = draw.net()
    s = draw.spikes(draw.T, draw.B, draw.N)
    return Call(net.layers[0].current, s=spikes(s, tied=(2,), axes=(2, 3, 4), nonfinite=OPEN))


@case("Layer.step")
def _(draw: Draw) -> Call:
    layer = draw.net(kind=draw.variant % 2).layers[0]
    current = array(draw.randn(draw.B, draw.H), tied=(0, 1), pure=True)
    return Call(layer.step, state=state_slot(draw, draw.B, draw.H), current=current)


@case("Layer.scan")
def _(draw: Draw) -> Call:
    current = draw.randn(draw.T, draw.B, draw.H).to(draw.dtype)
    return Call(draw.net().layers[0].scan, current=array(current, tied=(2,)))


@case("Network.forward")
def _(draw: Draw) -> Call:
    s = draw.spikes(draw.T, draw.B, draw.N)
    return Call(draw.net(), spikes=spikes(s, tied=(2,)))


@case("Network.roll")
def _(draw: Draw) -> Call:
    s = draw.spikes(draw.T, draw.B, draw.N)
    return Call(draw.net().roll, spikes=spikes(s, tied=(2,)))


@case("Network.spike_counts")
def _(draw: Draw) -> Call:
    s = draw.spikes(draw.T, draw.B, draw.N)
    return Call(draw.net().spike_counts, spikes=spikes(s, tied=(2,)))


def packed_slot(draw: Draw, t: int, b: int, n: int):
    """Trains of t steps, b samples and n neurons, and others."""
    s = (draw.rand(t, b, n) < 0.4).float()
    trains = PackedSpikes.pack(s)
    assert trains is not None
    slot = thing(
        trains,
        ("of one neuron more", PackedSpikes.pack(torch.cat([s, s[..., :1]], 2)), WRONG),
        ("of one neuron less", PackedSpikes.pack(s[..., 1:]), WRONG),
        ("of 1,000 times the neurons", PackedSpikes.pack(s.repeat(1, 1, 1000)), WRONG),
        ("of samples as neurons", PackedSpikes.pack(s.transpose(1, 2).contiguous()), WRONG),
        ("their words", trains.words, OPEN),
    )
    slot += [
        Mutation("of more steps than they hold", lambda v: PackedSpikes(v.words, 100), WRONG),
        Mutation("of 0 steps", lambda v: PackedSpikes(v.words[:0], 0), OPEN),
        Mutation("with words as int64", lambda v: PackedSpikes(v.words.long(), v.steps), WRONG),
        Mutation("with an axis missing", lambda v: PackedSpikes(v.words[0], v.steps), WRONG),
        Mutation(
            "with bits beyond their steps", lambda v: PackedSpikes(v.words | -1, v.steps), OPEN
        ),
    ]
    return slot


@case("Network.spike_counts of trains")
def _(draw: Draw) -> Call:
    slot = packed_slot(draw, draw.T, draw.B, draw.N)
    return Call(draw.net(kind=draw.variant % 3).spike_counts, spikes=slot)


@case("Network.fire")
def _(draw: Draw) -> Call:
    net = draw.net(kind=PLAIN)
    trains, other = packed_slot(draw, draw.T, draw.B, draw.N), Draw("other", draw.variant)
    kinds = [("a network by matrices", draw.net(kind=kind), WRONG) for kind in (1, 2, 3)]
    turned = thing(
        net.synapses(),
        ("too few", net.synapses()[:-1], WRONG),
        ("of another network", other.net(kind=PLAIN).synapses(), WRONG),
        ("in another order", net.synapses()[::-1], WRONG),
        ("the weights", [layer.w for layer in net.layers], WRONG),
        optional=True,
    ).expecting(OPEN, "an empty dict")
    call = lambda net, trains, synapses: net.fire(trains, synapses)  # noqa: E731
    return Call(call, net=instead(net, *kinds), trains=trains, synapses=turned)


@case("Network.rest")
def _(draw: Draw) -> Call:
    return Call(draw.net().rest, batch=whole(draw.B, low=0))


@case("Network.step")
def _(draw: Draw) -> Call:
    net = draw.net()
    states, other = net.rest(draw.B), draw.net()
    bad = thing(
        states,
        ("one too few", states[:-1], WRONG),
        ("one too many", [*states, states[-1]], WRONG),
        ("of one sample more", net.rest(draw.B + 1), WRONG),
        ("in another order", states[::-1], WRONG),
        ("one of them None", [*states[:-1], None], WRONG),
        ("of another kind of neuron", draw.net(kind=USER_NEURON).rest(draw.B), OPEN),
        ("of float64", draw.net(kind=DOUBLE).rest(draw.B), OPEN),
        ("a tuple", tuple(states), OPEN),
        ("of an equal network", other.rest(draw.B), LEGAL),
    )
    s = draw.spikes(draw.B, draw.N)
    return Call(net.step, states=bad, spikes=spikes(s, tied=(0, 1), pure=True))


@case("read_out")
def _(draw: Draw) -> Call:
    s = draw.spikes(draw.T, draw.B, draw.C)
    return Call(bg.read_out, s_out=spikes(s))
