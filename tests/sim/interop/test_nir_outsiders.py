"""snnTorch reads BioGrad's NIR file and fires the simulator's spikes, on MNIST test images."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest
import snntorch.import_nir
import torch
from torch import nn

from biograd.data.samples import encode
from biograd.encoders import ENCODERS
from biograd.feedback import FEEDBACK
from biograd.interop.nir import to_model, to_nir
from biograd.interop.snntorch import from_snntorch
from biograd.network import Network
from hardware.border.files import write_model

IMAGES = np.load(Path(__file__).parents[2] / "mnist_test_images.npz")
STEPS = 10


def image_spikes(count: int) -> torch.Tensor:
    """Encoded test images, [T, B, 784]."""
    return encode(torch.from_numpy(IMAGES["test_x"][:count]), ENCODERS["integrate_and_fire"], STEPS)


@pytest.mark.parametrize("hidden", [(), (100,), (256, 256)])
def test_snntorch_reads_our_file_and_fires_the_same_spikes(tmp_path, capsys, hidden):
    generator = torch.Generator().manual_seed(len(hidden))
    net = Network((784, *hidden, 10), generator=generator)
    for layer in net.layers:
        layer.b.uniform_(-0.1, 0.2, generator=generator)
    write_model(
        to_model(
            net,
            FEEDBACK["sleep"](net, generator=generator),
            steps=STEPS,
            encoder="integrate_and_fire",
            info={},
        ),
        tmp_path / "m.nir",
    )

    imported = snntorch.import_nir.import_from_nir(nir.read(tmp_path / "m.nir"))

    # snnTorch rescales weights with a warning where conventions differ
    assert "warning" not in capsys.readouterr().out.lower()
    spikes, state, out = image_spikes(200), None, []
    with torch.no_grad():
        for s in spikes:
            fired, state = imported(s, state)
            out.append(fired)
    expected = net(spikes)
    assert 0.01 < expected.mean() < 0.99  # silent nets would agree by chance
    assert torch.equal(torch.stack(out), expected)


@pytest.mark.slow
def test_spikes_survive_the_way_from_snntorch_through_ours_and_nir_back_to_snntorch(tmp_path):
    """The net of snnTorch's tutorials, 784-1000-10, beta 0.95, 25 steps.

    It runs on 1,000 images: those of the test file, and the same ones shifted.
    """
    torch.manual_seed(0)
    neuron = {"beta": 0.95, "reset_mechanism": "zero", "init_hidden": True}
    model = nn.Sequential(
        nn.Linear(784, 1000),
        snntorch.Leaky(**neuron),
        nn.Linear(1000, 10),
        snntorch.Leaky(**neuron),
    )
    x = torch.from_numpy(IMAGES["test_x"])
    shifted = [x.roll((dy, dx), (1, 2)) for dy in range(-3, 4) for dx in range(-3, 4)]
    spikes = encode(torch.cat([x, *shifted])[:1000], ENCODERS["integrate_and_fire"], 25)
    with torch.no_grad():
        first = torch.stack([model(s) for s in spikes])

    net = from_snntorch(model)
    to_nir(net, tmp_path / "m.nir", steps=25)
    last, state = snntorch.import_nir.import_from_nir(nir.read(tmp_path / "m.nir")), None
    out = []
    with torch.no_grad():
        for s in spikes:
            fired, state = last(s, state)
            out.append(fired)
    assert spikes.shape[1] == 1000 and 0.01 < first.mean() < 0.99
    assert torch.equal(net(spikes), first)
    assert torch.equal(torch.stack(out), first)
