"""Readouts: classes and real numbers, learned by the same error neurons, feedback and rules."""

from __future__ import annotations

import math
from typing import Any

import jaxtyping
import pytest
import torch
from torch import Tensor

from biograd.data.samples import Batch
from biograd.errors import ERRORS, ClassWeighted, FinalRate, SignedSpikes
from biograd.feedback import RandomDFA, Symmetric, true_path
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams
from biograd.readout import Classes, Values
from biograd.rules import RULES, Eligibility
from biograd.traces import TraceParams
from biograd.training.trainer import Trainer

STEPS, BATCH = 12, 6


NO_MEMORY: dict[str, float] = {"alpha_u": 0.0, "alpha_v": 0.0}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_net(*sizes: int, **neuron: float) -> Network:
    net = Network(
        sizes, neuron=TwoCompartmentLIF(TwoCompartmentParams(**neuron)), generator=seeded(0)
    )
    for layer in net.layers:
        layer.w *= 2
        layer.b.uniform_(-0.1, 0.2, generator=seeded(1))
    return net


def a_batch(inputs: int = 9, values: int = 2) -> tuple[Tensor, Tensor]:
    """Spikes, and targets between -3 and 5."""
    spikes = (torch.rand(STEPS, BATCH, inputs, generator=seeded(2)) < 0.4).float()
    return spikes, torch.rand(BATCH, values, generator=seeded(3)) * 8 - 3


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, v: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return (v > 1).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.saved_tensors[0], None


@pytest.mark.parametrize("neurons", [1, 3])
def test_the_update_is_the_gradient_of_the_squared_error_of_the_answers(neurons: int) -> None:
    # Without memory and with the whole sample's rate, the local update is the gradient itself, by
    # autograd and written apart.
    net = a_net(9, 15, 2 * neurons, **NO_MEMORY).double()
    spikes, y = (x.double() for x in a_batch())
    readout, rule = (
        Values(-3.0, 5.0, neurons=neurons),
        Eligibility(TraceParams(alpha_x=0.0, alpha_z=0.0)),
    )
    LocalLearner(net, Symmetric(net), error=FinalRate(), rule=rule, readout=readout).step(spikes, y)

    w1, b1, w2, b2 = weights = [p.detach().clone().requires_grad_() for p in net.parameters()]
    v1 = spikes @ w1.T + b1
    s1 = Spike.apply(v1, ((v1.detach() - 1).abs() < 1).double())
    v2 = s1 @ w2.T + b2
    rates = Spike.apply(v2, torch.ones_like(v2)).mean(0)
    # each neuron of a value answers by itself: the loss of every one counts
    answers = -3 + 8 * rates
    (0.5 * ((y.repeat_interleave(neurons, 1) - answers) / 8).pow(2).sum() / BATCH).backward()

    scale = true_path(net, 0).pow(2).mean().sqrt()  # Symmetric feeds back at unit root mean square
    for parameter, expected, unit in zip(
        net.parameters(), weights, (scale, scale, 1, 1), strict=True
    ):
        assert (
            expected.grad is not None
            and parameter.grad is not None
            and expected.grad.abs().max() > 1e-4
        )
        torch.testing.assert_close(parameter.grad, expected.grad / unit, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("error", [name for name, kind in ERRORS.items() if kind.causal])
def test_both_orders_and_any_number_of_threads_learn_the_same(error: str, rule: str) -> None:
    net = a_net(9, 15, 4)
    feedback, readout, (spikes, y) = (
        RandomDFA(net, generator=seeded(4)),
        Values((-3.0, -4.0), (5.0, 6.0), neurons=2),
        a_batch(),
    )
    seen = []
    for order, threads in (("layer", 1), ("layer", 2), ("online", 1)):
        kind: Any = {"order": order, "threads": threads}
        learner = LocalLearner(
            net, feedback, error=ERRORS[error](), rule=RULES[rule](), readout=readout, **kind
        )
        result = learner.step(spikes, y)
        seen.append(
            [
                result.predicted,
                result.error,
                *(p.grad for p in net.parameters() if p.grad is not None),
            ]
        )
    assert seen[0][0].shape == (BATCH, 2) and len(seen[0]) == 6
    for other in seen[1:]:
        # float32 sums in another order
        torch.testing.assert_close(other, seen[0], rtol=1e-4, atol=1e-6)


def test_classes_are_the_default_to_the_bit() -> None:
    net, labels = a_net(9, 15, 4), torch.tensor([0, 3, 1, 2, 2, 0])
    spikes, _ = a_batch()
    seen = []
    for readout in (None, Classes()):
        LocalLearner(net, RandomDFA(net, generator=seeded(4)), readout=readout).step(spikes, labels)
        seen.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(*seen, strict=True)) and len(seen[0]) == 4


def test_answers_of_the_wished_rates_are_the_targets() -> None:
    readout, y = (
        Values([-1.0, 10.0], [1.0, 20.0], neurons=3),
        torch.tensor([[-1.0, 20.0], [0.5, 12.5]]),
    )
    wished = readout.wished(y, outputs=6)
    assert wished.tolist() == [[0, 0, 0, 1, 1, 1], [0.75, 0.75, 0.75, 0.25, 0.25, 0.25]]
    assert readout.answers(wished * 8, steps=8).tolist() == y.tolist()
    apart = torch.tensor([[0.0, 3.0, 6.0, 8.0, 8.0, 2.0]])
    assert readout.answers(apart, steps=8).tolist() == [[-1 + 2 * 3 / 8, 10 + 10 * 6 / 8]]


def test_errors_are_reported_in_the_targets_unit() -> None:
    answers, y = torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[0.0, 2.0], [4.0, -2.0]])
    figures = Values(-9, 9).measured(answers, y)
    assert figures["rmse"] == pytest.approx(math.sqrt((1 + 4 + 1 + 4) / 4))
    # second value: no better than its mean
    assert figures["r2"] == pytest.approx(((1 - 2 / 8) + (1 - 8 / 8)) / 2)
    # a sum over samples of the mean over values
    assert Values(-9, 9).score(answers, y).item() == pytest.approx(5)
    flat = torch.ones(2, 1)
    # a value that never varies is no test
    assert math.isnan(Values(-9, 9).measured(flat, flat)["r2"])


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (torch.zeros(BATCH), r"need real numbers \[B, 2\]"),
        (torch.zeros(BATCH, 3), r"of shape \(6, 3\): need real numbers \[B, 2\]"),
        (torch.zeros(BATCH, 2, dtype=torch.int64), "targets are torch.int64"),
        (torch.full((BATCH, 2), math.nan), "targets hold non-finite values"),
        (torch.full((BATCH, 2), math.inf), "targets hold non-finite values"),
        (
            torch.full((BATCH, 2), 5.5),
            r"run from 5.5 to 5.5 and the readout from -3 to 5: widen Values\(low, high\)",
        ),
        (torch.zeros(0, 2), "at least one sample"),
    ],
)
def test_targets_that_do_not_fit_are_refused_in_one_line(
    y: Tensor, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as users run: the check of types would speak first
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    net, (spikes, _) = a_net(9, 2), a_batch()
    learner = LocalLearner(net, RandomDFA(net), readout=Values(-3.0, 5.0))
    with pytest.raises(ValueError, match=says) as refused:
        learner.step(spikes, y)
    assert "\n" not in str(refused.value)
    samples = Batch(torch.zeros(len(y), 9), y)
    for make in (
        lambda: Trainer(learner, torch.optim.Adam(net.parameters()), samples),
        lambda: next(loaded(learner, samples).run()),
    ):
        with pytest.raises(ValueError) as refused:
            make()
        assert "\n" not in str(refused.value)


def loaded(learner: LocalLearner, samples: Batch) -> Trainer:
    return Trainer(learner, torch.optim.Adam(learner.net.parameters()), [(samples.x, samples.y)])


def test_readouts_and_networks_that_do_not_fit_are_refused_in_one_line() -> None:
    (spikes, y), net = a_batch(), a_net(9, 3)
    with pytest.raises(
        ValueError,
        match=(
            r"^the network has 3 outputs, 2 per value: make its last size 2 times the number of"
            r" values$"
        ),
    ):
        LocalLearner(net, RandomDFA(net), readout=Values(-3, 5, neurons=2)).step(spikes, y)
    with pytest.raises(
        ValueError,
        match=r"^the network has 3 outputs, 1 per value and 2 ranges: make its last size 1 times",
    ):
        LocalLearner(net, RandomDFA(net), readout=Values([-3, -3], [5, 5])).step(
            spikes, torch.zeros(BATCH, 3)
        )
    for low, high in ((1.0, 1.0), (0.0, math.inf), (math.nan, 1.0), ((), ())):
        with pytest.raises(ValueError, match="are no ranges; need finite numbers, low < high"):
            Values(low, high)
    with pytest.raises(ValueError, match="2 low ends and 1 high ends"):
        Values([0, 0], 1)
    with pytest.raises(ValueError, match="neurons is 0"):
        Values(0, 1, neurons=0)
    weighted = ClassWeighted(SignedSpikes(), torch.ones(3))
    with pytest.raises(ValueError, match="class weights have no meaning where Values are read"):
        LocalLearner(net, RandomDFA(net), error=weighted, readout=Values(0, 1))
    with pytest.raises(
        ValueError,
        match=(
            r"labels are torch.float32 of shape \(6, 2\).*or readout=Values\(low, high\) for real"
            r" values$"
        ),
    ):
        LocalLearner(net, RandomDFA(net)).step(spikes, y)
