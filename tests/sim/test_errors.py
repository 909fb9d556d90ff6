from __future__ import annotations

import pytest
import torch

from biograd.errors import (
    ERRORS,
    ClassWeighted,
    ErrorNeurons,
    FinalRate,
    FinalSoftmax,
    RunningRate,
    SignedSpikes,
    SoftmaxError,
    balanced_weights,
    errors_over_time,
)

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
def test_four_steps_of_errors_are_as_computed_by_hand(
    kind: ErrorNeurons, first: list[float], second: list[float]
) -> None:
    err = errors_over_time(kind, S_OUT, TARGET)
    assert err[:, 0, 0].tolist() == pytest.approx(first) and err[:, 0, 1].tolist() == pytest.approx(
        second
    )


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


@pytest.mark.parametrize("name", [name for name in ERRORS if "softmax" not in name])
def test_a_perfect_output_has_no_error(name: str) -> None:
    assert not errors_over_time(ERRORS[name](), TARGET.expand(6, 1, 2), TARGET).any()


def test_the_softmax_error_is_the_gradient_of_the_cross_entropy_by_the_mean_voltage() -> None:
    mean = torch.tensor([[0.5, -1.0, 2.0]], requires_grad=True)
    label = torch.tensor([1])
    torch.nn.functional.cross_entropy(mean, label).backward()
    target = torch.nn.functional.one_hot(label, 3).float()
    error = SoftmaxError().error(mean.detach(), mean.detach(), target)
    torch.testing.assert_close(error, -mean.grad)


def test_the_final_softmax_is_that_gradient_at_every_step_of_a_sample() -> None:
    voltages = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels = torch.tensor([1, 3, 0])
    torch.nn.functional.cross_entropy(voltages.mean(0), labels, reduction="sum").backward()
    target = torch.nn.functional.one_hot(labels, 4).float()
    error = errors_over_time(FinalSoftmax(), voltages.detach(), target)
    torch.testing.assert_close(error, -5 * voltages.grad)


@pytest.mark.parametrize("kind", [SignedSpikes(), RunningRate(), FinalRate()])
def test_a_class_of_weight_2_teaches_as_if_each_of_its_samples_stood_twice(kind):
    generator = torch.Generator().manual_seed(0)
    s_out = (torch.rand(7, 12, 3, generator=generator) < 0.4).float()
    labels = torch.arange(12) % 3
    target = torch.nn.functional.one_hot(labels, 3).float()
    weighted = errors_over_time(ClassWeighted(kind, torch.tensor([1.0, 2.0, 1.0])), s_out, target)
    twice = torch.cat([torch.arange(12), (labels == 1).nonzero()[:, 0]])
    repeated = errors_over_time(kind, s_out[:, twice], target[twice])
    # sums of a dozen in another order
    assert torch.allclose(weighted.sum(1), repeated.sum(1), atol=1e-5)
    step = ClassWeighted(kind, torch.tensor([1.0, 2.0, 1.0])).error(s_out[0], s_out[0], target)
    assert torch.equal(
        step, kind.error(s_out[0], s_out[0], target) * torch.tensor([1.0, 2.0, 1.0])[labels, None]
    )
    assert ClassWeighted(kind, torch.ones(3)).causal == kind.causal


def test_balanced_weights_let_every_class_count_the_same_together():
    labels = torch.tensor([0] * 6 + [2] * 2)
    weights = balanced_weights(labels, 3)
    assert weights[labels].sum() == pytest.approx(8 * 2 / 3) and weights[1] == 0
    assert (6 * weights[0]).item() == pytest.approx((2 * weights[2]).item())
    full = torch.tensor([0] * 6 + [1] * 3 + [2])
    assert balanced_weights(full, 3)[full].mean() == pytest.approx(1)


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0], [float("nan"), 1.0]])
def test_weights_that_make_no_sense_are_refused(weights):
    with pytest.raises(ValueError, match="class weights are"):
        ClassWeighted(SignedSpikes(), torch.tensor(weights))


def test_weights_for_other_classes_are_refused():
    with pytest.raises(ValueError, match="2 class weights for 3 classes"):
        ClassWeighted(SignedSpikes(), torch.ones(2)).error(
            torch.zeros(1, 3), torch.zeros(1, 3), torch.zeros(1, 3)
        )
    with pytest.raises(ValueError, match="labels reach 3; 3 classes"):
        balanced_weights(torch.tensor([0, 3]), 3)
