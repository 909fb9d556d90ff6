"""Recurrent layers: spikes return one step later, and synapses learn from the past alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from biograd.errors import ERRORS
from biograd.feedback import RandomDFA, Symmetric, true_path
from biograd.kernels.packed_spikes import PackedSpikes
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams
from biograd.rules import RULES, Eligibility

SIZES, T, BATCH = (9, 15, 11, 4), 12, 6


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_net(recurrent: Any = True, **neuron: float) -> Network:
    """A network whose every layer fires, and whose loops matter."""
    net = Network(
        SIZES,
        neuron=TwoCompartmentLIF(TwoCompartmentParams(**neuron)),
        recurrent=recurrent,
        generator=seeded(0),
    )
    for layer in net.layers:
        layer.w *= 1.5
        layer.b.uniform_(-0.1, 0.2, generator=seeded(1))
        if layer.w_rec is not None:
            layer.w_rec *= 2
    return net


def a_batch(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    return (torch.rand(T, BATCH, SIZES[0], generator=seeded(2)) < 0.4).to(dtype), torch.randint(
        4, (BATCH,), generator=seeded(3)
    )


def grads(net: Network) -> list[Tensor]:
    return [p.grad.clone() for p in net.parameters() if p.grad is not None]


def test_a_spike_comes_back_to_its_own_layer_one_step_later() -> None:
    # Two neurons, by hand: input fires neuron 0 at step 0; its synapse of 1.5 fires neuron 1 at
    # step 1, which has no input of its own.
    net = Network(
        (1, 2, 1),
        neuron=TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.0, alpha_v=0.0)),
        recurrent=True,
    )
    hidden = net.layers[0]
    assert hidden.w_rec is not None
    hidden.w.copy_(torch.tensor([[1.5], [0.0]]))
    hidden.w_rec.copy_(torch.tensor([[0.0, 0.0], [1.5, 0.0]]))  # [to, from]
    s = net.roll(torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1))[0].s[:, 0]
    assert s.tolist() == [[1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize("recurrent", [True, (True, False), (False, True)])
def test_steps_and_whole_trains_are_the_same_and_equal_the_equations(recurrent: Any) -> None:
    net, (spikes, _) = a_net(recurrent), a_batch()
    assert [layer.w_rec is not None for layer in net.layers] == [
        *([True] * 2 if recurrent is True else recurrent),
        False,
    ]
    rolled, states, s = net.roll(spikes), net.rest(BATCH), spikes
    for t in range(T):
        states = net.step(states, spikes[t])
        assert all(
            torch.equal(state.s, activity.s[t])
            for state, activity in zip(states, rolled, strict=True)
        )
    for layer, activity in zip(net.layers, rolled, strict=True):
        u = v = was = torch.zeros_like(activity.s[0])
        for t in range(T):
            current = s[t] @ layer.w.T + layer.b
            u = 0.5 * u + (current if layer.w_rec is None else current + was @ layer.w_rec.T)
            v = 0.75 * v * (1 - was) + u
            was = (v > 1).float()
            assert torch.equal(was, activity.s[t])
        s = activity.s
    chain = Network(SIZES)
    chain.load_state_dict(
        {name: value for name, value in net.state_dict().items() if "w_rec" not in name}
    )
    assert not torch.equal(chain(spikes), net(spikes)) and not net.by_events and chain.by_events
    trains = PackedSpikes.pack(spikes)
    assert trains is not None
    assert all(
        torch.equal(a, activity.s.sum(0))
        for a, activity in zip(net.spike_counts(trains), rolled, strict=True)
    )


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, v: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return (v > 1).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.saved_tensors[0], None


@pytest.mark.parametrize("order", ["layer", "online"])
@pytest.mark.parametrize("error", [name for name, kind in ERRORS.items() if kind.causal])
def test_the_update_is_the_gradient_with_recurrent_paths_detached(error: str, order: Any) -> None:
    # e-prop: a recurrent synapse is taught through its own neuron alone; spikes that come back
    # carry no gradient.
    net = a_net().double()
    spikes, labels = a_batch(torch.float64)
    LocalLearner(net, Symmetric(net), error=ERRORS[error](), order=order).step(spikes, labels)
    rolled, target, s_pre = (
        net.roll(spikes),
        torch.nn.functional.one_hot(labels, 4).double(),
        spikes,
    )
    s_out = rolled[-1].s
    if error == "running":
        s_out = s_out.cumsum(0) / torch.arange(1, T + 1)[:, None, None]
    elif error == "softmax":
        s_out = (s_out.cumsum(0) / torch.arange(1, T + 1)[:, None, None]).softmax(-1)
    err = target - s_out
    for index, (layer, activity) in enumerate(zip(net.layers[:2], rolled, strict=False)):
        assert layer.w_rec is not None
        w, b, w_rec = weights = [
            p.detach().clone().requires_grad_() for p in (layer.w, layer.b, layer.w_rec)
        ]
        u = v = was = torch.zeros_like(activity.s[0])
        fired = []
        for t in range(T):
            u = 0.5 * u + s_pre[t] @ w.T + b + was.detach() @ w_rec.T
            v = 0.75 * (v - v.detach() * was.detach()) + u
            was = Spike.apply(v, ((v.detach() - 1).abs() < 1).double())
            fired.append(was)
        path = true_path(net, index)
        (
            -(err @ (path / path.pow(2).mean().sqrt()).T * torch.stack(fired)).sum() / (T * BATCH)
        ).backward()
        expected, gradients = (
            [p.grad for p in weights],
            [layer.w.grad, layer.b.grad, layer.w_rec.grad],
        )
        assert all(g is not None and g.abs().max() > 1e-3 for g in expected)
        torch.testing.assert_close(gradients, expected, rtol=1e-9, atol=1e-12)
        s_pre = activity.s


@pytest.mark.parametrize("alpha_a", [0.0, 0.5])
@pytest.mark.parametrize("rule", RULES)
def test_both_orders_and_any_number_of_threads_agree(rule: str, alpha_a: float) -> None:
    net, (spikes, labels) = a_net(alpha_a=alpha_a), a_batch()
    feedback, seen = RandomDFA(net, generator=seeded(4)), []
    for order, threads in (("layer", 1), ("layer", 2), ("online", 1), ("online", 2)):
        kind: Any = {"order": order, "threads": threads}
        LocalLearner(net, feedback, rule=RULES[rule](), **kind).step(spikes, labels)
        seen.append(grads(net))
    assert len(seen[0]) == 8 and all(g.any() for g in seen[0])
    for other in seen[1:]:
        # float32 sums in another order
        torch.testing.assert_close(other, seen[0], rtol=1e-4, atol=1e-6)
    trains = PackedSpikes.pack(spikes)
    assert trains is not None
    LocalLearner(net, feedback, rule=RULES[rule]()).step(trains, labels)  # bits are unpacked
    assert all(torch.equal(a, b) for a, b in zip(grads(net), seen[0], strict=True))


@pytest.mark.parametrize("order", ["layer", "online"])
def test_nothing_comes_from_the_future(order: Any) -> None:
    net, (spikes, labels) = a_net(alpha_a=0.5), a_batch()
    feedback, later = RandomDFA(net, generator=seeded(4)), spikes.clone()
    later[7:] = 1 - later[7:]

    class Spy(Eligibility):
        def __init__(self) -> None:
            super().__init__()
            self.sums: list[Tensor] = []

        def step(self, state: Any, g: Tensor, s_pre: Tensor) -> Any:
            state = super().step(state, g, s_pre)
            self.sums.append(state.dw)
            return state

        def over_time(self, g: Tensor, s_pre: Tensor) -> Any:
            state = self.start(g[0], s_pre[0])
            for t in range(len(g)):
                state = self.step(state, g[t], s_pre[t])
            return self.finish(state, len(g))

    seen = []
    for train in (spikes, later):
        spy = Spy()
        LocalLearner(net, feedback, rule=spy, order=order).step(train, labels)
        seen.append(spy.sums)
    sets = 5  # of synapses: forward and recurrent of two layers, and the output's
    past = [i for i in range(sets * T) if (i % T if order == "layer" else i // sets) < 7]
    assert len(seen[0]) == sets * T and all(torch.equal(seen[0][i], seen[1][i]) for i in past)
    assert not torch.equal(seen[0][-1], seen[1][-1])  # the future did change the end


def test_no_autograd_graph_is_built_and_a_chain_of_layers_has_no_more_weights() -> None:
    spikes, labels = a_batch()

    def refuse(_: Tensor) -> None:
        raise AssertionError("autograd saved a tensor")

    net = a_net().requires_grad_(True)
    with torch.enable_grad(), saved_tensors_hooks(refuse, refuse):
        for order in ("layer", "online"):
            kind: Any = {"order": order}
            LocalLearner(net, RandomDFA(net, generator=seeded(4)), **kind).step(spikes, labels)
    plain, chain = (
        Network(SIZES, generator=seeded(0)),
        Network(SIZES, recurrent=False, generator=seeded(0)),
    )
    assert [name for name, _ in plain.named_parameters()] == [
        f"layers.{i}.{name}" for i in range(3) for name in ("w", "b")
    ]
    assert all(
        torch.equal(a, b) for a, b in zip(plain.parameters(), chain.parameters(), strict=True)
    )
