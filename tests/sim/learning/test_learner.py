from __future__ import annotations

import inspect
from typing import Any

import jaxtyping
import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from biograd.errors import FinalRate
from biograd.feedback import FEEDBACK, RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams
from biograd.rules import Eligibility

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


@pytest.mark.parametrize("order", ["layer", "online"])
def test_parts_of_a_batch_on_threads_give_the_whole_batches_update(order: Any) -> None:
    net = a_net(9, 15, CLASSES)
    feedback = RandomDFA(net, generator=seeded(4))
    spikes, labels = a_batch(9, batch=27)  # parts of unequal size
    whole = LocalLearner(net, feedback, order=order).step(spikes, labels)
    expected = grads(net)
    parts = LocalLearner(net, feedback, order=order, threads=2).step(spikes, labels)
    # float32 sums in another order
    torch.testing.assert_close(grads(net), expected, rtol=1e-4, atol=1e-6)
    assert torch.equal(whole.predicted, parts.predicted)
    torch.testing.assert_close([whole.error, whole.rates], [parts.error, parts.rates])


@pytest.mark.parametrize("order", ["layer", "online"])
def test_no_autograd_graph_is_ever_built(order: Any) -> None:
    net = a_net(9, 15, 11, CLASSES, alpha_a=0.5)
    spikes, labels = a_batch(9)

    def refuse(_: Tensor) -> None:
        raise AssertionError("autograd saved a tensor")

    with torch.enable_grad(), saved_tensors_hooks(refuse, refuse):
        for kind in FEEDBACK.values():
            feedback = kind(net, generator=seeded(4))
            result = LocalLearner(net, feedback, order=order).step(spikes, labels)
            made = [*result, *net.parameters(), *feedback.parameters(), *grads(net), net(spikes)]
            assert all(x.grad_fn is None and not x.requires_grad for x in made)


def test_the_rules_update_goes_into_grad_with_its_sign_turned() -> None:
    net = a_net(9, CLASSES)
    spikes, labels = a_batch(9)
    err = torch.nn.functional.one_hot(labels, CLASSES).float() - net(spikes)
    update = Eligibility().over_time(err, spikes)
    LocalLearner(net, RandomDFA(net)).step(spikes, labels)
    torch.testing.assert_close(grads(net), [-update.dw, -update.db])


def test_the_output_layer_learns_outside_its_window_and_hidden_layers_only_inside() -> None:
    net = a_net(9, 15, CLASSES, window=1e-9)  # no voltage is ever inside
    spikes, labels = a_batch(9)
    LocalLearner(net, RandomDFA(net, generator=seeded(4))).step(spikes, labels)
    hidden_w, hidden_b, out_w, out_b = grads(net)
    assert not hidden_w.any() and not hidden_b.any() and out_w.any() and out_b.any()


def test_a_step_returns_answers_errors_and_rates() -> None:
    net = a_net(9, 15, CLASSES)
    spikes, labels = a_batch(9)
    result = LocalLearner(net, RandomDFA(net)).step(spikes, labels)
    activity = net.roll(spikes)
    target = torch.nn.functional.one_hot(labels, CLASSES)
    assert result.error.item() == pytest.approx((target - activity[-1].s).abs().mean().item())
    assert result.rates.tolist() == pytest.approx([fired.s.mean().item() for fired in activity])
    assert result.predicted.shape == (B,) and result.predicted.dtype == torch.int64


def test_an_unknown_order_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    # as users run: the check of types would speak first
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    order: Any = "fastest"
    with pytest.raises(ValueError, match=r"^order is 'fastest'; known: 'layer', 'online'$"):
        LocalLearner(a_net(9, CLASSES), RandomDFA(a_net(9, CLASSES)), order=order)


def test_errors_from_the_future_are_refused_online_in_one_line() -> None:
    net = a_net(9, CLASSES)
    with pytest.raises(ValueError, match=r"^FinalRate needs the end of the sample[^\n]*'layer'$"):
        LocalLearner(net, RandomDFA(net), error=FinalRate(), order="online")


def test_learning_takes_no_more_than_spikes_and_labels() -> None:
    assert list(inspect.signature(LocalLearner.step).parameters) == ["self", "spikes", "labels"]


@pytest.mark.parametrize("order", ["layer", "online"])
def test_a_network_that_asks_for_gradients_still_builds_no_graph(order):
    net = Network((6, 5, 3), generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    learner = LocalLearner(net, RandomDFA(net), order=order, threads=2)
    spikes = (torch.rand(4, 16, 6, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    learner.step(spikes, torch.arange(16) % 3)
    for parameter in net.parameters():
        assert (
            parameter.grad is not None
            and parameter.grad.grad_fn is None
            and not parameter.grad.requires_grad
        )
