"""Every member of every table learns, and so do parts that a user writes, in both orders."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from biograd.encoders import ENCODERS
from biograd.errors import ERRORS, ErrorNeurons
from biograd.feedback import FEEDBACK, Feedback, RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import NEURONS, Neuron, TwoCompartmentLIF
from biograd.rules import RULES, Rule, Update

T, B, CLASSES = 12, 6, 4


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_batch(
    inputs: int, *, steps: int = T, batch: int = B, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    spikes = (torch.rand(steps, batch, inputs, generator=seeded(2)) < 0.4).to(dtype)
    return spikes, torch.randint(CLASSES, (batch,), generator=seeded(3))


def grads(net: Network) -> list[Tensor]:
    return [p.grad.clone() for p in net.parameters() if p.grad is not None]


# The contract of every table, and of what a user writes.

MEMBERS = [
    (table, name)
    for table, members in (
        ("neuron", NEURONS),
        ("error", ERRORS),
        ("feedback", FEEDBACK),
        ("rule", RULES),
        ("encoder", ENCODERS),
    )
    for name in members
]


@pytest.mark.parametrize(("table", "name"), MEMBERS)
def test_every_member_of_every_table_learns(table: str, name: str) -> None:
    pick = {
        "neuron": "two_compartment",
        "error": "signed",
        "feedback": "dfa",
        "rule": "eligibility",
        "encoder": "bernoulli",
        table: name,
    }
    net = Network((9, 15, CLASSES), neuron=NEURONS[pick["neuron"]](), generator=seeded(0))
    error = ERRORS[pick["error"]]()
    _, labels = a_batch(9)
    spikes = ENCODERS[pick["encoder"]](
        torch.rand(B, 9, generator=seeded(2)), T, generator=seeded(3)
    )
    for order in ("layer", "online") if error.causal else ("layer",):
        feedback = FEEDBACK[pick["feedback"]](net, generator=seeded(4))
        LocalLearner(net, feedback, error=error, rule=RULES[pick["rule"]](), order=order).step(
            spikes, labels
        )
        for p in net.parameters():
            assert p.grad is not None and p.grad.shape == p.shape and p.grad.any()
        for hidden, n in enumerate(net.hidden):
            above = net.layers[hidden + 1].w.shape
            assert feedback.weights(hidden).shape == (above if feedback.layered else (n, CLASSES))


class AdaptiveState(NamedTuple):
    v: Tensor
    threshold: Tensor
    s: Tensor


class Adaptive(Neuron):
    """A user's neuron: its threshold rises with each spike, and its dendrite averages."""

    def rest(self, like: Tensor) -> AdaptiveState:
        return AdaptiveState(torch.zeros_like(like), torch.ones_like(like), torch.zeros_like(like))

    def soma(self, state: Any, current: Tensor) -> AdaptiveState:
        v = 0.9 * state.v * (1 - state.s) + current
        threshold = 1 + 0.8 * (state.threshold - 1) + 0.2 * state.s
        return AdaptiveState(v, threshold, (v > threshold).to(v.dtype))

    def slope(self, state: Any) -> Tensor:
        return 1 / (1 + (state.v - state.threshold).abs()) ** 2

    def apical(self, v_apical: Tensor, teach: Tensor) -> Tensor:
        return 0.3 * v_apical + 0.7 * teach


class Hebb(Rule):
    """A user's rule: same-step products."""

    def start(self, g: Tensor, s_pre: Tensor) -> Any:
        return g.new_zeros(g.shape[1], s_pre.shape[1]), g.new_zeros(g.shape[1])

    def step(self, state: Any, g: Tensor, s_pre: Tensor) -> Any:
        return state[0] + g.T @ s_pre / len(g), state[1] + g.mean(0)

    def finish(self, state: Any, steps: int) -> Update:
        return Update(state[0] / steps, state[1] / steps)


class Clipped(ErrorNeurons):
    """A user's error neurons: silent about small errors."""

    causal = True

    def error(self, s_out: Tensor, rate: Tensor, target: Tensor) -> Tensor:
        err = target - rate
        return err * (err.abs() > 0.3)


class Broadcast(Feedback):
    """A user's feedback: hidden neuron n hears class n alone, by the errors themselves."""

    def project(self, err: Tensor, hidden: int) -> Tensor:
        return err

    def weights(self, hidden: int) -> Tensor:
        return torch.eye(CLASSES)


@pytest.mark.parametrize("own", ["neuron", "rule", "error", "feedback", "all"])
def test_what_a_user_writes_works_in_both_orders_without_touching_the_loop(own: str) -> None:
    def chosen(kind: str, mine: Any, stock: Any) -> Any:
        return mine if own in (kind, "all") else stock

    net = Network(
        (9, CLASSES, CLASSES, CLASSES),
        neuron=chosen("neuron", Adaptive(), TwoCompartmentLIF()),
        generator=seeded(0),
    )
    for layer in net.layers:
        layer.w *= 3
    feedback = chosen("feedback", Broadcast(), RandomDFA(net, generator=seeded(4)))
    error, rule = chosen("error", Clipped(), None), chosen("rule", Hebb(), None)
    spikes, labels = a_batch(9)
    seen = []
    for order in ("layer", "online"):
        LocalLearner(net, feedback, error=error, rule=rule, order=order).step(spikes, labels)
        seen.append(grads(net))
    assert all(g.any() for g in seen[0])
    torch.testing.assert_close(*seen, rtol=1e-4, atol=1e-6)  # float32 sums in another order
