"""snnTorch models whose betas, alphas and thresholds differ within a layer."""

from __future__ import annotations

from typing import Any

import pytest
import snntorch as snn
import torch
from snntorch.utils import reset as reset_states
from torch import Tensor, nn

from biograd.errors import RunningRate
from biograd.feedback import RandomDFA, sleep_aligned
from biograd.interop.snntorch import differences, from_snntorch, to_snntorch
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import AdaptiveLIF, MixedLIF, TwoCompartmentLIF, mixed_decays


def evenly(low: float, high: float, *shape: int) -> Tensor:
    return torch.linspace(low, high, max(shape)).view(shape)


def outputs(model: nn.Module, x: Tensor) -> Tensor:
    reset_states(model)
    with torch.no_grad():
        return torch.stack([model(step) for step in x])


def dense(**options: Any) -> nn.Sequential:
    torch.manual_seed(0)
    late: Any = {"init_hidden": True, **options}
    early: Any = late | ({"reset_delay": False} if options.get("reset_mechanism") == "zero" else {})
    model = nn.Sequential(
        nn.Linear(9, 15),
        snn.Leaky(evenly(0.3, 0.99, 15), threshold=evenly(0.5, 2.0, 15), **late),
        nn.Linear(15, 11),
        snn.Synaptic(evenly(0.0, 0.8, 11), evenly(0.9, 0.5, 1, 11), **early),
        nn.Linear(11, 4),
        snn.Leaky(evenly(1.0, 0.5, 4), **late),
    )
    for linear in model[::2]:
        linear.weight.data *= 3
    return model


def convolutional() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.MaxPool2d(2),
        snn.Leaky(
            evenly(0.4, 0.95, 6, 1, 1), threshold=evenly(0.5, 1.5, 6, 1, 1), init_hidden=True
        ),
        nn.Conv2d(6, 4, 3),
        snn.Synaptic(0.5, evenly(0.9, 0.5, 1, 4, 1, 1), init_hidden=True),
        nn.Flatten(),
        nn.Linear(4 * 11 * 11, 5),
        snn.Leaky(0.9, init_hidden=True),
    )
    for layer in (model[0], model[3], model[6]):
        layer.weight.data *= 2
    return model


MODELS = {
    "subtract": (lambda: dense(), (9,)),
    "zero": (lambda: dense(reset_mechanism="zero"), (9,)),
    "none": (lambda: dense(reset_mechanism="none"), (9,)),
    "conv": (convolutional, (1, 28, 28)),
}


@pytest.mark.parametrize("name", MODELS)
def test_they_fire_the_same_spikes_there_and_back(name: str) -> None:
    make, shape = MODELS[name]
    model = make()
    x = (torch.rand(25, 20, *shape, generator=torch.Generator().manual_seed(1)) < 0.4).float()
    assert differences(model) == []
    net = from_snntorch(model)
    theirs = outputs(model, x)
    assert 0.01 < theirs.mean() < 0.99 and torch.equal(net(x), theirs)
    assert isinstance(net.layers[0].neuron, MixedLIF)
    assert torch.equal(outputs(to_snntorch(net), x), theirs)


def test_a_converted_model_trains_in_both_orders_to_the_same_updates() -> None:
    for make, shape in (MODELS["subtract"], MODELS["conv"]):
        net = from_snntorch(make()).double()
        feedback = sleep_aligned(net).double() if len(shape) > 1 else RandomDFA(net)
        x = torch.rand(12, 4, *shape, generator=torch.Generator().manual_seed(1)) < 0.4
        labels, seen = torch.arange(4), []
        for order in ("layer", "online"):
            LocalLearner(net, feedback, order=order, error=RunningRate()).step(x, labels)
            seen.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
        torch.testing.assert_close(seen[1], seen[0])
        assert all(g.any() for g in seen[0])


def test_a_recurrent_model_of_several_betas_fires_the_same_spikes() -> None:
    torch.manual_seed(0)
    options: Any = {"reset_mechanism": "subtract", "init_hidden": True}
    model = nn.Sequential(
        nn.Linear(9, 15),
        snn.RLeaky(evenly(0.3, 0.95, 15), linear_features=15, **options),
        nn.Linear(15, 4),
        snn.Leaky(0.9, **options),
    )
    model[0].weight.data *= 3
    x = (torch.rand(25, 20, 9, generator=torch.Generator().manual_seed(1)) < 0.4).float()
    assert differences(model) == []
    theirs = outputs(model, x)
    assert theirs.any() and torch.equal(from_snntorch(model)(x), theirs)


@pytest.mark.parametrize(
    ("neurons", "what"),
    [
        (
            snn.Leaky(torch.full((6,), 0.9)),
            "beta of shape [6] for 6 maps; nearest: one for all, or",
        ),
        (snn.Leaky(evenly(0.1, 0.9, 26, 1)), "beta of shape [26, 1] for 6 maps"),
        (snn.Leaky(0.9, threshold=torch.ones(6, 26, 26)), "threshold of shape [6, 26, 26]"),
    ],
)
def test_constants_that_are_not_those_of_maps_are_named(neurons: Any, what: str) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3), neurons, nn.Flatten(), nn.Linear(6 * 26 * 26, 3), snn.Leaky(0.9)
    )
    with pytest.raises(ValueError) as refused:
        from_snntorch(model, sample=(torch.zeros(1, 1, 28, 28),))
    assert what in str(refused.value) and "\n" not in str(refused.value)


def test_adaptive_thresholds_have_no_counterpart() -> None:
    with pytest.raises(ValueError, match=r"^AdaptiveLIF has no counterpart in snnTorch: only"):
        to_snntorch(Network((9, 5, 4), neuron=AdaptiveLIF()))
    mixed = MixedLIF(alphas_u=mixed_decays(5, 0.2, 0.6))
    model = to_snntorch(Network((9, 5, 4), neuron=(mixed, TwoCompartmentLIF())))
    assert isinstance(model.lif1, snn.Synaptic) and model.lif1.alpha.shape == (5,)
