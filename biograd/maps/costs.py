"""Time of a convolution by events and by products, so that each takes the faster path.

By events, a spike or an error adds its kernel patch, and silence costs nothing; by products, every
pixel is multiplied, in whole blocks. Which one is faster depends on the rates, and these are
counted in the batch itself: the same batch always takes the same path.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch

from ..connections.taps import Wiring
from ..kernels.patch_sums import LANES, vectors

Product = Literal["current", "update", "back"]


class Rate(NamedTuple):
    """Price of a product, ns."""

    value: float  # of a float that enters or leaves it, changes of layout and type included
    product: float  # of one multiplication


# All measured on one core of an Intel Xeon with bfloat16 units (Sapphire Rapids), on convolutions
# of 3 x 3 and 5 x 5 with 12 to 128 channels and 8 x 8 to 32 x 32 pixels; they hold within a half.
# Only ratios matter: a processor that is slower at everything chooses alike.
PER_EVENT = 12.0  # ns of a spike: to find it and the lines of its patch
PER_LINE = 0.65  # ns of 16 floats that a spike adds
PER_SHARE = 0.4  # ns of 16 floats that an error sends back
RATES: dict[torch.dtype | None, dict[Product, Rate]] = {
    None: {
        "current": Rate(0.5, 0.010),
        "update": Rate(0.6, 0.011),
        "back": Rate(2.5, 0.0085),
    },
    torch.bfloat16: {
        "current": Rate(0.85, 0.0012),
        "update": Rate(1.2, 0.004),
        "back": Rate(2.2, 0.0008),
    },
}


def spikes_by_events(wires: Wiring, spikes: int) -> float:
    """Return the time of the currents, or of the update, from so many spikes, ns."""
    patch = float(wires.taps.length.sum()) / wires.pixels
    return spikes * (PER_EVENT + PER_LINE * patch * vectors(wires.channels) / LANES)


def errors_by_events(wires: Wiring, errors: int, channels: int) -> float:
    """Return the time in which errors travel back to `channels` channels, ns.

    Args:
        errors: how many are not 0.
    """
    patch = float(wires.back.length.sum()) / wires.positions
    return errors * PER_SHARE * patch * vectors(channels) / LANES


def by_products(
    wires: Wiring, channels: int, maps: int, kind: Product, dtype: torch.dtype | None
) -> float:
    """Return the time of a product over so many maps, ns.

    Args:
        channels: of the maps before the synapses.
        dtype: of the product.
    """
    taps = float(wires.back.length.sum())
    values = wires.pixels * channels + wires.positions * wires.channels
    rate = RATES[dtype][kind]
    return maps * (rate.product * taps * channels * wires.channels + rate.value * values)
