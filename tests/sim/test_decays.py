"""Layers whose neurons decay at paces of their own, from end to end: every way of rolling and
learning, sleep, files, the chip, runs.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import snntorch
import torch
from snntorch.utils import reset
from torch import Tensor, nn

from biograd.commands import cli
from biograd.errors import ERRORS
from biograd.feedback import RandomDFA, SleepAligned, Symmetric, feedback_angle, true_path
from biograd.interop.nir import from_nir, to_model, to_nir
from biograd.interop.snntorch import differences, from_snntorch, to_snntorch
from biograd.kernels.packed_spikes import PackedSpikes
from biograd.learning.by_steps import layer_at_once
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import SomaState, TwoCompartmentLIF, TwoCompartmentParams, lif_params
from biograd.rules import Eligibility, Factorised
from biograd.runs.checkpoint import RunFolder
from biograd.runs.config import RunConfig
from biograd.runs.config_files import read_config
from biograd.runs.experiment import Experiment
from biograd.sleep import DreamState, SleepParams, dream, homeostatic_step, sleep_phase
from biograd.training.trainer import Trainer
from hardware import emulator
from hardware.border.model import SpikeInput
from hardware.fixed_point import quantise

SIZES, T, BATCH = (9, 15, 11, 4), 12, 6
ALPHAS = ((0.0, 0.9), (0.5, 0.75), (0.25, 0.5))  # u and v of each layer


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_net(**others: float) -> Network:
    """A network whose every layer fires."""
    constants = [
        TwoCompartmentParams(alpha_u=alpha_u, alpha_v=alpha_v, **others)
        for alpha_u, alpha_v in ALPHAS
    ]
    net = Network(
        SIZES, neuron=[TwoCompartmentLIF(params) for params in constants], generator=seeded(0)
    )
    for layer in net.layers:
        layer.w *= 1.5
        layer.b.uniform_(-0.1, 0.2, generator=seeded(1))
    return net


def a_batch(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    return (torch.rand(T, BATCH, SIZES[0], generator=seeded(2)) < 0.4).to(dtype), torch.randint(
        4, (BATCH,), generator=seeded(3)
    )


def test_every_layer_keeps_its_own_fractions_whichever_way_it_is_rolled() -> None:
    net, (spikes, _) = a_net(), a_batch()
    trains = PackedSpikes.pack(spikes)
    assert trains is not None and net.by_events
    rolled, fired, states, s = net.roll(spikes), net.fire(trains), net.rest(BATCH), spikes
    for t in range(T):
        states = net.step(states, spikes[t])
        assert all(
            torch.equal(state.s, done.s[t]) for state, done in zip(states, rolled, strict=True)
        )
    for layer, alphas, done, packed in zip(net.layers, ALPHAS, rolled, fired, strict=True):
        u = v = was = torch.zeros_like(done.s[0])  # the equations, written apart
        for t in range(T):
            u = alphas[0] * u + s[t] @ layer.w.T + layer.b
            v = alphas[1] * v * (1 - was) + u
            was = (v > 1).float()
            assert torch.equal(was, done.s[t])
        assert done.s.any() and torch.equal(packed.s.dense(), done.s)
        s = done.s
    one_for_all = Network(SIZES, neuron=net.layers[0].neuron)
    one_for_all.load_state_dict(net.state_dict())
    assert not torch.equal(one_for_all(spikes), net(spikes))  # or the decays did nothing


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, v: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return (v > 1).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.saved_tensors[0], None


@pytest.mark.parametrize("order", ["layer", "online"])
def test_unless_told_otherwise_each_layer_remembers_as_its_neurons_do_and_follows_its_own_gradient(
    order: Any,
) -> None:
    net = a_net().double()
    spikes, labels = a_batch(torch.float64)
    LocalLearner(net, Symmetric(net), order=order).step(spikes, labels)
    rolled, target = net.roll(spikes), torch.nn.functional.one_hot(labels, 4).double()
    err, s_pre = target - rolled[-1].s, spikes
    for index, (layer, (alpha_u, alpha_v), done) in enumerate(
        zip(net.layers, ALPHAS, rolled, strict=True)
    ):
        w, b = (p.detach().clone().requires_grad_() for p in (layer.w, layer.b))
        u = v = torch.zeros_like(done.s[0])
        fired, output = [], index == 2
        for t in range(T):
            u = alpha_u * u + s_pre[t] @ w.T + b
            # what a spike takes away is no path of the gradient
            v = alpha_v * (v - v.detach() * (v.detach() > 1)) + u
            slope = torch.ones_like(v) if output else ((v.detach() - 1).abs() < 1).double()
            fired.append(Spike.apply(v, slope) if not output else v)
        teach = (
            err
            if output
            else err @ true_path(net, index).T / true_path(net, index).pow(2).mean().sqrt()
        )
        (-(teach * torch.stack(fired)).sum() / (T * BATCH)).backward()
        assert w.grad is not None and b.grad is not None and w.grad.abs().max() > 1e-3
        torch.testing.assert_close(
            [layer.w.grad, layer.b.grad], [w.grad, b.grad], rtol=1e-9, atol=1e-12
        )
        s_pre = done.s


@pytest.mark.parametrize("error", [name for name, kind in ERRORS.items() if kind.causal])
@pytest.mark.parametrize("factorised", [False, True])
def test_all_ways_of_learning_agree(error: str, factorised: bool) -> None:
    net, (spikes, labels) = a_net(alpha_a=0.5), a_batch()
    feedback, rule = RandomDFA(net, generator=seeded(4)), Factorised() if factorised else None
    learner = LocalLearner(net, feedback, error=ERRORS[error](), rule=rule)
    assert learner.by_events
    seen = []
    for way in ("events", "layer", "online"):
        learner = LocalLearner(
            net,
            feedback,
            error=ERRORS[error](),
            rule=rule,
            order="online" if way == "online" else "layer",
        )
        if way == "layer":
            target = torch.nn.functional.one_hot(labels, 4).float()
            updates = layer_at_once(learner.teaching, spikes, target).updates
            seen.append([x for update in updates for x in (-update.dw, -update.db)])
            continue
        learner.step(spikes, labels)
        seen.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    for other in seen[1:]:
        # float32 sums in another order
        torch.testing.assert_close(other, seen[0], rtol=1e-4, atol=1e-6)


def test_a_dream_runs_at_the_pace_of_the_layers_it_runs_through() -> None:
    net, p = a_net(), SleepParams(steps=200, noise=0.0)
    s, s_out = dream(net, 1, p, generator=seeded(0))
    current, neuron = net.layers[2].current(s), net.layers[2].neuron
    zero = torch.zeros(1, 4)

    state = DreamState(SomaState(zero, zero, zero), zero)
    for t in range(200):
        state = homeostatic_step(state, current[t : t + 1], zero, t, neuron, p.eta)
        assert torch.equal(state.soma.s[0], s_out[t])
    assert s_out.any()


@pytest.mark.slow
def test_sleep_turns_feedback_in_a_network_of_several_paces() -> None:
    neurons = [
        TwoCompartmentLIF(TwoCompartmentParams(alpha_u=alpha_u, alpha_v=alpha_v))
        for alpha_u, alpha_v in ALPHAS
    ]
    net = Network((80, 40, 30, 6), neuron=neurons, generator=seeded(0))
    feedback, generator = SleepAligned(net, generator=seeded(1)), seeded(2)
    for _ in range(60):
        sleep_phase(net, feedback, SleepParams(decay=0.05), generator=generator)
    assert all(feedback_angle(net, feedback, hidden) < 50 for hidden in (0, 1))


def test_models_of_snntorch_with_a_beta_a_layer_fire_the_same_there_and_back_and_through_nir(
    tmp_path: Any,
) -> None:
    torch.manual_seed(0)
    own: Any = {"reset_mechanism": "zero", "init_hidden": True}
    model = nn.Sequential(
        nn.Linear(9, 15), snntorch.Leaky(0.95, **own), nn.Linear(15, 11), snntorch.Synaptic(0.5, 0.8, reset_delay=False, **own),
        nn.Linear(11, 4), snntorch.Leaky(0.6, **own),
    )  # fmt: skip
    for linear in model[::2]:
        linear.weight.data *= 3
    assert differences(model) == []
    net, (spikes, _) = from_snntorch(model), a_batch()
    to_nir(net, tmp_path / "net.nir", steps=T)
    back = from_nir(tmp_path / "net.nir")
    with torch.no_grad():
        reset(model)
        theirs = torch.stack([model(s) for s in spikes])
        again = to_snntorch(net)
        reset(again)
        returned = torch.stack([again(s) for s in spikes])
    assert (
        theirs.any()
        and torch.equal(net(spikes), theirs)
        and torch.equal(returned, theirs)
        and torch.equal(back(spikes), theirs)
    )
    kept = [
        (lif_params(layer.neuron).alpha_u, lif_params(layer.neuron).alpha_v)
        for layer in back.layers
    ]
    assert kept == [(0.0, np.float32(0.95)), (0.5, np.float32(0.8)), (0.0, np.float32(0.6))]


def test_the_chip_keeps_a_layers_fractions_too() -> None:
    net = a_net()
    model = to_model(net, None, steps=T, encoder="bernoulli", info={})
    assert [(layer.alpha_u, layer.alpha_v) for layer in model.layers] == [
        tuple(np.float32(a) for a in pair) for pair in ALPHAS
    ]
    spikes = (torch.rand(T, 200, SIZES[0], generator=seeded(5)) < 0.4).float()
    there = emulator.run(quantise(model), SpikeInput(spikes=spikes.numpy().astype(np.uint8))).counts
    here = net(spikes).sum(0).numpy()
    # spikes of 12 steps; eight-bit weights and decays of twelve bits move some
    assert np.abs(there - here).mean() < 0.25
    one_for_all = Network(SIZES, neuron=net.layers[0].neuron)
    one_for_all.load_state_dict(net.state_dict())
    assert np.abs(there - one_for_all(spikes).sum(0).numpy()).mean() > 0.5


def test_neurons_and_rules_that_are_not_one_a_layer_are_refused_in_one_line() -> None:
    neurons = [TwoCompartmentLIF(), TwoCompartmentLIF()]
    with pytest.raises(
        ValueError, match=r"^there are 2 neurons for 3 layers: give one for all, or one for each$"
    ):
        Network(SIZES, neuron=neurons)
    net = Network((9, 15, 4), neuron=neurons)
    with pytest.raises(
        ValueError,
        match=(
            r"^the layers of this network have different neurons, and one for all is"
            r" needed here[^\n]*$"
        ),
    ):
        _ = net.neuron
    with pytest.raises(
        ValueError, match=r"^there are 1 rules for 2 layers: give one for all, or one for each$"
    ):
        LocalLearner(net, RandomDFA(net), rule=[Eligibility()])


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_a_run_of_layers_at_paces_of_their_own_trains_resumes_exports_and_starts_another(
    tmp_path: Any, capsys: Any
) -> None:
    short = "hidden = [20]\nepochs = 1\nsteps = 5\nlimit = 100\n"
    (tmp_path / "run.toml").write_text(
        f"{short}alphas_v = [0.9, 0.5]\nsleep = {{first_night = 1, steps = 50}}\n"
    )
    config = read_config(tmp_path / "run.toml")
    assert config.alphas_v == (0.9, 0.5)
    folder = tmp_path / "run"
    assert (
        cli.main(["train", "--config", str(tmp_path / "run.toml"), "--out", str(folder), "--quiet"])
        == 0
    )
    assert RunFolder(folder).read_config() == config
    assert cli.main(["export", str(folder)]) == 0
    assert (
        cli.main(
            [
                "train",
                "--config",
                str(tmp_path / "run.toml"),
                "--out",
                str(folder),
                "--quiet",
                "--resume",
            ]
        )
        == 0
    )
    net = from_nir(folder / "model.nir")
    assert [lif_params(layer.neuron).alpha_v for layer in net.layers] == [np.float32(0.9), 0.5]
    assert cli.main(["deploy", str(folder / "model.nir"), "--samples", "50"]) == 0
    capsys.readouterr()
    start = [
        "train",
        "--from",
        str(folder / "model.nir"),
        "--out",
        str(tmp_path / "b"),
        "--epochs",
        "1",
        "--quiet",
        "--json",
    ]
    assert cli.main([*start, "--sleep.first-night", "1", "--limit", "100"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["samples"] == 100
    taken = RunFolder(tmp_path / "b").read_config()
    assert (
        taken.alphas_v == (np.float32(0.9), 0.5)
        and taken.alphas_u == (0.5, 0.5)
        and taken.hidden == (20,)
    )


@pytest.mark.usefixtures("mnist")
def test_a_configuration_without_fractions_of_layers_is_the_one_it_was() -> None:
    plain = Experiment.from_config(RunConfig(hidden=(20, 10), limit=50, epochs=1))
    given = Experiment.from_config(
        RunConfig(hidden=(20, 10), limit=50, epochs=1, alphas_u=(0.5,) * 3, alphas_v=(0.75,) * 3)
    )
    assert (
        plain.net.neuron is plain.net.layers[2].neuron
        and plain.learner.rules[0] is plain.learner.rules[2]
    )
    for experiment in (plain, given):
        assert isinstance(experiment.trainer, Trainer)
        next(experiment.trainer.run())
    assert all(
        torch.equal(a, b)
        for a, b in zip(plain.net.parameters(), given.net.parameters(), strict=True)
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"alphas_v": (0.5, 0.5)},
            (
                r"^alphas_v is \(0.5, 0.5\); need a fraction of 0 or more, below 1, for each of 3"
                r" layers, or none$"
            ),
        ),
        ({"alphas_u": (0.5, 1.0, 0.5)}, r"^alphas_u is \(0.5, 1.0, 0.5\); need"),
        ({"alphas_u": (float("nan"),) * 3}, r"^alphas_u is \(nan"),
    ],
)
def test_fractions_that_are_none_are_refused(changes: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        RunConfig(hidden=(20, 10), **changes)
