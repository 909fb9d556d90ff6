"""What we export, others run: snnTorch reads our NIR file and fires the same spikes as our simulator, on MNIST test images."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest
import snntorch.import_nir
import torch

from biograd.encoders import ENCODERS
from biograd.export import to_model
from biograd.feedback import FEEDBACK
from biograd.network import Network
from biograd.trainer import encode
from hardware.interchange import write_model

IMAGES = np.load(Path(__file__).parents[1] / "mnist_test_images.npz")
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
        to_model(net, FEEDBACK["sleep"](net, generator=generator), steps=STEPS, encoder="integrate_and_fire", info={}), tmp_path / "m.nir"
    )

    theirs = snntorch.import_nir.import_from_nir(nir.read(tmp_path / "m.nir"))

    assert "warning" not in capsys.readouterr().out.lower()  # snnTorch rescales weights with a warning where conventions differ
    spikes, state, out = image_spikes(200), None, []
    with torch.no_grad():
        for s in spikes:
            fired, state = theirs(s, state)
            out.append(fired)
    ours = net(spikes)
    assert 0.01 < ours.mean() < 0.99  # silent nets agree without meaning it
    assert torch.equal(torch.stack(out), ours)
