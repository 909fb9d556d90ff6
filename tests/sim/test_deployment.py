"""Communication against computation of a network on the chip."""

from __future__ import annotations

import pytest
import torch

from biograd.data.datasets import ImageSet
from biograd.deployment import chip_spikes, energy_split
from biograd.interop.nir import to_model
from biograd.network import Network
from hardware import emulator
from hardware.fixed_point import quantise


@pytest.fixture
def images() -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    x = (255 * torch.rand(40, 6, 6, generator=generator)).to(torch.uint8)
    return ImageSet("random", "test", x, torch.arange(40) % 4, 4)


def _model(net: Network):
    return to_model(net, None, steps=5, encoder="integrate_and_fire", info={})


def test_the_split_follows_from_counted_operations(images: ImageSet) -> None:
    net = Network((36, 20, 4), generator=torch.Generator().manual_seed(1))
    net.layers[0].w.data *= 3
    model = _model(net)
    split = energy_split(model, images, images)
    spikes = chip_spikes(model, images)
    counts = emulator.run(quantise(model, calibration=spikes), spikes).operations
    assert split["spikes"] == counts.spikes[1:].sum() / 40
    assert split["inputs_per_spike"] == pytest.approx(
        counts.synaptic_operations.sum() / counts.spikes[1:].sum()
    )
    for name in ("davies2018", "sanafe2025"):
        part = split[name]
        assert part["ratio"] == part["communication_j"] / part["computation_j"]
        assert part["fixed_j"] * split["spikes"] > part["communication_j"]
        assert part["best_j_per_bit"] <= part["j_per_bit"]


def test_a_silent_network_has_nothing_to_split(images: ImageSet) -> None:
    net = Network((36, 20, 4))
    for layer in net.layers:
        layer.w.data.zero_()
        layer.b.data.fill_(-1.0)
    with pytest.raises(ValueError, match="sends no spikes on these samples"):
        energy_split(_model(net), images, images)
