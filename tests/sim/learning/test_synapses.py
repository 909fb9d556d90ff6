"""Learning of convolutions and pools, against autograd and against their own steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from biograd.connections import AvgPool2d, Conv2d, MaxPool2d, SumPool2d
from biograd.errors import SoftmaxError
from biograd.feedback import FEEDBACK, LayeredRandom, LayeredSymmetric
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import LeakyReadout, TwoCompartmentLIF, TwoCompartmentParams
from biograd.rules import RULES, Eligibility, Rule, Update
from biograd.traces import TraceParams

T, B, CLASSES, SHAPE = 5, 6, 4, (2, 8, 8)
OPTIONS = ["4c3", "4c5s2", "4c3p0", "4c3d2", "4c3g2", "6c3s2p2d2g2"]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_batch(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    spikes = (torch.rand(T, B, 128, generator=seeded(2)) < 0.4).to(dtype)
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


@pytest.mark.parametrize("order", ["layer", "online"])
@pytest.mark.parametrize("description", OPTIONS)
def test_without_memory_a_convolution_learns_the_gradient_of_the_squared_error(
    description: str, order: Any
) -> None:
    # alpha = 0: no reset path and no trace, and with exact feedback every gradient must agree
    p = TwoCompartmentParams(alpha_u=0.0, alpha_v=0.0)
    net = Network(
        SHAPE, f"{description}-{CLASSES}", neuron=TwoCompartmentLIF(p), generator=seeded(0)
    ).double()
    spikes, labels = a_batch(torch.float64)
    feedback = LayeredSymmetric(net)
    rule = Eligibility(TraceParams(alpha_x=0.0, alpha_z=0.0))
    LocalLearner(net, feedback, rule=rule, order=order).step(spikes, labels)

    w1, b1, w2, b2 = leaves = [w.detach().clone().requires_grad_() for w in net.parameters()]
    conv = net.layers[0].connection
    assert isinstance(conv, Conv2d)
    maps = spikes.reshape(T * B, *SHAPE)
    geometry = conv.stride, conv.border, conv.dilation, conv.groups
    v1 = functional.conv2d(maps, w1, b1, *geometry).flatten(1)
    s1 = Spike.apply(v1, ((v1.detach() - 1).abs() < 1).double())
    v2 = functional.linear(s1, w2, b2)
    s2 = Spike.apply(v2, torch.ones_like(v2)).view(T, B, CLASSES)
    target = functional.one_hot(labels, CLASSES).double()
    (0.5 * (target - s2).pow(2).sum() / (T * B)).backward()

    scale = (feedback.weights(0) / net.layers[1].w).mean()
    assert s1.sum() > 20 and all(w.grad.abs().max() > 1e-4 for w in leaves)
    expected = [w1.grad * scale, b1.grad * scale, w2.grad, b2.grad]
    torch.testing.assert_close(grads(net), expected, rtol=1e-10, atol=1e-13)


class AsWritten(Eligibility):
    """The stock rule, which a step of its own keeps from every faster form."""

    def step(self, state: Any, g: Tensor, s_pre: Tensor) -> Any:
        return super().step(state, g, s_pre)


@pytest.mark.parametrize("description", [*OPTIONS, "4c3-avg2-6c3+max2", "4c3+sum2-max3s2", "4c3-7"])
def test_the_convolutions_own_product_equals_the_rule_on_patches(description: str) -> None:
    net = Network(SHAPE, f"{description}-{CLASSES}", generator=seeded(0)).double()
    feedback = LayeredRandom(net, generator=seeded(1)).double()
    spikes, labels = a_batch(torch.float64)
    learned = []
    for rule in (Eligibility(), AsWritten()):
        LocalLearner(net, feedback, rule=rule).step(spikes, labels)
        learned.append(grads(net))
    torch.testing.assert_close(*learned, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", FEEDBACK)
@pytest.mark.parametrize("rule", RULES)
def test_both_orders_mean_the_same_for_every_feedback_and_rule(rule: str, name: str) -> None:
    description = f"4c3-avg2-6c3+max2-{CLASSES}"
    p = TwoCompartmentParams(alpha_a=0.5)
    net = Network(SHAPE, description, neuron=TwoCompartmentLIF(p), generator=seeded(0)).double()
    feedback = FEEDBACK[name](net, generator=seeded(1)).double()
    spikes, labels = a_batch(torch.float64)
    results = []
    for order in ("layer", "online"):
        learner = LocalLearner(net, feedback, rule=RULES[rule](), order=order)
        result = learner.step(spikes.view(T, B, *SHAPE), labels)
        results.append((result.predicted, result.rates, grads(net)))
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-13)
    assert all(g.abs().max() > 0 for g in results[0][2])


def test_a_users_rule_learns_kernels_as_it_learns_dense_weights() -> None:
    class Hebb(Rule):
        def start(self, g: Tensor, s_pre: Tensor) -> Any:
            return g.new_zeros(g.shape[1], s_pre.shape[1]), g.new_zeros(g.shape[1])

        def step(self, state: Any, g: Tensor, s_pre: Tensor) -> Any:
            return state[0] + g.T @ s_pre / len(g), state[1] + g.mean(0)

        def finish(self, state: Any, steps: int) -> Update:
            return Update(state[0] / steps, state[1] / steps)

    net = Network(SHAPE, f"4c3g2-{CLASSES}", generator=seeded(0)).double()
    feedback = LayeredRandom(net, generator=seeded(1)).double()
    spikes, labels = a_batch(torch.float64)
    memoryless = Eligibility(TraceParams(alpha_x=0.0, alpha_z=0.0))
    learned = []
    for rule in (Hebb(), memoryless):
        LocalLearner(net, feedback, rule=rule).step(spikes, labels)
        learned.append(grads(net))
    torch.testing.assert_close(*learned)


def test_threads_split_a_batch_of_maps_without_changing_what_it_means() -> None:
    net = Network(SHAPE, f"4c3+max2-{CLASSES}", generator=seeded(0)).double()
    feedback = LayeredRandom(net, generator=seeded(1)).double()
    spikes = (torch.rand(T, 20, 128, generator=seeded(2)) < 0.4).double()
    learned = []
    for threads in (1, 2):
        LocalLearner(net, feedback, threads=threads).step(spikes, torch.arange(20) % CLASSES)
        learned.append(grads(net))
    torch.testing.assert_close(*learned, rtol=1e-10, atol=1e-13)


def test_a_leaky_readout_learns_the_gradient_of_the_cross_entropy_of_each_step() -> None:
    # one layer, whose voltage is linear: the rule is the gradient, with the mean held
    net = Network((9, CLASSES), output=LeakyReadout(), generator=seeded(0)).double()
    spikes = (torch.rand(T, B, 9, generator=seeded(2)) < 0.4).double()
    labels = torch.arange(B) % CLASSES
    LocalLearner(net, FEEDBACK["dfa"](net), error=SoftmaxError(), rule=Eligibility()).step(
        spikes, labels
    )
    w, b = (p.detach().clone().requires_grad_() for p in net.parameters())
    u = v = torch.zeros(B, CLASSES, dtype=torch.float64)
    voltages = []
    for t in range(T):
        u = 0.5 * u + spikes[t] @ w.T + b
        v = 0.75 * v + u
        voltages.append(v)
    v = torch.stack(voltages)
    mean = v.detach().cumsum(0) / torch.arange(1, T + 1)[:, None, None]
    err = functional.one_hot(labels, CLASSES) - mean.softmax(-1)
    (-(err * v).sum() / (T * B)).backward()
    torch.testing.assert_close(grads(net), [w.grad, b.grad], rtol=1e-10, atol=1e-13)


def test_bfloat16_rounds_what_is_learned_and_nothing_that_is_measured() -> None:
    net = Network(SHAPE, f"8c3-8c3-{CLASSES}", generator=seeded(0))
    feedback, (spikes, labels) = LayeredRandom(net, generator=seeded(1)), a_batch()
    counts = [count.clone() for count in net.spike_counts(spikes)]
    learned = []
    for precision in ("float32", "bfloat16"):
        LocalLearner(net, feedback, precision=precision).step(spikes, labels)
        learned.append(grads(net))
    assert not all(torch.equal(a, b) for a, b in zip(*learned, strict=True))
    for exact, rounded in zip(*learned, strict=True):
        cosine = functional.cosine_similarity(exact.flatten(), rounded.flatten(), dim=0)
        assert cosine > 0.99  # a currents' last bits turn a few spikes
    assert all(torch.equal(*pair) for pair in zip(net.spike_counts(spikes), counts, strict=True))


def test_pools_route_errors_as_their_kinds_do() -> None:
    assert Network(SHAPE, [Conv2d(2, 3), SumPool2d(2), MaxPool2d(2), AvgPool2d(2), 3]).shapes == [
        (2, 8, 8),
        (2, 8, 8),
        (3,),
    ]


@pytest.mark.parametrize("order", ["layer", "online"])
def test_no_kernel_learns_from_the_future_and_no_graph_is_kept(order: Any) -> None:
    class Seen(Eligibility):
        """Keeps what reaches the rule at each step."""

        def __init__(self) -> None:
            super().__init__()
            self.steps: list[Tensor] = []

        def step(self, state: Any, g: Tensor, s_pre: Tensor) -> Any:
            self.steps.append(g.clone())
            return super().step(state, g, s_pre)

    net = Network(SHAPE, f"4c3-avg2-6c3+max2-{CLASSES}", generator=seeded(0))
    for layer in net.layers:
        layer.w.mul_(3)  # so that the output fires, and its errors differ
    feedback = LayeredRandom(net, generator=seeded(1))
    spikes, labels = a_batch()
    other = spikes.clone()
    other[3:] = 1 - other[3:]
    seen = []
    for train in (spikes, other):
        rules = [Seen() for _ in net.layers]
        LocalLearner(net, feedback, rule=rules, order=order).step(train, labels)
        seen.append(rules)
        assert not any(p.grad.requires_grad for p in net.parameters())
    for first, second in zip(*seen, strict=True):
        assert len(first.steps) == T
        for t in range(3):
            assert torch.equal(first.steps[t], second.steps[t])
        assert not torch.equal(first.steps[4], second.steps[4])
