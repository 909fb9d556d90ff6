"""Both orders of a learning step: equal to gradients where theory says so, and to each other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from biograd.errors import ERRORS, ErrorNeurons, FinalRate
from biograd.feedback import RandomDFA, Symmetric, true_path
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams
from biograd.rules import RULES, Eligibility, Rule, Update
from biograd.traces import TraceParams

T, B, CLASSES = 12, 6, 4


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_net(*sizes: int, **neuron: float) -> Network:
    """A network whose every layer fires: weights a few times the usual size."""
    net = Network(
        sizes, neuron=TwoCompartmentLIF(TwoCompartmentParams(**neuron)), generator=seeded(0)
    )
    for layer in net.layers:
        layer.w *= 2
        layer.b.uniform_(-0.1, 0.2, generator=seeded(1))
    return net


def a_batch(
    inputs: int, *, steps: int = T, batch: int = B, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    spikes = (torch.rand(steps, batch, inputs, generator=seeded(2)) < 0.4).to(dtype)
    return spikes, torch.randint(CLASSES, (batch,), generator=seeded(3))


def grads(net: Network) -> list[Tensor]:
    return [p.grad.clone() for p in net.parameters() if p.grad is not None]


class Spike(torch.autograd.Function):
    """A hard threshold whose derivative is given from outside."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return (v > 1).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.saved_tensors[0], None


def differentiable_layer(
    s: Tensor, w: Tensor, b: Tensor, p: TwoCompartmentParams, *, output: bool
) -> tuple[Tensor, Tensor]:
    """The soma by autograd, written apart from the package: what a spike takes away is detached,
    the slope is the window (1 at the output). Returns spikes and the voltages they came from.
    """
    u = v = torch.zeros(s.shape[1], len(w), dtype=s.dtype)
    spikes, voltages = [], []
    for s_t in s:
        taken = p.alpha_v * v.detach() * (v.detach() > 1)
        u = p.alpha_u * u + s_t @ w.T + b
        v = p.alpha_v * v - taken + u
        slope = torch.ones_like(v) if output else ((v.detach() - 1).abs() < p.window).to(v.dtype)
        spikes.append(Spike.apply(v, slope))
        voltages.append(v)
    return torch.stack(spikes), torch.stack(voltages)


def leaves(net: Network) -> list[Tensor]:
    return [p.detach().clone().requires_grad_() for p in net.parameters()]


# Where theory promises equality, only the order of sums differs.
TOLERANCE = {
    torch.float64: {"rtol": 1e-10, "atol": 1e-13},
    torch.float32: {"rtol": 1e-4, "atol": 1e-6},
}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("order", ["layer", "online"])
def test_without_memory_the_update_is_the_gradient_of_the_squared_error(
    order: Any, dtype: torch.dtype
) -> None:
    # alpha = 0 everywhere: signed error spikes are the derivative of 1/2 |target - s_out|^2, and
    # the whole of W, b must agree.
    net = a_net(9, 15, CLASSES, alpha_u=0.0, alpha_v=0.0).to(dtype)
    spikes, labels = a_batch(9, dtype=dtype)
    symmetric, rule = Symmetric(net), Eligibility(TraceParams(alpha_x=0.0, alpha_z=0.0))
    LocalLearner(net, symmetric, rule=rule, order=order).step(spikes, labels)

    w1, b1, w2, b2 = leaves(net)
    p = TwoCompartmentParams(alpha_u=0.0, alpha_v=0.0)
    s1, _ = differentiable_layer(spikes, w1, b1, p, output=False)
    s2, _ = differentiable_layer(s1, w2, b2, p, output=True)
    target = torch.nn.functional.one_hot(labels, CLASSES).to(dtype)
    (0.5 * (target - s2).pow(2).sum() / (T * B)).backward()

    scale = true_path(net, 0).pow(2).mean().sqrt()  # Symmetric feeds back at unit root mean square
    expected = [w1.grad / scale, b1.grad / scale, w2.grad, b2.grad]
    assert all(g.abs().max() > 1e-3 for g in expected)  # or the comparison would be empty
    torch.testing.assert_close(grads(net), expected, **TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("order", ["layer", "online"])
@pytest.mark.parametrize("error", [name for name, kind in ERRORS.items() if kind.causal])
def test_with_both_filters_each_layer_follows_its_own_gradient(
    error: str, order: Any, dtype: torch.dtype
) -> None:
    # The error straight from the output neurons is the loss derivative by the output's current
    # (hidden layer) and voltage (output).
    net = a_net(9, 15, CLASSES).to(dtype)
    spikes, labels = a_batch(9, dtype=dtype)
    LocalLearner(net, Symmetric(net), error=ERRORS[error](), order=order).step(spikes, labels)

    w1, b1, w2, b2 = leaves(net)
    p = TwoCompartmentParams()
    s1, _ = differentiable_layer(spikes, w1, b1, p, output=False)
    s2, v2 = differentiable_layer(s1.detach(), w2, b2, p, output=True)
    target = torch.nn.functional.one_hot(labels, CLASSES).to(dtype)
    err = target - s2.detach()
    if error == "running":
        err = target - s2.detach().cumsum(0) / torch.arange(1, T + 1)[:, None, None]
    elif error == "softmax":
        mean = s2.detach().cumsum(0) / torch.arange(1, T + 1)[:, None, None]
        err = target - mean.softmax(-1)
    (-(err * (s1 @ w2.detach().T)).sum() / (T * B)).backward()
    (-(err * v2).sum() / (T * B)).backward()

    assert s1.sum() > 20 and 0 < s2.mean() < 1
    scale = true_path(net, 0).pow(2).mean().sqrt()
    expected = [w1.grad / scale, b1.grad / scale, w2.grad, b2.grad]
    assert all(g.abs().max() > 1e-3 for g in expected)
    torch.testing.assert_close(grads(net), expected, **TOLERANCE[dtype])


@pytest.mark.parametrize("alpha_a", [0.0, 0.5])
@pytest.mark.parametrize("error", [name for name, kind in ERRORS.items() if kind.causal])
@pytest.mark.parametrize("rule", RULES)
def test_both_orders_give_equal_spikes_predictions_and_updates(
    rule: str, error: str, alpha_a: float
) -> None:
    net = a_net(9, 15, 11, CLASSES, alpha_a=alpha_a)
    feedback = RandomDFA(net, generator=seeded(4))
    spikes, labels = a_batch(9)
    seen = []
    for order in ("layer", "online"):
        result = LocalLearner(
            net, feedback, error=ERRORS[error](), rule=RULES[rule](), order=order
        ).step(spikes, labels)
        seen.append((result, grads(net)))
    (layer, layer_grads), (online, online_grads) = seen
    assert torch.equal(layer.predicted, online.predicted)
    torch.testing.assert_close([layer.error, layer.rates], [online.error, online.rates])
    # float32 sums in another order
    torch.testing.assert_close(layer_grads, online_grads, rtol=1e-4, atol=1e-6)
    states, stepped = net.rest(B), []
    for t in range(T):
        states = net.step(states, spikes[t])
        stepped.append([state.s for state in states])
    for index, activity in enumerate(net.roll(spikes)):
        assert activity.s.any() and torch.equal(
            activity.s, torch.stack([s[index] for s in stepped])
        )


class Spy(Rule):
    """The eligibility rule, remembering each layer's sums after every step."""

    def __init__(self) -> None:
        self.inner, self.sums = Eligibility(), []

    def start(self, g: Tensor, s_pre: Tensor) -> Any:
        return self.inner.start(g, s_pre)

    def step(self, state: Any, g: Tensor, s_pre: Tensor) -> Any:
        state = self.inner.step(state, g, s_pre)
        self.sums.append((state.dw, state.db))
        return state

    def finish(self, state: Any, steps: int) -> Update:
        return self.inner.finish(state, steps)


@pytest.mark.parametrize(
    ("order", "error"),
    [("layer", "signed"), ("layer", "running"), ("online", "signed"), ("online", "running")],
)
def test_the_update_up_to_a_step_never_changes_with_later_inputs(order: Any, error: str) -> None:
    assert _past_is_the_same(order, ERRORS[error]())


def test_an_error_that_needs_the_future_shows_in_the_same_comparison() -> None:
    assert not _past_is_the_same("layer", FinalRate())


def _past_is_the_same(order: Any, error: ErrorNeurons) -> bool:
    """Return whether sums over the first 7 steps ignore the input of the other 5."""
    net = a_net(9, 15, CLASSES, alpha_a=0.5)
    feedback = RandomDFA(net, generator=seeded(4))
    spikes, labels = a_batch(9)
    later = spikes.clone()
    later[7:] = 1 - later[7:]
    seen = []
    for train in (spikes, later):
        spy = Spy()
        LocalLearner(net, feedback, error=error, rule=spy, order=order).step(train, labels)
        steps = range(2 * T)  # two layers; whole layers one after the other, or both at every step
        past = [i for i in steps if (i % T if order == "layer" else i // 2) < 7]
        seen.append(([spy.sums[i] for i in past], [spy.sums[i] for i in steps if i not in past]))
    same = [
        all(torch.equal(a, b) for a, b in zip(x, y, strict=True))
        for x, y in zip(seen[0][0], seen[1][0], strict=True)
    ]
    assert not torch.equal(seen[0][1][-1][0], seen[1][1][-1][0])  # the future did change the end
    return all(same)


@pytest.mark.parametrize("order", ["layer", "online"])
def test_stopping_a_sample_early_gives_the_sums_up_to_there(order: Any) -> None:
    net = a_net(9, 15, CLASSES)
    feedback = RandomDFA(net, generator=seeded(4))
    spikes, labels = a_batch(9)
    spy = Spy()
    LocalLearner(net, feedback, rule=spy, order="online").step(spikes, labels)
    LocalLearner(net, feedback, order=order).step(spikes[:7], labels)
    for index, layer in enumerate(reversed(net.layers)):  # errors come from above
        # float32 sums
        torch.testing.assert_close(
            layer.w.grad, -spy.sums[6 * 2 + index][0] / 7, rtol=1e-4, atol=1e-6
        )
