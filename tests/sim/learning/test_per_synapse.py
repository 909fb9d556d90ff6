"""Learning by traces of each synapse's own: as autograd's gradient, in both orders."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from biograd.connections import AvgPool2d, Conv2d, Dense, MaxPool2d
from biograd.errors import SoftmaxError
from biograd.feedback import RandomDFA, Symmetric, sleep_aligned, true_path
from biograd.learning.learner import LocalLearner
from biograd.learning.per_synapse import SynapseEligibility
from biograd.learning.rules_of import like_neurons
from biograd.network import Network
from biograd.neurons import (
    AdaptiveLIF,
    AdaptiveParams,
    LeakyReadout,
    MixedLIF,
    Neuron,
    TwoCompartmentLIF,
    TwoCompartmentParams,
    mixed_decays,
)
from biograd.padding import PaddedSpikes
from biograd.rules import Eligibility
from biograd.traces import TraceParams

T, B, CLASSES = 12, 6, 4
KINDS = ("mixed", "adaptive", "both")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_neuron(kind: str, size: int, **constants: Any) -> Neuron:
    u, v = mixed_decays(size, 0.2, 0.6), mixed_decays(size, 0.5, 0.95)[::-1]
    if kind == "mixed":
        return MixedLIF(TwoCompartmentParams(**constants), alphas_u=u, alphas_v=v)
    p = AdaptiveParams(rise=0.3, alpha_h=0.8, **constants)
    return AdaptiveLIF(p, alphas_u=u, alphas_v=v) if kind == "both" else AdaptiveLIF(p)


def a_net(
    kind: str, layers: str = "", recurrent: bool = False, delays: int = 0, **constants: Any
) -> Network:
    """A network whose every layer fires."""
    sizes = (2, 6, 6) if layers else (9, 15, 11, CLASSES)
    plain = Network(sizes, layers or None)
    neurons = [a_neuron(kind, shape[0], **constants) for shape in plain.shapes[1:]]
    net = Network(
        sizes,
        layers or None,
        neuron=neurons,
        recurrent=recurrent,
        delays=delays,
        generator=seeded(0),
    )
    for layer in net.layers:
        layer.w *= 1.5
        layer.b.uniform_(-0.1, 0.2, generator=seeded(1))
    return net


def a_batch(net: Network, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    spikes = (torch.rand(T, B, net.sizes[0], generator=seeded(2)) < 0.4).to(dtype)
    return spikes, torch.randint(CLASSES, (B,), generator=seeded(3))


def grads(net: Network) -> list[Tensor]:
    return [p.grad.clone() for p in net.parameters() if p.grad is not None]


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, v: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return (v > 1).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.saved_tensors[0], None


def spikes_with_graph(
    neuron: Any, current: Any, past: Any, size: int, output: bool, dtype: torch.dtype
) -> Tensor:
    """Return spikes whose gradient is the surrogate's; no path through resets or recurrence."""
    u_kept, v_kept = neuron.decays.kept(torch.zeros(B, size, dtype=dtype))
    rise, alpha_h = getattr(neuron.params, "rise", 0.0), getattr(neuron.params, "alpha_h", 0.0)
    u = v = h = s = torch.zeros(B, size, dtype=dtype)
    fired = []
    for t in range(T):
        u = u_kept * u + current(t) + past(s.detach())
        v = v_kept * (v - v.detach() * s.detach()) + u
        h = alpha_h * h + rise * s
        x = v - h
        slope = ((x.detach() - 1).abs() < 1).to(dtype)
        s = Spike.apply(x, torch.ones_like(x) if output else slope)
        fired.append(s)
    return torch.stack(fired)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("order", ["layer", "online"])
def test_updates_are_autograds_gradient_with_the_path_through_the_threshold(
    kind: str, recurrent: bool, order: Any
) -> None:
    net = a_net(kind, recurrent=recurrent).double()
    spikes, labels = a_batch(net, torch.float64)
    LocalLearner(net, Symmetric(net), order=order).step(spikes, labels)
    rolled, target = net.roll(spikes), nn.functional.one_hot(labels, CLASSES).double()
    err, s_pre = target - rolled[-1].s, spikes
    for index, (layer, activity) in enumerate(zip(net.layers, rolled, strict=True)):
        held = [p for p in (layer.w, layer.b, layer.w_rec) if p is not None]
        copies = [p.detach().clone().requires_grad_() for p in held]
        w, b, *loop = copies

        def past(s: Tensor, loop: Any = tuple(loop)) -> Any:
            return s @ loop[0].T if loop else 0.0

        def current(t: int, w: Tensor = w, b: Tensor = b, s_pre: Tensor = s_pre) -> Tensor:
            return s_pre[t] @ w.T + b

        output = index == 2
        s = spikes_with_graph(layer.neuron, current, past, layer.size, output, torch.float64)
        assert torch.equal(s, activity.s) and s.any()
        path = None if output else true_path(net, index)
        teach = err if path is None else err @ path.T / path.pow(2).mean().sqrt()
        (-(teach * s).sum() / (T * B)).backward()
        wanted = [p.grad for p in copies]
        assert all(g is not None and g.abs().max() > 1e-4 for g in wanted)
        torch.testing.assert_close([p.grad for p in held], wanted, rtol=1e-9, atol=1e-12)
        s_pre = activity.s


@pytest.mark.parametrize("kind", KINDS)
def test_the_adaptive_component_matters(kind: str) -> None:
    net = a_net(kind)
    spikes, labels = a_batch(net)
    updates = []
    for rule in (None, [Eligibility(TraceParams())] * 3):
        LocalLearner(net, RandomDFA(net, generator=seeded(4)), rule=rule).step(spikes, labels)
        updates.append(net.layers[0].w.grad)
    assert not torch.allclose(*updates, rtol=1e-2)


CONVOLUTIONS = ("4c3s2-4", "4c3g2d2-avg2-6c3-4", "4c3-max2-4")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", ["", *CONVOLUTIONS])
@pytest.mark.parametrize("delays", [0, 3])
def test_both_orders_agree_with_any_synapses(kind: str, layers: str, delays: int) -> None:
    recurrent = not layers and delays > 0
    net = a_net(kind, layers, recurrent, delays, alpha_a=0.5, surrogate="tails").double()
    feedback = sleep_aligned(net, generator=seeded(4)).double()
    spikes, labels = a_batch(net, torch.float64)
    seen = []
    for order in ("layer", "online"):
        LocalLearner(net, feedback, order=order).step(spikes, labels)
        seen.append(grads(net))
    torch.testing.assert_close(seen[1], seen[0])
    assert all(g.any() for g in seen[0])


@pytest.mark.parametrize("layers", CONVOLUTIONS[:2])
def test_a_convolution_of_adaptive_neurons_learns_autograds_gradient(layers: str) -> None:
    net = a_net("both", layers).double()
    spikes, labels = a_batch(net, torch.float64)
    feedback = RandomDFA(net, generator=seeded(4))
    LocalLearner(net, feedback).step(spikes, labels)
    rolled, first = net.roll(spikes), net.layers[0]
    err = nn.functional.one_hot(labels, CLASSES).double() - rolled[-1].s
    w, b = (p.detach().clone().requires_grad_() for p in (first.w, first.b))

    def current(t: int) -> Tensor:
        return first.connection.current(spikes[t], w, b, first.synapse_shape)

    size = first.size
    s = spikes_with_graph(first.neuron, current, lambda s: 0.0, size, False, torch.float64)
    assert torch.equal(s, rolled[0].s) and s.any()
    (-(feedback.project(err, 0) * s).sum() / (T * B)).backward()
    torch.testing.assert_close([first.w.grad, first.b.grad], [w.grad, b.grad])


@pytest.mark.parametrize("pool", [AvgPool2d(2), MaxPool2d(2)])
def test_mixed_decays_learn_through_a_pool_of_currents_and_adaptive_ones_say_what_to_do(
    pool: Any,
) -> None:
    parts = [Conv2d(4, 3, pool=pool), Dense(CLASSES)]
    for kind, order in (("mixed", "layer"), ("both", "layer"), ("both", "online")):
        neurons = [a_neuron(kind, 4), TwoCompartmentLIF()]
        net = Network((2, 6, 6), parts, neuron=neurons, generator=seeded(0)).double()
        feedback = RandomDFA(net, generator=seeded(4))
        spikes, labels = a_batch(net, torch.float64)
        if kind == "both":
            with pytest.raises(ValueError, match=r"pool the spikes of the layer instead[^\n]*$"):
                LocalLearner(net, feedback, order=order).step(spikes, labels)
            continue
        seen = []
        for each in ("layer", "online"):
            LocalLearner(net, feedback, order=each).step(spikes, labels)
            seen.append(grads(net))
        torch.testing.assert_close(seen[1], seen[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("recurrent", [False, True])
def test_padding_reaches_no_update(kind: str, recurrent: bool) -> None:
    net = a_net(kind, recurrent=recurrent).double()
    feedback = RandomDFA(net, generator=seeded(4))
    spikes, labels = a_batch(net, torch.float64)
    lengths = torch.tensor([3, 12, 7, 5, 12, 9])
    for b, length in enumerate(lengths.tolist()):
        spikes[length:, b] = 0
    seen = []
    for order in ("layer", "online"):
        LocalLearner(net, feedback, order=order).step(PaddedSpikes(spikes, lengths), labels)
        seen.append(grads(net))
    torch.testing.assert_close(seen[1], seen[0])
    alone = [torch.zeros_like(g) for g in seen[0]]
    for b, length in enumerate(lengths.tolist()):
        one = spikes[:length, b : b + 1], labels[b : b + 1]
        LocalLearner(net, feedback).step(*one)
        alone = [a + g / B for a, g in zip(alone, grads(net), strict=True)]
    torch.testing.assert_close(seen[0], alone)


def test_the_state_of_the_online_order_does_not_grow_with_time() -> None:
    net = a_net("both")
    rule = like_neurons(net)[0]
    g, s = torch.zeros(B, 15), torch.zeros(B, 9)
    state = rule.start(g, s)
    sizes = [part.shape for part in state]
    for _ in range(5):
        state = rule.step(state, g, s)
    assert [part.shape for part in state] == sizes


def test_a_step_that_a_subclass_overrides_is_never_replaced() -> None:
    class Halved(SynapseEligibility):
        def step(self, state: Any, g: Tensor, s_pre: Tensor, psi: Any = None) -> Any:
            return super().step(state, g / 2, s_pre, psi)

    net = a_net("both", CONVOLUTIONS[1]).double()
    feedback = RandomDFA(net, generator=seeded(4))
    spikes, labels = a_batch(net, torch.float64)
    LocalLearner(net, feedback).step(spikes, labels)
    whole = grads(net)
    halved = [
        Halved(layer.neuron.decays, alpha_h=0.8, rise=0.3)  # type: ignore[attr-defined]
        for layer in net.layers
    ]
    for order in ("layer", "online"):
        LocalLearner(net, feedback, rule=halved, order=order).step(spikes, labels)
        torch.testing.assert_close([2 * g for g in grads(net)], whole)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_of_them_learns_a_task(kind: str) -> None:
    net = Network(
        (20, 40, 2),
        neuron=(a_neuron(kind, 40), TwoCompartmentLIF()),
        output=LeakyReadout(),
        generator=seeded(0),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    learner = LocalLearner(net, RandomDFA(net, generator=seeded(1)), error=SoftmaxError())
    labels = torch.arange(40) % 2
    rates = torch.rand(2, 20, generator=seeded(2))
    spikes = (torch.rand(15, 40, 20, generator=seeded(3)) < rates[labels]).float()
    for _ in range(30):
        result = learner.step(spikes, labels)
        optimizer.step()
    assert (result.predicted == labels).float().mean() > 0.9
