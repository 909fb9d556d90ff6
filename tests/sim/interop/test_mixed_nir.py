"""Decays of each neuron or map in NIR files: there and back, from other tools, and on the chip."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import snntorch
import torch
from snntorch.export_nir import export_to_nir
from snntorch.utils import reset as reset_states
from torch import nn

from biograd.drawing.html import network as drawing_page
from biograd.interop.nir import ForeignFileWarning, from_nir, to_model, to_network, to_nir
from biograd.network import Network
from biograd.neurons import (
    AdaptiveLIF,
    LeakyReadout,
    MixedLIF,
    TwoCompartmentLIF,
    TwoCompartmentParams,
    mixed_decays,
)
from hardware import emulator
from hardware.border.model import SpikeInput
from hardware.convolution.real_layers import run_layer
from hardware.fixed_point import quantise
from hardware.lava_target import check_neurons
from hardware.learning.state import from_model

T, B = 15, 20


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_net(maps: bool, **options: Any) -> Network:
    """A network of mixed layers that fire, and a readout."""
    sizes: Any = (1, 8, 8) if maps else (9, 15, 11, 4)
    layers = "6c3s2-avg2-5c3-4" if maps else None
    first, second = (6, 5) if maps else (15, 11)
    p = TwoCompartmentParams(reset="subtract_late")
    neurons = [
        MixedLIF(
            p, alphas_u=mixed_decays(first, 0.2, 0.6), alphas_v=mixed_decays(first, 0.5, 0.95)
        ),
        MixedLIF(alphas_v=mixed_decays(second, 0.5, 0.95)),
        TwoCompartmentLIF(),
    ]
    net = Network(sizes, layers, neuron=neurons, generator=seeded(0), **options)
    for layer in net.layers:
        layer.w *= 1.5
        layer.b.uniform_(-0.1, 0.2, generator=seeded(1))
    return net


def spikes_for(net: Network) -> torch.Tensor:
    return (torch.rand(T, B, net.sizes[0], generator=seeded(2)) < 0.4).float()


@pytest.mark.parametrize("maps", [False, True])
def test_a_file_brings_every_decay_back_to_the_bit(maps: bool, tmp_path: Path) -> None:
    net = a_net(maps, output=None if maps else LeakyReadout())
    to_nir(net, tmp_path / "net.nir", steps=T)
    back = from_nir(tmp_path / "net.nir")
    for layer, again in zip(net.layers[:2], back.layers[:2], strict=True):
        assert isinstance(layer.neuron, MixedLIF) and isinstance(again.neuron, MixedLIF)
        for alphas, others in zip(
            (layer.neuron.decays.u, layer.neuron.decays.v),
            (again.neuron.decays.u, again.neuron.decays.v),
            strict=True,
        ):
            assert np.array_equal(np.float32(alphas), np.float32(others))
    x = spikes_for(net)
    assert net(x).any() and torch.equal(back(x), net(x))


# snnTorch 1.0.0 calls a function that nirtorch deprecates
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_file_of_snntorch_brings_the_betas_and_thresholds_of_its_neurons(tmp_path: Path) -> None:
    torch.manual_seed(0)
    options: Any = {"init_hidden": True, "reset_mechanism": "zero"}
    model = nn.Sequential(
        nn.Linear(9, 15),
        snntorch.Leaky(torch.linspace(0.3, 0.99, 15), torch.linspace(0.5, 2, 15), **options),
        nn.Linear(15, 4),
        snntorch.Leaky(torch.full((4,), 0.9), torch.ones(4), **options),
    )
    for linear in (model[0], model[2]):
        linear.weight.data *= 3
    nir.write(tmp_path / "theirs.nir", export_to_nir(model, torch.zeros(9)))
    with pytest.warns(ForeignFileWarning, match="reset"):
        net = from_nir(tmp_path / "theirs.nir")
    x = (torch.rand(25, B, 9, generator=seeded(2)) < 0.4).float()
    reset_states(model)
    with torch.no_grad():
        theirs = torch.stack([model(step) for step in x])
    assert theirs.any() and torch.equal(net(x), theirs)


@pytest.mark.parametrize("maps", [False, True])
def test_a_model_in_real_numbers_fires_the_networks_spikes(maps: bool) -> None:
    net = a_net(maps)
    model = to_model(net, None, steps=T, encoder="bernoulli", info={})
    x = spikes_for(net)
    s = x.numpy().astype(np.uint8)
    for layer, activity in zip(model.layers, net.roll(x), strict=True):
        s = run_layer(layer, s).s
        same = s == activity.s.numpy()
        assert s.any() and same.mean() > 0.999  # sums in another order
        s = activity.s.numpy().astype(np.uint8)
    assert torch.equal(to_network(model)(x), net(x))


def test_what_runs_plain_layers_alone_refuses_them_in_one_line() -> None:
    model = to_model(a_net(False), None, steps=T, encoder="bernoulli", info={})
    layers = [dataclasses.replace(layer, reset="zero") for layer in model.layers]
    model = dataclasses.replace(model, layers=tuple(layers))
    fixed, says = quantise(model), r"^layer 1 has decays of its neurons' own"
    with pytest.raises(ValueError, match=rf"{says}: learning in the engine's[^\n]*$"):
        from_model(model)
    with pytest.raises(ValueError, match=rf"{says}, and Lava's neurons decay alike: [^\n]*$"):
        check_neurons(fixed)
    with pytest.raises(ValueError, match=r"^layer 1 [^\n]*decays of its neurons' own, or resets"):
        drawing_page(fixed, model=model)


@pytest.mark.parametrize("maps", [False, True])
def test_integers_keep_the_decays_of_each_neuron(maps: bool) -> None:
    net = a_net(maps)
    x = (torch.rand(T, 200, net.sizes[0], generator=seeded(5)) < 0.4).float()
    fixed = quantise(to_model(net, None, steps=T, encoder="bernoulli", info={}))
    counts = emulator.run(fixed, SpikeInput(spikes=x.numpy().astype(np.uint8))).counts
    error = np.abs(counts - net(x).sum(0).numpy()).mean()
    alike = Network(net.shapes[0], net.description, generator=seeded(0))
    alike.load_state_dict(net.state_dict())
    # eight-bit weights and decays of twelve bits move some spikes
    assert counts.any() and error < 0.25 * np.abs(counts - alike(x).sum(0).numpy()).mean()


def test_what_files_cannot_hold_is_refused_in_one_line(tmp_path: Path) -> None:
    p = TwoCompartmentParams(alpha_u=0.0)
    net = Network((9, 3, 4), neuron=(MixedLIF(p, alphas_v=(0.5, 0.9, 1.0)), TwoCompartmentLIF()))
    with pytest.raises(ValueError, match=r"^layer 1 has neurons without leak[^\n]*below 1$"):
        to_nir(net, tmp_path / "net.nir")
    net = Network((9, 3, 4), neuron=AdaptiveLIF())
    with pytest.raises(
        ValueError, match=r"^AdaptiveLIF cannot be exported[^\n]*'two_compartment'$"
    ):
        to_nir(net, tmp_path / "net.nir")
    assert not list(tmp_path.iterdir())
