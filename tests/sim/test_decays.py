"""Layers whose neurons have different decays: every way of rolling and learning, and sleep."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from biograd.errors import ERRORS
from biograd.feedback import RandomDFA, SleepAligned, Symmetric, feedback_angle, true_path
from biograd.kernels.packed_spikes import PackedSpikes
from biograd.learning.by_steps import layer_at_once
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import SomaState, TwoCompartmentLIF, TwoCompartmentParams
from biograd.rules import Eligibility, Factorised
from biograd.sleep import DreamState, SleepParams, dream, homeostatic_step, sleep_phase

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


def test_every_layer_decays_by_its_own_constants_however_it_is_rolled() -> None:
    net, (spikes, _) = a_net(), a_batch()
    trains = PackedSpikes.pack(spikes)
    assert trains is not None and net.by_events
    rolled, fired, states, s = net.roll(spikes), net.fire(trains), net.rest(BATCH), spikes
    for t in range(T):
        states = net.step(states, spikes[t])
        assert all(
            torch.equal(state.s, activity.s[t])
            for state, activity in zip(states, rolled, strict=True)
        )
    for layer, alphas, activity, packed in zip(net.layers, ALPHAS, rolled, fired, strict=True):
        u = v = was = torch.zeros_like(activity.s[0])  # the equations, written apart
        for t in range(T):
            u = alphas[0] * u + s[t] @ layer.w.T + layer.b
            v = alphas[1] * v * (1 - was) + u
            was = (v > 1).float()
            assert torch.equal(was, activity.s[t])
        assert activity.s.any() and torch.equal(packed.s.dense(), activity.s)
        s = activity.s
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
def test_by_default_traces_decay_as_each_layers_neurons_and_updates_follow_its_gradient(
    order: Any,
) -> None:
    net = a_net().double()
    spikes, labels = a_batch(torch.float64)
    LocalLearner(net, Symmetric(net), order=order).step(spikes, labels)
    rolled, target = net.roll(spikes), torch.nn.functional.one_hot(labels, 4).double()
    err, s_pre = target - rolled[-1].s, spikes
    for index, (layer, (alpha_u, alpha_v), activity) in enumerate(
        zip(net.layers, ALPHAS, rolled, strict=True)
    ):
        w, b = (p.detach().clone().requires_grad_() for p in (layer.w, layer.b))
        u = v = torch.zeros_like(activity.s[0])
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
        s_pre = activity.s


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


def test_a_dream_decays_as_the_layers_it_runs_through() -> None:
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
def test_sleep_turns_feedback_in_a_network_of_several_decays() -> None:
    neurons = [
        TwoCompartmentLIF(TwoCompartmentParams(alpha_u=alpha_u, alpha_v=alpha_v))
        for alpha_u, alpha_v in ALPHAS
    ]
    net = Network((80, 40, 30, 6), neuron=neurons, generator=seeded(0))
    feedback, generator = SleepAligned(net, generator=seeded(1)), seeded(2)
    for _ in range(60):
        sleep_phase(net, feedback, SleepParams(decay=0.05), generator=generator)
    assert all(feedback_angle(net, feedback, hidden) < 50 for hidden in (0, 1))


def test_neurons_and_rules_that_are_not_one_per_layer_are_refused_in_one_line() -> None:
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
