from __future__ import annotations

import pytest
import torch

from biograd.export import to_model, to_network
from biograd.feedback import RandomDFA
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams
from hardware.interchange import read_model, write_model


def network(*sizes, **params):
    net = Network(sizes, neuron=TwoCompartmentLIF(TwoCompartmentParams(**params)), generator=torch.Generator().manual_seed(1))
    for layer in net.layers:
        layer.b.uniform_(-0.2, 0.3, generator=torch.Generator().manual_seed(2))
    return net


def test_a_network_comes_back_from_its_file_with_the_same_spikes(tmp_path):
    net = network(20, 15, 12, 4, alpha_u=0.3, alpha_v=0.9)
    model = to_model(net, RandomDFA(net), steps=9, encoder="bernoulli", info={"seed": 3})
    write_model(model, tmp_path / "m.nir")
    read = read_model(tmp_path / "m.nir")
    spikes = (torch.rand(9, 30, 20, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    assert net(spikes).sum() > 0
    assert torch.equal(to_network(read)(spikes), net(spikes))
    assert read.steps == 9 and read.encoder == "bernoulli" and read.info["seed"] == 3 and len(read.info["feedback_angle_deg"]) == 2


def test_feedback_weights_cross_with_the_layer_they_teach():
    net = network(5, 4, 3, 2)
    feedback = RandomDFA(net)
    model = to_model(net, feedback, steps=1, encoder="bernoulli", info={})
    assert [layer.w_fb is None for layer in model.layers] == [False, False, True]
    for hidden in range(2):
        assert (model.layers[hidden].w_fb == feedback.weights(hidden).numpy()).all()


def test_weights_that_are_not_finite_are_not_exported():
    net = network(5, 4, 2)
    net.layers[0].w[0, 0] = float("inf")
    with pytest.raises(ValueError, match="finite"):
        to_model(net, RandomDFA(net), steps=1, encoder="bernoulli", info={})
