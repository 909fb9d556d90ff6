"""A snnTorch convolutional model, through a NIR file of ours, back in snnTorch: the same spikes."""

from __future__ import annotations

import contextlib
import io

import nir
import pytest
import torch
from torch import nn

from biograd.interop.nir import to_nir
from biograd.interop.snntorch import from_snntorch

snntorch = pytest.importorskip("snntorch")


def theirs() -> nn.Sequential:
    """A model of two kernels and a pool, whose neurons reset to zero at once."""
    torch.manual_seed(0)

    def leaky():
        return snntorch.Leaky(beta=0.9, init_hidden=True, reset_mechanism="zero", reset_delay=False)

    model = nn.Sequential(
        *(nn.Conv2d(1, 4, 3), leaky(), nn.AvgPool2d(2)),
        *(nn.Conv2d(4, 6, 3), leaky(), nn.Flatten(), nn.Linear(54, 5), leaky()),
    )
    for parameter in model.parameters():
        parameter.data *= 3
    return model


@torch.no_grad()
def run(model, spikes, *, states: bool) -> torch.Tensor:
    """Return the output spikes [T, ...] of a snnTorch model."""
    if not states:
        return torch.stack([model(s) for s in spikes])
    state, outputs = None, []
    for s in spikes:
        output, state = model(s, state)
        outputs.append(output)
    return torch.stack(outputs)


def imported(path) -> nn.Module:
    from snntorch.import_nir import import_from_nir

    with contextlib.redirect_stdout(io.StringIO()):
        return import_from_nir(nir.read(path, type_check=False))


@pytest.fixture
def spikes() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(8, 6, 1, 12, 12, generator=generator) < 0.4).float()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_one_image_at_a_time_every_output_spike_comes_back(spikes, tmp_path):
    model = theirs()
    expected = run(model, spikes, states=False)
    net = from_snntorch(model, sample=(spikes[0],))
    assert torch.equal(net(spikes), expected) and expected.any()
    to_nir(net, tmp_path / "ours.nir", steps=8)
    for image in range(spikes.shape[1]):
        again = run(imported(tmp_path / "ours.nir"), spikes[:, image : image + 1], states=True)
        assert torch.equal(again.reshape(8, -1), expected[:, image])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_snntorchs_importer_flattens_the_axis_of_the_batch_too(spikes, tmp_path):
    """A fault of its importer: a Flatten of all axes of a sample takes the samples along."""
    to_nir(from_snntorch(theirs(), sample=(spikes[0],)), tmp_path / "ours.nir", steps=8)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run(imported(tmp_path / "ours.nir"), spikes, states=True)
