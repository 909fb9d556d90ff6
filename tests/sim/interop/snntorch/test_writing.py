"""Networks as snnTorch models: the same spikes, there and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from biograd.data.samples import encode
from biograd.encoders import integrate_and_fire
from biograd.interop.snntorch import from_snntorch, to_snntorch
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams

IMAGES = np.load(Path(__file__).parents[3] / "mnist_test_images.npz")


@pytest.mark.parametrize("alpha_u", [0.0, 0.5])
def test_a_network_goes_to_snntorch_and_comes_back(alpha_u):
    generator = torch.Generator().manual_seed(3)
    net = Network(
        (784, 50, 10),
        neuron=TwoCompartmentLIF(TwoCompartmentParams(alpha_u=alpha_u, alpha_v=0.8)),
        generator=generator,
    )
    for layer in net.layers:
        layer.b.uniform_(-0.1, 0.2, generator=generator)
    images = torch.from_numpy(IMAGES["test_x"][:100])
    spikes = encode(images, integrate_and_fire, 25)
    expected, model = net(spikes), to_snntorch(net)
    written = torch.stack([model(s) for s in spikes])
    assert 0.01 < expected.mean() < 0.99 and torch.equal(written.detach(), expected)
    again = from_snntorch(model)
    for a, b in zip(net.layers, again.layers, strict=True):
        assert torch.equal(a.w, b.w) and torch.equal(a.b, b.b)
    assert torch.equal(again(spikes), expected)
    written.sum().backward()
    assert model.fc1.weight.grad.abs().sum() > 0  # it trains on there
