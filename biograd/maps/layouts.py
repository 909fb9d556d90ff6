"""Layouts of maps: channels last, as the loops read them, and channels first, as torch does."""

from __future__ import annotations

import torch
from torch import Tensor

from ..connections.taps import Wiring


def channels_last(rows: Tensor, positions: int, width: int) -> Tensor:
    """Return rows [n, C positions] as [n, positions width], zeros behind the channels."""
    channels = rows.shape[1] // positions
    last = torch.zeros(len(rows), positions, width)
    last[..., :channels] = rows.reshape(len(rows), channels, positions).transpose(1, 2)
    return last.flatten(1)


def as_maps(rows: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return [n, T, pixels, C] as [n T, C, H, W], channels last in memory."""
    return rows.flatten(0, 1).unflatten(1, shape[1:]).permute(0, 3, 1, 2)


def seen_pixels(wires: Wiring) -> int:
    """Return the pixels of a channel before the synapses, and before a pool that is folded."""
    if wires.pool_of is None or wires.maximum:
        return wires.pixels
    return len(wires.pool_of)
