"""Networks come back from their NIR files as they were; other tools' files fire the same spikes."""

from __future__ import annotations

import itertools
import warnings

import nir
import numpy as np
import pytest
import snntorch
import snntorch.utils
import torch
from snntorch.export_nir import export_to_nir
from torch import nn

from biograd.feedback import RandomDFA, sleep_aligned
from biograd.interop.nir import ForeignFileWarning, from_nir, to_model, to_network, to_nir
from biograd.interop.snntorch import from_snntorch, to_snntorch
from biograd.network import Network
from biograd.neurons import LeakyReadout, TwoCompartmentLIF, TwoCompartmentParams
from hardware.border.files import read_model, write_model
from hardware.border.model import LayerModel, Model


def network(*sizes, **params):
    net = Network(
        sizes,
        neuron=TwoCompartmentLIF(TwoCompartmentParams(**params)),
        generator=torch.Generator().manual_seed(1),
    )
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
    assert (
        read.steps == 9
        and read.encoder == "bernoulli"
        and read.info["seed"] == 3
        and len(read.info["feedback_angle_deg"]) == 2
    )


def test_each_layers_surrogate_window_comes_back_from_the_file(tmp_path):
    neurons = [TwoCompartmentLIF(TwoCompartmentParams(window=window)) for window in (0.25, 1.5)]
    to_nir(Network((5, 4, 2), neuron=neurons), tmp_path / "m.nir")
    again = from_nir(tmp_path / "m.nir")
    assert [layer.neuron.params.window for layer in again.layers] == [0.25, 1.5]


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


def test_a_network_without_feedback_comes_back_from_its_nir_file(tmp_path):
    net = network(20, 15, 4, alpha_u=0.0, alpha_v=0.95)
    to_nir(net, tmp_path / "m.nir", steps=25)
    again = from_nir(tmp_path / "m.nir")
    assert all(
        torch.equal(a.w, b.w) and torch.equal(a.b, b.b)
        for a, b in zip(net.layers, again.layers, strict=True)
    )
    assert (again.neuron.params.alpha_u, again.neuron.params.alpha_v) == (
        0.0,
        torch.tensor(0.95).item(),
    )
    assert read_model(tmp_path / "m.nir").steps == 25


def snntorch_file(path, seed=0, sizes=(784, 60, 10), reset="zero"):
    """A model of snnTorch, and its file by snnTorch's exporter, which needs a value per neuron."""
    torch.manual_seed(seed)
    modules = []
    for fan_in, size in itertools.pairwise(sizes):
        linear = nn.Linear(fan_in, size)
        linear.weight.data *= 4
        beta, threshold = torch.full((size,), 0.9), torch.full((size,), 0.5)
        modules += [
            linear,
            snntorch.Leaky(beta, threshold, reset_mechanism=reset, init_hidden=True),
        ]
    model = nn.Sequential(*modules)
    with warnings.catch_warnings():
        # snnTorch 1.0.0 calls a function that nirtorch deprecates
        warnings.simplefilter("ignore", DeprecationWarning)
        nir.write(path, export_to_nir(model, torch.zeros(sizes[0])))
    snntorch.utils.reset(model)
    return model


def test_a_file_that_snntorch_wrote_fires_snntorchs_spikes(tmp_path):
    model = snntorch_file(tmp_path / "theirs.nir")
    spikes = (torch.rand(25, 50, 784, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    with torch.no_grad():
        expected = torch.stack([model(s) for s in spikes])
    assert 0.01 < expected.mean() < 0.99
    with pytest.warns(ForeignFileWarning, match="the reset is read as reset to zero"):
        net = from_nir(tmp_path / "theirs.nir")
    assert torch.equal(net(spikes), expected)
    assert torch.equal(from_snntorch(model)(spikes), expected)


@pytest.mark.parametrize(("theirs", "ours"), [("subtract", "subtract_late"), ("none", "none")])
def test_a_reset_that_nir_has_no_field_for_is_named_by_the_reader(theirs, ours, tmp_path):
    model = snntorch_file(tmp_path / "theirs.nir", reset=theirs)
    spikes = (torch.rand(25, 50, 784, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    with torch.no_grad():
        expected = torch.stack([model(s) for s in spikes])
    net = from_nir(tmp_path / "theirs.nir", reset=ours)  # without a warning
    assert torch.equal(net(spikes), expected)
    to_nir(network(5, 4, 2), tmp_path / "own.nir")
    with pytest.raises(ValueError, match=r"own.nir: a file of BioGrad[^\n]*and reset out$"):
        from_nir(tmp_path / "own.nir", reset=ours)
    with pytest.raises(ValueError, match=r"reset is 'minus'; known: zero, subtract"):
        from_nir(tmp_path / "theirs.nir", reset="minus")


@pytest.mark.parametrize("alpha_u", [0.0, 0.5])
def test_a_network_converted_to_snntorch_is_exported_there_and_read_back(tmp_path, alpha_u):
    net = network(20, 15, 4, alpha_u=alpha_u, alpha_v=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        nir.write(tmp_path / "theirs.nir", export_to_nir(to_snntorch(net), torch.zeros(20)))
    spikes = (torch.rand(12, 30, 20, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    with pytest.warns(ForeignFileWarning, match="the reset is read as reset to zero"):
        again = from_nir(tmp_path / "theirs.nir")
    assert net(spikes).mean() > 0.01 and torch.equal(again(spikes), net(spikes))
    assert (again.neuron.params.alpha_u, again.neuron.params.alpha_v) == (
        alpha_u,
        torch.tensor(0.9).item(),
    )


def test_facts_that_another_tools_file_leaves_open_must_be_named(tmp_path):
    ones = np.ones(4)
    graph = nir.NIRGraph.from_list(
        nir.Affine(np.ones((4, 3)), np.zeros(4)),
        nir.CubaLIF(
            tau_syn=5e-3 * ones, tau_mem=1e-2 * ones, r=ones, v_leak=0 * ones, v_threshold=ones
        ),
    )
    nir.write(tmp_path / "norse.nir", graph)
    with pytest.raises(ValueError, match="name dt in seconds"):
        from_nir(tmp_path / "norse.nir")
    with pytest.raises(ValueError, match="--w-in jump, as Norse"):
        from_nir(tmp_path / "norse.nir", dt=1e-3)
    with pytest.warns(ForeignFileWarning, match="the reset is read as reset to zero"):
        p = from_nir(tmp_path / "norse.nir", dt=1e-3, w_in="jump").neuron.params
    assert (p.alpha_u, p.alpha_v) == (torch.tensor(0.8).item(), torch.tensor(0.9).item())


def test_the_reset_and_what_is_not_read_of_another_tools_file_are_said_in_one_line_each(tmp_path):
    ones = np.ones(4)
    graph = nir.NIRGraph.from_list(
        nir.Linear(np.ones((4, 3)), metadata={"author": "someone"}),
        nir.LIF(1e-3 * ones, 10 * ones, 0 * ones, ones),
    )
    nir.write(tmp_path / "theirs.nir", graph)
    with pytest.warns(ForeignFileWarning) as caught:
        from_nir(tmp_path / "theirs.nir")
    lines = [str(warning.message) for warning in caught]
    assert len(lines) == 2 and all(line.startswith(str(tmp_path)) for line in lines)
    assert "reset by subtraction" in lines[0]
    assert lines[1].endswith("metadata are not read: of node 'linear' ('author')")


def test_a_file_of_biograd_leaves_nothing_open(tmp_path):
    to_nir(network(5, 4, 2), tmp_path / "own.nir")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert from_nir(tmp_path / "own.nir").sizes == (5, 4, 2)


def test_layers_keep_their_own_decays():
    layers = tuple(
        LayerModel(w=np.ones((2, 2)), bias=np.zeros(2), alpha_v=alpha_v)
        for alpha_v in (0.5, 0.75, 0.5)
    )
    first, second, third = (
        layer.neuron for layer in to_network(Model(layers=layers, steps=1)).layers
    )
    assert (first.params.alpha_v, second.params.alpha_v) == (0.5, 0.75) and third is first


def test_layered_feedback_is_left_out_of_a_file_and_says_so():
    net = Network((6, 5, 5, 5, 3))
    with pytest.warns(UserWarning, match="layered feedback is left out"):
        model = to_model(net, sleep_aligned(net), steps=5, encoder="bernoulli", info={})
    assert all(layer.w_fb is None for layer in model.layers)


@pytest.mark.parametrize("reset", ["zero", "subtract", "subtract_late", "none"])
def test_maps_pools_and_readouts_come_back_from_their_file_and_fire_the_same(reset, tmp_path):
    generator = torch.Generator().manual_seed(0)
    net = Network(
        (2, 9, 8),
        "6c3s2-avg2-8c3g2-sum2-12-3",
        neuron=TwoCompartmentLIF(
            TwoCompartmentParams(alpha_u=0.25, reset=reset, surrogate="tails")
        ),
        output=LeakyReadout(TwoCompartmentParams(alpha_u=0.0, alpha_v=0.9)),
        generator=generator,
    )
    for layer in net.layers:
        layer.w.abs_()  # so that all layers fire
    to_nir(net, tmp_path / "maps.nir", steps=6)
    again = from_nir(tmp_path / "maps.nir")
    assert again.description == net.description and again.shapes == net.shapes
    spikes = (torch.rand(6, 5, 144, generator=generator) < 0.5).float()
    first, second = net.roll(spikes), again.roll(spikes)
    assert all(torch.equal(a.psi, b.psi) for a, b in zip(first, second, strict=True))
    assert all(torch.equal(a.s, b.s) for a, b in zip(first, second, strict=True))
    assert first[0].s.any() and first[-1].s.any()


def test_a_recurrent_network_comes_back_from_its_file(tmp_path):
    generator = torch.Generator().manual_seed(0)
    net = Network((6, 9, 4), recurrent=True, generator=generator)
    to_nir(net, tmp_path / "loop.nir", steps=6)
    spikes = (torch.rand(12, 5, 6, generator=generator) < 0.5).float()
    assert net(spikes).any() and torch.equal(from_nir(tmp_path / "loop.nir")(spikes), net(spikes))


def test_a_pool_of_currents_is_written_as_wider_kernels(tmp_path):
    generator = torch.Generator().manual_seed(0)
    net = Network((1, 8, 8), "4c3+avg2-3", generator=generator)
    to_nir(net, tmp_path / "pooled.nir", steps=6)
    again = from_nir(tmp_path / "pooled.nir")
    spikes = (torch.rand(6, 5, 64, generator=generator) < 0.5).float()
    assert again.description == "4c4s2-3"
    for a, b in zip(net.layers[:1], again.layers[:1], strict=True):
        assert torch.allclose(a.current(spikes), b.current(spikes), atol=1e-5)


def test_networks_that_files_cannot_hold_are_refused_by_layer(tmp_path):
    for words, message in (
        ("4c3-max2-3", r"layer 2 has MaxPool2d.*; train with an average or sum pool"),
        ("4c3+max2-3", "layer 1 has MaxPool2d"),
    ):
        with pytest.raises(ValueError, match=message):
            to_nir(Network((1, 8, 8), words), tmp_path / "max.nir")
    assert not list(tmp_path.iterdir())
