"""Learning from one sample in one compiled call, while the parts around it change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from biograd.errors import SignedSpikes
from biograd.feedback import RandomDFA, Symmetric
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams
from biograd.rules import Eligibility, Factorised
from biograd.traces import TraceParams

LABEL = torch.tensor([3])


def spikes(seed: int = 0, steps: int = 6) -> torch.Tensor:
    drawn = torch.Generator().manual_seed(seed)
    return torch.bernoulli(torch.full((steps, 1, 20), 0.4), generator=drawn)


def a_learner(feedback: type = RandomDFA) -> LocalLearner:
    net = Network((20, 9, 5), generator=torch.Generator().manual_seed(0))
    return LocalLearner(net, feedback(net, generator=torch.Generator().manual_seed(1)))


def gradients(learner: LocalLearner) -> list[torch.Tensor]:
    return [p.grad for p in learner.net.parameters() if p.grad is not None]


def _double_the_update(learner: LocalLearner) -> None:
    rule = learner.rules[0]
    doubled = Eligibility.over_time
    rule.over_time = lambda g, s: type(u := doubled(rule, g, s))(2 * u.dw, 2 * u.db)


def _double_the_errors(learner: LocalLearner) -> None:
    learner.error.error = lambda s_out, rate, target: 2 * (target - s_out)


def _project_more(learner: LocalLearner) -> None:
    learner.feedback.project = lambda err, hidden: (
        3 * RandomDFA.project(learner.feedback, err, hidden)
    )


def _other_neurons(learner: LocalLearner) -> None:
    learner.net.layers[0].neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.1))


CHANGES: dict[str, Callable[[LocalLearner], object]] = {
    "weights in place": lambda learner: learner.net.layers[0].w.mul_(2),
    "memory of the weights": lambda learner: setattr(
        learner.net.layers[0].w, "data", 2 * learner.net.layers[0].w.data
    ),
    "weights in columns": lambda learner: setattr(
        learner.net.layers[0].w, "data", 2 * learner.net.layers[0].w.T.contiguous().T
    ),
    "a parameter": lambda learner: setattr(
        learner.net.layers[1],
        "b",
        torch.nn.Parameter(torch.full((5,), 0.2), requires_grad=False),
    ),
    "feedback in place": lambda learner: learner.feedback.w_fb[0].neg_(),
    "the rule": lambda learner: learner.rules.__setitem__(0, Factorised()),
    "the traces": lambda learner: setattr(learner.rules[1], "trace", TraceParams(alpha_x=0.1)),
    "a method of the rule": _double_the_update,
    "a method of the error neurons": _double_the_errors,
    "a method of the feedback": _project_more,
    "neurons": _other_neurons,
    "double precision": lambda learner: learner.net.double() and learner.feedback.double(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_step_follows_every_change_of_a_part(change: str, monkeypatch) -> None:
    learner, expected = a_learner(), a_learner()
    learner.step(spikes(), LABEL)
    before = [g.clone() for g in gradients(learner)]
    CHANGES[change](learner), CHANGES[change](expected)
    learner.step(spikes(), LABEL)
    monkeypatch.setattr(LocalLearner, "_step_on_one", lambda *sides: None)
    expected.step(spikes(), LABEL)
    pairs = zip(gradients(learner), gradients(expected), strict=True)
    assert all(torch.equal(g, wanted) for g, wanted in pairs)
    assert (
        not all(
            torch.equal(g.float(), old) for g, old in zip(gradients(learner), before, strict=True)
        )
        or change == "double precision"
    )


@pytest.mark.parametrize("feedback", [RandomDFA, Symmetric])
def test_other_numbers_of_steps_and_other_weights_teach_their_own_bits(
    feedback: type, monkeypatch
) -> None:
    learner, expected = a_learner(feedback), a_learner(feedback)
    for seed, steps in enumerate((6, 6, 40, 6)):
        learner.step(spikes(seed, steps), LABEL)
        with monkeypatch.context() as usual:
            usual.setattr(LocalLearner, "_step_on_one", lambda *sides: None)
            expected.step(spikes(seed, steps), LABEL)
        for each in (learner, expected):
            torch.optim.SGD(each.net.parameters(), lr=0.1).step()
        pairs = zip(gradients(learner), gradients(expected), strict=True)
        assert all(torch.equal(g, wanted) for g, wanted in pairs)


def test_a_gradient_in_place_is_written_again_and_one_taken_away_stays() -> None:
    learner = a_learner()
    learner.step(spikes(0), LABEL)
    first = gradients(learner)
    values = [g.clone() for g in first]
    learner.step(spikes(1), LABEL)
    assert all(g is old for g, old in zip(gradients(learner), first, strict=True))
    assert not all(torch.equal(g, old) for g, old in zip(first, values, strict=True))
    values = [g.clone() for g in first]
    learner.net.zero_grad()
    learner.step(spikes(0), LABEL)
    assert all(torch.equal(g, old) for g, old in zip(first, values, strict=True))
    assert all(g is not old for g, old in zip(gradients(learner), first, strict=True))


def test_a_gradient_whose_memory_was_replaced_is_written_where_it_lies_now() -> None:
    learner = a_learner()
    learner.step(spikes(0), LABEL)
    wanted = [g.clone() for g in gradients(learner)]
    for g in gradients(learner):
        g.data = torch.zeros_like(g)
    learner.step(spikes(0), LABEL)
    assert all(torch.equal(g, old) for g, old in zip(gradients(learner), wanted, strict=True))


def test_nothing_is_written_where_a_sample_is_refused() -> None:
    learner = a_learner()
    learner.step(spikes(0), LABEL)
    before = [g.clone() for g in gradients(learner)]
    for s, label in ((spikes(), torch.tensor([5])), (spikes()[:, :, :7], LABEL)):
        with pytest.raises(ValueError):
            learner.step(s, label)
    assert all(torch.equal(g, old) for g, old in zip(gradients(learner), before, strict=True))


def test_error_neurons_of_ones_own_object_run_as_they_are_written() -> None:
    learner = a_learner()
    learner.error = SignedSpikes()
    learner.error.error = lambda s_out, rate, target: torch.zeros_like(s_out)
    assert float(learner.step(spikes(), LABEL).error) == 0
