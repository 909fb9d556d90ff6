"""Files and models of other tools."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import torch
from arrays import array
from case import LEGAL, OPEN, SAME, WRONG, Call, Slot, case
from material import PLAIN, Draw
from scalars import flag, instead, number, readable, thing, whole, word
from torch import nn

import biograd as bg

from .feedback import feedback_slot, net_slot
from .network import neuron_params

ENCODERS = ["bernoulli", "latency", "events"]


def _plain(draw: Draw) -> bg.Network:
    return draw.net(kind=PLAIN)


def _net_slot(draw: Draw, net: bg.Network) -> Slot:
    broken = draw.net(kind=PLAIN)
    broken.layers[0].w[0, 0] = torch.nan
    return net_slot(
        net,
        ("recurrent", draw.net(kind=1), WRONG),
        ("of a user's neuron", draw.net(kind=2), WRONG),
        ("of float64", draw.net(kind=3), OPEN),
        ("with a weight of nan", broken, WRONG),
    )


def _info() -> Slot:
    return instead(
        {"note": "a test"},
        ("with a tensor", {"x": torch.zeros(2)}, WRONG),
        ("with nan", {"x": float("nan")}, WRONG),
        ("with a set", {"x": {1}}, WRONG),
        ("with an object", {"x": object()}, WRONG),
        ("with bytes", {"x": b"a"}, WRONG),
        ("with a loop", _loop(), WRONG),
        ("a string", "note", WRONG),
        ("a list", [1], WRONG),
        ("an int", 1, WRONG),
        ("with int keys", {1: 2}, OPEN),
        ("with tuple keys", {(1, 2): 2}, WRONG),
    )


def _loop() -> dict:
    loop: dict = {}
    loop["again"] = loop
    return loop


def _encoder() -> Slot:
    """The name of an encoder, which may be a user's own."""
    slot = word("integrate_and_fire", ENCODERS)
    return slot.expecting(
        OPEN, "in capitals", "with a space", "300 letters", "two lines", "'no such'"
    )


def _steps() -> Slot:
    return whole(10, high=100_000)


@case("to_model")
def _(draw: Draw) -> Call:
    net = _plain(draw)
    feedback = feedback_slot(draw, net, bg.RandomDFA(net, generator=draw.seeded()))
    return Call(
        lambda **arguments: bg.to_model(**arguments).layers,
        net=_net_slot(draw, net).expecting(OPEN, "recurrent"),
        feedback=feedback.expecting(LEGAL, "None").expecting(OPEN, "an empty dict"),
        steps=_steps(),
        encoder=_encoder(),
        info=_info(),
    )


@case("to_network")
def _(draw: Draw) -> Call:
    net = _plain(draw)
    model = bg.to_model(net, None, steps=10, encoder="bernoulli", info={})
    return Call(bg.to_network, model=thing(model, ("a network", net, WRONG)))


@case("to_nir")
def _(draw: Draw) -> Call:
    net = _plain(draw)
    folder = Path(tempfile.gettempdir())
    (folder / "a file").write_text("")
    path = instead(
        folder / "written.nir",
        ("as a string", str(folder / "written.nir"), SAME),
        ("None", None, WRONG),
        ("an int", 3, WRONG),
        ("a folder", folder, WRONG),
        ("empty", "", WRONG),
        ("in a file", folder / "a file" / "model.nir", WRONG),
        ("with a zero byte", "a\0b", WRONG),
        ("of 300 letters", "a" * 300, WRONG),
        ("a list", [folder], WRONG),
    )
    feedback = feedback_slot(draw, net, bg.RandomDFA(net, generator=draw.seeded()))

    def write(net, path, **arguments):
        bg.to_nir(net, path, **arguments)
        return bg.from_nir(path)

    return Call(
        write,
        errors=(OSError,),
        net=_net_slot(draw, net).expecting(OPEN, "recurrent"),
        path=path,
        feedback=feedback.expecting(LEGAL, "None").expecting(OPEN, "an empty dict"),
        steps=_steps(),
        encoder=_encoder(),
        info=_info() + instead(0, ("None", None, LEGAL)).mutations,
    )


@case("from_nir")
def _(draw: Draw) -> Call:
    folder = Path(tempfile.gettempdir()) / "nir"
    folder.mkdir(exist_ok=True)
    path = folder / f"{draw.variant}.nir"
    bg.to_nir(_plain(draw), path)
    slot = readable(path, content=path.read_bytes())
    return Call(
        bg.from_nir,
        errors=(OSError,),
        path=slot,
        dt=instead(
            None,
            ("a word", "ms", WRONG),
            ("of a file that has its own", 1e-3, OPEN),
            ("nan", float("nan"), WRONG),
            ("negative", -1.0, WRONG),
            ("zero", 0.0, WRONG),
            ("a tensor", torch.tensor(1e-3), OPEN),
        ),
        w_in=instead(
            None, ("unknown", "leap", WRONG), ("an int", 1, WRONG), ("euler", "euler", OPEN)
        ),
    )


@case("from_nir of another tool")
def _(draw: Draw) -> Call:
    import nir
    import numpy as np

    path = Path(tempfile.gettempdir()) / f"foreign-{draw.variant}.nir"
    draws, n, c = draw.numpy, draw.N, draw.C
    neuron = nir.LIF(
        tau=np.full(c, 1e-2), r=np.full(c, 1.0), v_leak=np.zeros(c), v_threshold=np.ones(c)
    )
    nodes = {
        "input": nir.Input(np.array([n])),
        "w": nir.Affine(weight=draws.normal(size=(c, n)), bias=np.zeros(c)),
        "lif": neuron,
        "output": nir.Output(np.array([c])),
    }
    edges = [("input", "w"), ("w", "lif"), ("lif", "output")]
    nir.write(path, nir.NIRGraph(nodes=nodes, edges=edges))
    return Call(
        bg.from_nir,
        errors=(OSError,),
        path=thing(path).without("its class's", "a string").expecting(OPEN, "an int", "in a"),
        dt=number(1e-3, 0.0, ends="()").expecting(OPEN, "as a tensor", "beyond", "True"),
        w_in=instead(None, ("unknown", "leap", WRONG), ("an int", 1, WRONG)),
    )


def _model(draw: Draw) -> nn.Module:
    import snntorch

    options = {"reset_mechanism": "zero"}
    neuron = [
        lambda: snntorch.Leaky(0.9, **options),
        lambda: snntorch.Synaptic(0.5, 0.75, reset_delay=False, **options),
        lambda: snntorch.Leaky(0.5, threshold=2.0, **options),
        lambda: snntorch.Leaky(0.9, init_hidden=True, **options),
    ][draw.variant]
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(draw.N, draw.H), neuron(), nn.Linear(draw.H, draw.C), neuron())


def _model_slot(draw: Draw, *, any_model: bool) -> Slot:
    import snntorch

    model = _model(draw)
    to = OPEN if any_model else WRONG
    leaky = snntorch.Leaky(0.9, reset_mechanism="zero")
    fc = nn.Linear(draw.N, draw.C)
    with torch.no_grad():
        broken = nn.Sequential(
            nn.Linear(draw.N, draw.C), snntorch.Leaky(0.9, reset_mechanism="zero")
        )
        broken[0].weight[0, 0] = torch.nan
    per_neuron = snntorch.Leaky(torch.rand(draw.C), reset_mechanism="zero")
    others = {
        "reset by subtraction": nn.Sequential(fc, snntorch.Leaky(0.9)),
        "without neurons": nn.Sequential(fc),
        "without weights": nn.Sequential(leaky),
        "neurons first": nn.Sequential(leaky, fc),
        "empty": nn.Sequential(),
        "a linear layer": fc,
        "a neuron": leaky,
        "of sizes that do not fit": nn.Sequential(fc, leaky, nn.Linear(draw.C + 1, 3), leaky),
        "with a convolution": nn.Sequential(nn.Conv1d(1, 2, 3), leaky),
        "with a ReLU": nn.Sequential(fc, nn.ReLU(), leaky),
        "of beta per neuron": nn.Sequential(fc, per_neuron),
        "of beta 1": nn.Sequential(fc, snntorch.Leaky(1.0, reset_mechanism="zero")),
        "of a negative threshold": nn.Sequential(
            fc, snntorch.Leaky(0.5, threshold=-1.0, reset_mechanism="zero")
        ),
        "of beta nan": nn.Sequential(fc, snntorch.Leaky(float("nan"), reset_mechanism="zero")),
        "with a weight of nan": broken,
        "recurrent": nn.Sequential(
            fc, snntorch.RLeaky(0.9, linear_features=draw.C, reset_mechanism="zero")
        ),
        "a BioGrad network": draw.net(kind=PLAIN),
        "an LSTM": nn.LSTM(3, 4),
    }
    taken = ("of beta per neuron", "of beta 1", "reset by subtraction")
    wrong = [(name, other, OPEN if name in taken else to) for name, other in others.items()]
    float64 = ("of float64", _model(draw).double(), OPEN)
    return thing(model, *wrong, float64, ("in training mode", _model(draw).train(), LEGAL))


@case("from_snntorch")
def _(draw: Draw) -> Call:
    def read(model, nearest, params):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bg.from_snntorch(model, nearest=nearest, params=params)

    params = neuron_params(bg.TwoCompartmentParams(alpha_a=0.5), optional=True)
    return Call(
        read,
        default=OPEN,
        model=_model_slot(draw, any_model=False),
        nearest=flag(False),
        params=params,
    )


@case("differences")
def _(draw: Draw) -> Call:
    slot = _model_slot(draw, any_model=True)
    return Call(lambda model: list(map(str, bg.differences(model))), model=slot)


@case("to_snntorch")
def _(draw: Draw) -> Call:
    import snntorch.surrogate

    net = _plain(draw)
    grad = thing(
        snntorch.surrogate.fast_sigmoid(), ("its name", "fast_sigmoid", WRONG), optional=True
    )
    s = (draw.rand(draw.T, draw.B, draw.N) < 0.4).float()

    def write(net, spike_grad):
        model = bg.to_snntorch(net, spike_grad=spike_grad)
        with torch.no_grad():
            return torch.stack([out[0] if isinstance(out, tuple) else out for out in map(model, s)])

    return Call(
        write,
        net=_net_slot(draw, net).expecting(OPEN, "with a weight", "of float64"),
        spike_grad=grad.expecting(OPEN, "its class"),
    )


@case("from_nir and its weights")
def _(draw: Draw) -> Call:
    net = _plain(draw)
    w = array(net.layers[0].w.detach().clone(), tied=(0,), nonfinite=WRONG)

    def write(w):
        with torch.no_grad():
            net.layers[0].w = nn.Parameter(torch.as_tensor(w), requires_grad=False)
        path = Path(tempfile.gettempdir()) / "weights.nir"
        bg.to_nir(net, path)
        return bg.from_nir(path)

    kept = ("axis", "nan", "inf", "-inf", "a view", "as float")
    slot = Slot(w.value, [m for m in w.mutations if m.name.startswith(kept)])
    return Call(write, w=slot.expecting(OPEN, "as float"))
