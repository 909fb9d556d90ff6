from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from biograd.rules import RULES, Eligibility, Factorised, Rule, Update, update_over_time
from biograd.runs.experiment import Experiment
from biograd.traces import TraceParams

calls: list[str] = []  # methods of the parts below, in the order of their calls


@pytest.fixture(autouse=True)
def uncounted() -> None:
    calls.clear()


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Doubled(Eligibility):
    """A step of the stock rule, twice as large; the faster form of its parent leaves it out."""

    def step(self, state: Any, g: Tensor, s_pre: Tensor) -> Any:
        calls.append("step")
        return super().step(state, 2 * g, s_pre)


class Halved(Factorised):
    """Half the update of another parent, in another method."""

    def finish(self, state: Any, steps: int) -> Update:
        calls.append("finish")
        return super().finish(state, 2 * steps)


@pytest.mark.parametrize("rule", [Doubled(), Halved()])
def test_a_rule_with_steps_of_its_own_takes_the_loop_over_them(rule: Rule) -> None:
    g = torch.randn(6, 5, 4, generator=seeded(0))
    s_pre = (torch.rand(6, 5, 3, generator=seeded(1)) < 0.5).float()
    state = rule.start(g[0], s_pre[0])
    for t in range(6):
        state = rule.step(state, g[t], s_pre[t])
    stepped = rule.finish(state, 6)
    parent = type(rule).__mro__[1]()
    for update in (rule.over_time(g, s_pre), update_over_time(rule, g, s_pre)):
        assert torch.equal(update.dw, stepped.dw) and torch.equal(update.db, stepped.db)
        assert not torch.allclose(update.dw, parent.over_time(g, s_pre).dw)


def test_a_faster_form_of_ones_own_stands_for_ones_own_steps(by_object: Any) -> None:
    class Short(Doubled):
        def over_time(self, g: Tensor, s_pre: Tensor) -> Update:
            calls.append("over_time")
            return Eligibility.over_time(self, 2 * g, s_pre)

    class Mixed(Halved, Short):
        """Steps of one parent before the faster form of another."""

    by_object(rule=Short())
    assert calls == ["over_time"] * 2 * 3  # layers, batches
    assert Mixed.over_time is Rule.over_time


def test_a_step_that_is_replaced_on_the_object_is_called(by_object: Any, same: Any) -> None:
    rule = Eligibility()
    plain, _ = by_object(rule=rule)

    def doubled(state: Any, g: Tensor, s_pre: Tensor) -> Any:
        return Eligibility.step(rule, state, 2 * g, s_pre)

    rule.step = doubled  # type: ignore[method-assign]
    assert not same(by_object(rule=rule)[0], plain)


@pytest.mark.usefixtures("mnist")
def test_a_rule_is_used_by_name_with_the_runs_traces_and_as_an_object(
    monkeypatch: pytest.MonkeyPatch, config: Any, by_name: Any, by_object: Any, same: Any
) -> None:
    monkeypatch.setitem(RULES, "doubled", Doubled)
    config = dataclasses.replace(config, rule="doubled", trace=TraceParams(alpha_x=0.1))
    experiment = Experiment.from_config(config)
    assert [vars(rule) for rule in experiment.learner.rules] == [{"trace": config.trace}] * 2
    weights, _ = by_name(config)
    assert calls.count("step") == 2 * 2 * config.steps  # batches, layers
    assert not same(weights, by_name(dataclasses.replace(config, rule="eligibility"))[0])
    for order in ("layer", "online"):
        calls.clear()
        assert not same(by_object(rule=Doubled(), order=order)[0], by_object(order=order)[0])
        assert calls.count("step") == 3 * 2 * 10
