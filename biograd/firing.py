"""Firing event by event: packed spikes in, packed spikes out, one layer of two-compartment LIF."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .checks import instance_of, text_of
from .kernels.event_driven import FIRE_ROWS, fire_samples
from .kernels.packed_spikes import PackedSpikes, unsigned
from .kernels.rounding import MANY, rounding
from .kernels.row_sums import padded
from .kernels.threads import free_threads, share_out, side_by_side
from .kernels.transpose import ONE, transpose_sum
from .layers import Layer
from .neurons import TwoCompartmentParams, lif_params


class Synapses(NamedTuple):
    """A layer's weights, transposed so that those of one presynaptic neuron lie side by side."""

    w: Tensor  # [in, width], thresholds per spike; width: `out` rounded up to whole blocks, 0 there
    b: Tensor  # [width], thresholds per step
    out: int  # neurons of the layer


class Fired(NamedTuple):
    """Spikes and slopes of one layer over a sample."""

    s: PackedSpikes
    psi: PackedSpikes


def synapses(w: Float[Tensor, "N M"], b: Float[Tensor, " N"]) -> Synapses:
    """Transpose a layer's weights; once per batch, as they change with it."""
    out, inputs = w.shape
    w_t = torch.empty(inputs, padded(out), dtype=torch.float32)
    bias = torch.zeros(padded(out), dtype=torch.float32)
    table = w_t.numpy()
    table[:, out:] = 0
    transpose_sum(w.detach().contiguous().unsqueeze(0).numpy(), ONE, table, 0, inputs)
    bias[:out] = b.detach()
    return Synapses(w_t, bias, out)


def fire(
    before: PackedSpikes, layer: Synapses, p: TwoCompartmentParams, window: float | None = None
) -> Fired:
    """Roll spikes through a layer, from rest.

    Runs `neurons.soma_step` and `neurons.surrogate_slope` over all steps, each of torch's threads
    on samples of its own.

    Args:
        window: of the slope, thresholds; the neuron's own unless given.
    """
    fired = Fired(*(PackedSpikes.blank(before.steps, before.batch, layer.out) for _ in range(2)))
    window = p.window if window is None else window
    alphas = np.float32(p.alpha_u), np.float32(p.alpha_v), np.float32(window)
    sides = unsigned(before), before.steps, layer.w.numpy(), layer.b.numpy(), *alphas
    parts = share_out(before.batch, free_threads())

    def fire_part(part: int) -> None:
        scratch = torch.empty(FIRE_ROWS, layer.w.shape[1], dtype=torch.float32).numpy()
        fire_samples(*sides, unsigned(fired.s), unsigned(fired.psi), *parts[part], scratch)

    side_by_side(fire_part, len(parts))
    return fired


@torch.no_grad()
def fire_output(
    spikes: Float[Tensor, "T B N"], layers: Sequence[Layer]
) -> tuple[Tensor, Tensor] | None:
    """Roll spikes through all layers, and find the samples whose spikes rounding may have changed.

    Products take the same sums in another order, see `kernels.rounding`.

    Returns: spikes of the last layer, [T, B, C]; int64 numbers of samples in which a voltage of any
    layer came closer. None where products take less time, or where the spikes are not all 0 or 1.
    """
    many = spikes.shape[0] * spikes.shape[1] >= MANY
    trains = PackedSpikes.pack(spikes) if many else None
    if trains is None:
        return None
    close = torch.zeros(trains.batch, dtype=torch.bool)
    for layer in layers:
        turned, p = synapses(layer.w, layer.b), lif_params(layer.neuron)
        drive = float((turned.w.abs().sum(0) + turned.b.abs()).max())
        trains, near = fire(trains, turned, p, rounding(drive, p.alpha_u, p.alpha_v, trains.steps))
        close |= near.words.any(2).any(0)
    return trains.dense(), close.nonzero().flatten()


def check_synapses(layers: object, sizes: Sequence[int]) -> None:
    """Raise TypeError or ValueError for anything but the synapses of a network of these sizes."""
    need = "what Network.synapses() returned"
    instance_of(layers, (list, tuple), "synapses", need)
    assert isinstance(layers, list | tuple)  # for mypy
    held = [(len(layer.w), layer.out) for layer in layers if isinstance(layer, Synapses)]
    wanted = list(itertools.pairwise(sizes))
    if len(held) != len(layers) or held != wanted:
        raise ValueError(
            f"synapses are those of layers {text_of(held)}, and this network's {text_of(wanted)}:"
            f" pass {need}, or None"
        )
