"""Spikes through a network of maps, from its inputs to the currents of its output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..connections.taps import Wiring
from ..kernels.packed_spikes import PackedSpikes, unsigned
from ..layers import Layer
from .firing import Batch, FiringMaps, Place
from .memory import MapMemory


class Rolled(NamedTuple):
    """Spikes of a network, layer by layer."""

    hidden: list[PackedSpikes]  # of every hidden layer
    current: Tensor  # of the output layer, [T, B, C], thresholds per step
    near: Tensor  # samples in which a hidden voltage came within the margins, bool [B]


@torch.no_grad()
def roll_maps(
    layers: Sequence[Layer],
    wires: list[Wiring],
    spikes: Tensor | PackedSpikes,
    margins: Sequence[float] = (),
) -> Rolled | None:
    """Roll spikes through a network, from rest.

    None where the inputs are neither zeros and ones nor the same at every step.

    Args:
        margins: of every hidden layer, thresholds, to find the samples in which a voltage comes so
            close to the threshold.
    """
    inputs = inputs_of(spikes, layers[0])
    if inputs is None:
        return None
    before, lasting, steps, size = inputs
    batch, memory = Batch(steps, size, 1, None, False), MapMemory()
    samples, hidden = np.arange(size, dtype=np.int32), []
    near = torch.zeros(size, dtype=torch.bool)
    for number, (layer, made) in enumerate(zip(layers[:-1], wires, strict=False)):
        margin = margins[number] if margins else None
        maps = FiringMaps(Place(layer, made, batch, before, lasting, memory, number, margin))
        maps.fire_all()
        if margins:
            near |= torch.from_numpy(maps.psi.view(np.int32)).any(2).any(0)
        before, lasting = maps.s, None
        hidden.append(PackedSpikes(torch.from_numpy(before.view(np.int32)), steps))
    last = Place(layers[-1], wires[-1], batch, before, lasting, memory, len(layers))
    output = FiringMaps(last)
    current = torch.empty(steps, size, output.width)
    output.drive(samples, 0, current.numpy())
    return Rolled(hidden, current[..., : layers[-1].size].contiguous(), near)


def inputs_of(
    spikes: Tensor | PackedSpikes, first: Layer
) -> tuple[np.ndarray, Tensor | None, int, int] | None:
    """Return inputs as the loops take them: packed, uint32 [W, B, M], or the same at every step.

    Args:
        first: the layer that they drive.
    Returns: packed spikes; in their place, inputs that last, [B, M]; T; B. None for neither.
    """
    trains = spikes if isinstance(spikes, PackedSpikes) else PackedSpikes.pack(spikes)
    if trains is not None:
        whole = trains if trains.words.is_contiguous() else trains.of(slice(None))
        return unsigned(whole), None, trains.steps, trains.batch
    assert isinstance(spikes, Tensor)
    lasts = first.w_rec is None and bool((spikes == spikes[0]).all())
    if not lasts or not bool(spikes[0].isfinite().all()):  # the general path refuses infinity
        return None
    return np.empty((0, 0, 0), np.uint32), spikes[0], len(spikes), spikes.shape[1]
