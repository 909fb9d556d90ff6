"""Event-driven firing checks what the compiled loop does not."""

from __future__ import annotations

import pytest
import torch

from biograd.firing import fire, synapses
from biograd.kernels.packed_spikes import PackedSpikes
from biograd.neurons import TwoCompartmentParams


@pytest.mark.parametrize("inputs", [5, 7])
def test_spikes_of_another_number_of_neurons_are_refused(inputs: int) -> None:
    spikes = PackedSpikes.pack(torch.ones(3, 2, inputs))
    assert spikes is not None
    layer = synapses(torch.zeros(4, 6), torch.zeros(4))
    with pytest.raises(ValueError, match=rf"^the spikes are those of {inputs} neurons; the layer"):
        fire(spikes, layer, TwoCompartmentParams())
