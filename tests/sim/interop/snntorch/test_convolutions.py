"""Convolutional snnTorch models as Networks, and back: spike for spike."""

from __future__ import annotations

from typing import Any

import pytest
import snntorch as snn
import torch
from snntorch import utils
from torch import Tensor, nn
from torch.nn import functional

from biograd.connections import SumPool2d
from biograd.interop.snntorch import differences, from_snntorch, to_snntorch
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams

RESETS: list[tuple[str, dict[str, Any]]] = [
    ("subtract_late", {}),
    ("zero", {"reset_mechanism": "zero"}),
    ("none", {"reset_mechanism": "none"}),
]


@pytest.fixture(autouse=True)
def drawn_alike() -> None:
    torch.manual_seed(0)


def tutorial(**options: Any) -> nn.Sequential:
    """The net of snnTorch's sixth tutorial: 12c5-P-64c5-P-10 on 28 x 28 pixels."""
    options = {"beta": 0.5, "init_hidden": True} | options
    return nn.Sequential(
        nn.Conv2d(1, 12, 5),
        nn.MaxPool2d(2),
        snn.Leaky(**options),
        nn.Conv2d(12, 64, 5),
        nn.MaxPool2d(2),
        snn.Leaky(**options),
        nn.Flatten(),
        nn.Linear(64 * 4 * 4, 10),
        snn.Leaky(**options, output=True),
    )


def livened(model: nn.Module) -> nn.Module:
    """The model with larger weights: PyTorch's usual ones leave deep layers silent."""
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            weight.data *= 3 if "conv" in name or name.endswith("weight") else 2
    return model


def spikes(*shape: int) -> Tensor:
    return (torch.rand(shape, generator=torch.Generator().manual_seed(1)) < 0.3).float()


def outputs(model: nn.Module, x: Tensor) -> Tensor:
    utils.reset(model)
    results = (model(x_t) for x_t in x)
    return torch.stack([r[0] if isinstance(r, tuple) else r for r in results]).detach()


@pytest.mark.parametrize(("reset", "options"), RESETS)
def test_the_tutorials_net_fires_the_same_spikes_with_every_reset(reset: str, options) -> None:
    model = livened(tutorial(**options))
    net = from_snntorch(model)
    assert net.description == "12c5p0+max2-64c5p0+max2-10"
    assert net.layers[0].neuron.params.reset == reset
    x = spikes(8, 5, 1, 28, 28)
    theirs = outputs(model, x)
    assert theirs.sum() > 0
    assert int((net(x) != theirs).sum()) == 0


def test_pools_without_modules_and_states_by_hand_are_read() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.lif1 = nn.Conv2d(1, 4, 5), snn.Leaky(0.5)
            self.conv2, self.lif2 = nn.Conv2d(4, 6, 5), snn.Leaky(0.5)
            self.fc, self.lif3 = nn.Linear(6 * 4 * 4, 5), snn.Leaky(0.5)

        def forward(self, x: Tensor) -> Tensor:
            mem1, mem2, mem3 = (lif.init_leaky() for lif in (self.lif1, self.lif2, self.lif3))
            fired = []
            for _ in range(8):
                s, mem1 = self.lif1(functional.max_pool2d(self.conv1(x), 2), mem1)
                s, mem2 = self.lif2(functional.avg_pool2d(self.conv2(s), 2), mem2)
                s, mem3 = self.lif3(self.fc(s.flatten(1)), mem3)
                fired.append(s)
            return torch.stack(fired)

    model = livened(Net())
    net = from_snntorch(model)
    assert net.description == "4c5p0+max2-6c5p0+avg2-5"
    x = spikes(5, 1, 28, 28)
    assert torch.equal(net(x.expand(8, *x.shape)), model(x).detach())


def test_groups_strides_pools_of_spikes_and_normalisation_are_carried() -> None:
    model = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1, stride=2),
        nn.BatchNorm2d(8),
        snn.Leaky(0.9, threshold=0.5, init_hidden=True),
        nn.AvgPool2d(2),
        nn.Conv2d(8, 8, 3, dilation=2, groups=2, bias=False),
        snn.Synaptic(0.5, 0.8, reset_mechanism="zero", reset_delay=False, init_hidden=True),
        nn.Flatten(),
        nn.Linear(8 * 3 * 3, 5),
        nn.BatchNorm1d(5),
        snn.Leaky(0.9, reset_mechanism="none", init_hidden=True),
    )
    for norm in (model[1], model[8]):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    net = from_snntorch(model)
    assert net.description == "8c3s2-avg2-8c3p0d2g2-5" and net.shapes[0] == (2, 28, 28)
    x = spikes(8, 5, 2, 28, 28)
    theirs = outputs(model.eval(), x)
    # folding a normalisation changes last bits, which one spike in a thousand may depend on
    assert theirs.any() and (net(x) != theirs).float().mean() < 0.002


@pytest.mark.parametrize(("reset", "options"), RESETS)
def test_a_network_goes_to_snntorch_and_back_without_a_bit_changed(reset: str, options) -> None:
    p = TwoCompartmentParams(alpha_u=0.0, alpha_v=0.8, reset=reset)
    net = livened(Network((2, 12, 12), "6c3s2-avg2-8c3g2+max2-7-5", neuron=TwoCompartmentLIF(p)))
    model = to_snntorch(net)
    x = spikes(9, 4, 2, 12, 12)
    assert net(x).sum() > 0
    assert int((outputs(model, x) != net(x)).sum()) == 0
    back = from_snntorch(model, sample=(x[0],))
    assert back.description == net.description
    for ours, theirs in zip(net.parameters(), back.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_neurons_without_leak_are_carried() -> None:
    first, last = (snn.Leaky(beta=1.0, init_hidden=True) for _ in range(2))
    model = nn.Sequential(nn.Linear(9, 6), first, nn.Linear(6, 3), last)
    net = from_snntorch(livened(model))
    assert net.layers[0].neuron.params.alpha_v == 1
    x = spikes(8, 5, 9)
    assert net(x).sum() > 0 and int((net(x) != outputs(model, x)).sum()) == 0


def test_a_reset_that_the_other_side_does_not_have_is_named() -> None:
    model = livened(tutorial(reset_delay=False))
    assert any("takes a second threshold" in str(difference) for difference in differences(model))
    p = TwoCompartmentParams(alpha_u=0.0, reset="subtract")
    net = Network((4, 3, 2), neuron=TwoCompartmentLIF(p))
    with pytest.raises(ValueError, match="reset 'subtract', which snnTorch does not have"):
        to_snntorch(net)


def test_a_sum_pool_has_no_counterpart_and_says_what_to_do() -> None:
    net = Network((1, 8, 8), [SumPool2d(2), 5])
    with pytest.raises(ValueError, match=r"has no counterpart in torch.*scale the weights"):
        to_snntorch(net)


@pytest.mark.parametrize(
    ("part", "what"),
    [
        (nn.Conv2d(1, 4, (3, 5)), "kernel_size (3, 5)"),
        (nn.Conv2d(1, 4, 3, padding="same"), "padding 'same'"),
        (nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular"), "padding by 'circular'"),
    ],
)
def test_kernels_that_a_network_cannot_have_are_named(part: nn.Conv2d, what: str) -> None:
    model = nn.Sequential(part, snn.Leaky(0.9), nn.Flatten(), nn.LazyLinear(5), snn.Leaky(0.9))
    model[3](model[2](part(torch.zeros(1, 1, 28, 28))))  # makes the lazy layer
    assert any(what in str(difference) for difference in differences(model))


@pytest.mark.parametrize(
    "pool", [nn.AvgPool2d(2, padding=1), nn.MaxPool2d((2, 3)), nn.MaxPool2d(3, ceil_mode=True)]
)
def test_pools_that_a_network_cannot_have_are_named(pool: nn.Module) -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), pool, snn.Leaky(0.9))
    assert any("square windows without padding" in str(d) for d in differences(model))


@pytest.mark.parametrize(
    "neuron",
    [
        lambda: snn.RLeaky(0.8, linear_features=7, init_hidden=True),
        lambda: snn.RLeaky(0.8, V=torch.linspace(-1, 1, 7), all_to_all=False, init_hidden=True),
        lambda: snn.RSynaptic(0.5, 0.8, linear_features=7, init_hidden=True),
        lambda: snn.RSynaptic(0.5, 0.8, linear_features=7),
        lambda: snn.Lapicque(R=2.0, C=3.0, reset_mechanism="subtract", init_hidden=True),
        lambda: snn.Lapicque(beta=0.7, reset_mechanism="none", init_hidden=True),
    ],
)
def test_recurrent_and_lapicques_neurons_fire_the_same_spikes(neuron) -> None:
    hidden = neuron()
    last = snn.Leaky(0.8, init_hidden=True)
    model = nn.Sequential(nn.Linear(9, 7), hidden, nn.Linear(7, 4), last)
    with torch.no_grad():
        model[0].weight *= 8
        model[2].weight *= 8
    net = from_snntorch(model)
    assert net.recurrent == hasattr(hidden, "recurrent")
    if not hidden.init_hidden:
        return  # a Sequential cannot pass its states: `from_snntorch` ran and compared it
    x = spikes(12, 5, 9)
    assert net(x).sum() > 0 and int((net(x) != outputs(model, x)).sum()) == 0
