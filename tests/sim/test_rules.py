from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biograd.rules import RULES, Eligibility, Factorised, Rule, update_over_time
from biograd.traces import TraceParams, eligibility, rest, trace_step

# One synapse, three steps, two samples; alpha_x = 1/2, alpha_z = 3/4.
S_PRE = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).view(3, 2, 1)
G = torch.tensor([[1.0, 2.0], [-1.0, 4.0], [2.0, 1.0]]).view(3, 2, 1)


def test_three_steps_of_the_eligibility_rule_are_as_computed_by_hand() -> None:
    # z: 1, 1.25, 2.1875 and 0, 1, 1.25;  sum of g z: 1 - 1.25 + 4.375 and 4 + 1.25;  the always-on
    # input: 1, 2.25, 3.4375
    update = Eligibility().over_time(G, S_PRE)
    assert update.dw.item() == pytest.approx((4.125 + 5.25) / 6)
    assert update.db.item() == pytest.approx((1 * 3 + 2.25 * 3 + 3.4375 * 3) / 6)


def test_three_steps_of_the_factorised_rule_are_as_computed_by_hand() -> None:
    update = Factorised().over_time(G, S_PRE)
    assert update.dw.item() == pytest.approx((2 / 3 * 2 / 3 + 7 / 3 * 1 / 3) / 2)
    assert update.db.item() == pytest.approx((2 / 3 + 7 / 3) / 2)


@pytest.mark.parametrize("name", RULES)
@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**31))
def test_every_rule_step_by_step_equals_its_faster_form(
    name: str, steps: int, batch: int, seed: int
) -> None:
    generator, rule = torch.Generator().manual_seed(seed), RULES[name]()
    g = torch.randn(steps, batch, 4, generator=generator, dtype=torch.float64)
    s_pre = (torch.rand(steps, batch, 3, generator=generator, dtype=torch.float64) < 0.5).double()
    short = update_over_time(rule, g, s_pre)
    state = rule.start(g[0], s_pre[0])
    for t in range(steps):
        state = rule.step(state, g[t], s_pre[t])
    torch.testing.assert_close(tuple(rule.finish(state, steps)), tuple(short))
    assert short.dw.shape == (4, 3) and short.db.shape == (4,)


def test_the_matrix_product_is_the_mean_of_every_samples_eligibility() -> None:
    generator = torch.Generator().manual_seed(0)
    v_apical, psi = (
        torch.randn(6, 5, 4, generator=generator),
        (torch.rand(6, 5, 4, generator=generator) < 0.5).float(),
    )
    s_pre = (torch.rand(6, 5, 3, generator=generator) < 0.5).float()
    state, total = rest(s_pre[0]), torch.zeros(4, 3)
    for t in range(6):
        state = trace_step(state, s_pre[t], TraceParams())
        total += (v_apical[t].unsqueeze(-1) * eligibility(psi[t], state.z)).sum(0)
    torch.testing.assert_close(Eligibility().over_time(v_apical * psi, s_pre).dw, total / 30)


@pytest.mark.parametrize(
    "rule", [Eligibility(), Eligibility(TraceParams(alpha_x=0.2, alpha_z=0.0)), Factorised()]
)
def test_the_bias_learns_like_a_weight_from_an_input_that_always_fires(rule: Rule) -> None:
    g = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(0))
    update = update_over_time(rule, g, torch.ones(6, 5, 1))
    torch.testing.assert_close(update.dw[:, 0], update.db)


@pytest.mark.parametrize("name", RULES)
def test_the_size_of_a_rules_state_does_not_grow_with_time(name: str) -> None:
    rule, g, s_pre = RULES[name](), torch.ones(5, 4), torch.ones(5, 3)

    def numbers(state: object) -> int:
        return (
            state.numel()
            if isinstance(state, torch.Tensor)
            else sum(numbers(part) for part in state)
        )  # type: ignore[attr-defined]

    state = rule.start(g, s_pre)
    before = numbers(state)
    for _ in range(20):
        state = rule.step(state, g, s_pre)
    assert numbers(state) == before


@pytest.mark.parametrize("steps", [1, 7])
def test_a_rule_of_ones_own_is_stepped_through_whole_trains(steps: int) -> None:
    class Own(Rule):
        """The eligibility rule, without its faster form."""

        start, step, finish = (
            lambda self, *a, name=name: getattr(Eligibility(), name)(*a)
            for name in ("start", "step", "finish")
        )

    generator = torch.Generator().manual_seed(0)
    g, s_pre = (
        torch.randn(steps, 5, 4, generator=generator),
        (torch.rand(steps, 5, 3, generator=generator) < 0.5).float(),
    )
    torch.testing.assert_close(
        tuple(update_over_time(Own(), g, s_pre)), tuple(Eligibility().over_time(g, s_pre))
    )
