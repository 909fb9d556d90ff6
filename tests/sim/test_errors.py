from __future__ import annotations

import pytest
import torch

from biograd.errors import ERRORS, ErrorNeurons, FinalRate, RunningRate, SignedSpikes, errors_over_time

# Two classes over four steps; the first should fire at every step, the second never.
S_OUT = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]]).view(4, 1, 2)
TARGET = torch.tensor([[1.0, 0.0]])


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        (SignedSpikes(), [1, 0, 1, 0], [-1, -1, 0, 0]),
        (RunningRate(), [1, 1 / 2, 2 / 3, 1 / 2], [-1, -1, -2 / 3, -1 / 2]),
        (FinalRate(), [1 / 2] * 4, [-1 / 2] * 4),
    ],
    ids=["signed", "running", "final"],
)
def test_four_steps_of_errors_are_as_computed_by_hand(kind: ErrorNeurons, first: list[float], second: list[float]) -> None:
    err = errors_over_time(kind, S_OUT, TARGET)
    assert err[:, 0, 0].tolist() == pytest.approx(first) and err[:, 0, 1].tolist() == pytest.approx(second)


@pytest.mark.parametrize("name", ERRORS)
def test_a_kind_is_causal_just_when_its_past_errors_ignore_later_spikes(name: str) -> None:
    later = S_OUT.clone()
    later[2:] = 1 - later[2:]
    kind = ERRORS[name]()
    before = errors_over_time(kind, S_OUT, TARGET)[:2], errors_over_time(kind, later, TARGET)[:2]
    assert torch.equal(*before) == kind.causal


@pytest.mark.parametrize("name", [name for name, kind in ERRORS.items() if kind.causal])
def test_causal_errors_step_by_step_equal_those_of_the_whole_sample(name: str) -> None:
    kind, counts = ERRORS[name](), torch.zeros(1, 2)
    whole = errors_over_time(kind, S_OUT, TARGET)
    for t in range(4):
        counts += S_OUT[t]
        assert torch.equal(kind.error(S_OUT[t], counts / (t + 1), TARGET), whole[t])


@pytest.mark.parametrize("name", ERRORS)
def test_a_perfect_output_has_no_error(name: str) -> None:
    assert not errors_over_time(ERRORS[name](), TARGET.expand(6, 1, 2), TARGET).any()
