"""Cores on Loihi 2, as far as anything is public: an estimate from one published network.

Intel has published no capacities of a core. lava-dl's benchmark of PilotNet on Loihi 2 reports the
cores of each layer (tutorials/lava/lib/dl/netx/pilotnet_snn), 3,072 neurons on a core of its first
convolution, and a compiler message that allows 12,000 words of synapse memory. A word of 16 bits
fits the cores of its first dense layer. So the constants and their check come from one network:
67 of 74 cores, no layer off by more than a factor of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..fixed_layers import FixedPointModel

CORE_NEURONS = 3072
CORE_WORDS = 12_000
WORD_BITS = 16


@dataclass(frozen=True, kw_only=True)
class LayerSize:
    """Numbers of a layer that its cores follow from."""

    neurons: int
    weights: int  # stored: those of a kernel once
    weight_bits: int = 8


# lava-dl's PilotNet: input 200 x 66 x 3, then its layers; and the cores that were reported
PILOTNET = (
    LayerSize(neurons=200 * 66 * 3, weights=0),
    LayerSize(neurons=99 * 32 * 24, weights=24 * 3 * 9),
    LayerSize(neurons=49 * 15 * 36, weights=36 * 24 * 9),
    LayerSize(neurons=24 * 7 * 48, weights=48 * 36 * 9),
    LayerSize(neurons=22 * 4 * 64, weights=64 * 48 * 9),
    LayerSize(neurons=20 * 2 * 64, weights=64 * 64 * 9),
    LayerSize(neurons=100, weights=100 * 2560),
    LayerSize(neurons=50, weights=50 * 100),
    LayerSize(neurons=10, weights=10 * 50),
    LayerSize(neurons=1, weights=10),
)
PILOTNET_CORES = (13, 25, 13, 3, 3, 2, 12, 1, 1, 1)


def sizes_of(fixed: FixedPointModel) -> tuple[LayerSize, ...]:
    """Return the sizes of a model's layers, without its input."""
    return tuple(
        LayerSize(
            neurons=layer.neurons,
            weights=layer.w.size + (0 if layer.w_rec is None else layer.w_rec.size),
            weight_bits=layer.weight_bits,
        )
        for layer in fixed.layers
    )


def estimate_cores(layers: Sequence[LayerSize]) -> tuple[int, ...]:
    """Return the cores that each layer would take on Loihi 2, at least 1."""
    cores = []
    for layer in layers:
        words = -(-layer.weights * layer.weight_bits // WORD_BITS)
        cores.append(max(1, -(-layer.neurons // CORE_NEURONS), -(-words // CORE_WORDS)))
    return tuple(cores)
