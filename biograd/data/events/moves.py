"""Random moves of recordings: what `AugmentParams` does to events instead of pixels.

A move is an affine map of (x, y): mirror, then rotate and scale about the sensor's middle, then
shift by whole pixels. Each event lands on the nearest pixel; those off the sensor are lost.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ..augment import OF_SERIES, AugmentParams, refuse_changes
from .recording import STILL, Sensor


def drawn_moves(
    p: AugmentParams, batch: int, sensor: Sensor, generator: torch.Generator | None
) -> np.ndarray:
    """Draw the move of each recording of a batch: affine maps of (x, y), float64 [B, 2, 3].

    Raises: ValueError for elastic changes, which are not defined for events.
    """
    if p == AugmentParams():
        return np.broadcast_to(STILL, (batch, 2, 3))
    refuse_changes(p, OF_SERIES, "events")
    if p.elastic:
        raise ValueError(
            f"AugmentParams.elastic is {p.elastic}; events can be mirrored, shifted, rotated and"
            " scaled, not bent: set elastic to 0"
        )
    mirrored = np.zeros(batch, bool)
    if p.flip:
        mirrored = (torch.rand(batch, generator=generator) < p.flip).numpy()
    shift = torch.randint(-p.shift, p.shift + 1, (batch, 2), generator=generator).double().numpy()
    moves = np.tile(STILL, (batch, 1, 1))
    if p.rotate or p.scale:
        turn, wide, high = (torch.rand(3, batch, generator=generator).double() * 2 - 1).numpy()
        angle = turn * math.radians(p.rotate)
        cos, sin = np.cos(angle), np.sin(angle)
        stretch = 1 + p.scale * np.stack([wide, high], axis=-1)
        rotation = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
        moves[:, :, :2] = rotation * stretch[:, None]
        middle = np.array([(sensor.width - 1) / 2, (sensor.height - 1) / 2])
        moves[:, :, 2] = middle - moves[:, :, :2] @ middle
    moves[:, :, 2] += shift
    # A mirrored recording is read from the other side: x becomes width - 1 - x.
    moves[mirrored, :, 2] += moves[mirrored, :, 0] * (sensor.width - 1)
    moves[mirrored, :, 0] *= -1
    return moves
