"""Cores of a convolution on Loihi 1, whose synapses are shared by position.

A core takes a band of rows of the layer's maps and some of its channels. An input pixel is one axon
on it, whatever its channel (a population axon), and its spike adds weights from a row of synapses
that starts at the compartment of its position. Pixels that reach the same taps share the row of
their channel, so a core holds a row per channel and per pattern of taps: those of the stride's
phases, and of pixels near the borders. A synapse names its compartment beside its weight, since
those of a position do not follow each other.

Source of the scheme: nengo-loihi 1.1.0, `conv.py`, `block.py` (population axons, `bits_per_axon`:
up to 64 synapses to a block of whole 64-bit words, with 10 bits of its own).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import chip
from ..border.shapes import Convolution, Taps

INDEX_BITS = 10  # of a compartment among 1,024; ours: nengo-loihi lets the user choose
_BLOCK, _BLOCK_BITS = 64, 10  # synapses of a block, and bits that it takes for itself


@dataclass(frozen=True, kw_only=True)
class SharedFit:
    """Placement of a convolution; loads are those of its fullest core."""

    cores: int
    destinations: int  # cores that a spike of one input reaches at most
    neurons: int
    axons_in: int
    synapse_words: int  # of 64 bit


def place(conv: Convolution, weight_bits: int, bias_axons: int, axons_out: int) -> SharedFit | None:
    """Return the split over the fewest cores, or None where no split fits.

    Args:
        bias_axons: always-on axons, which reach every neuron of the layer.
        axons_out: output axons of each neuron.
    """
    best: SharedFit | None = None
    own = conv.channels // conv.groups
    sizes = [size for size in range(1, own + 1) if own % size == 0]
    for bands in range(1, conv.out_shape[1] + 1):
        for channels in sizes:
            cores = bands * conv.channels // channels
            if best is not None and cores >= best.cores:
                continue
            fit = _fit(conv, bands, channels, weight_bits, bias_axons)
            if (
                fit.neurons <= chip.CORE_COMPARTMENTS
                and fit.neurons * axons_out <= chip.CORE_AXONS_OUT
                and fit.axons_in <= chip.CORE_AXONS_IN
                and fit.synapse_words <= chip.CORE_SYNAPSE_WORDS
            ):
                best = fit
    return best


def _fit(
    conv: Convolution, bands: int, channels: int, weight_bits: int, bias_axons: int
) -> SharedFit:
    """Return the loads where so many bands of rows, and channels of one group, share a core."""
    out_rows, out_columns = conv.out_shape[1:]
    edges = np.linspace(0, out_rows, bands + 1).round().astype(int)
    inputs = conv.pooled_shape[0] // conv.groups
    columns = _patterns(conv.columns, 0, out_columns)
    neurons = axons = words = 0
    reached = np.zeros(conv.in_shape[1], dtype=int)
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        rows = _patterns(conv.rows, first, last)
        seen = _seen(conv.rows, first, last)
        reached += seen
        neurons = max(neurons, (last - first) * out_columns * channels)
        pixels = int(seen.sum()) * int(_seen(conv.columns, 0, out_columns).sum())
        axons = max(axons, pixels + bias_axons)
        shared = sum(_words(r * c * channels, weight_bits) for r in rows for c in columns)
        constant = bias_axons * _words((last - first) * out_columns * channels, weight_bits)
        words = max(words, inputs * shared + constant)
    return SharedFit(
        cores=bands * conv.channels // channels,
        destinations=int(reached.max()) * (conv.channels // conv.groups // channels),
        neurons=neurons,
        axons_in=axons,
        synapse_words=words,
    )


def _patterns(taps: Taps, first: int, last: int) -> list[int]:
    """Return the number of taps of each pattern that the inputs of some outputs have on an axis."""
    patterns = set()
    for start, end in zip(taps.starts[:-1], taps.starts[1:], strict=True):
        outputs = taps.outputs[start:end]
        within = (outputs >= first) & (outputs < last)
        if within.any():
            base = outputs[within].min()
            pattern = zip(outputs[within] - base, taps.taps[start:end][within], strict=True)
            patterns.add(tuple((int(a), int(b)) for a, b in pattern))
    return [len(pattern) for pattern in patterns]


def _seen(taps: Taps, first: int, last: int) -> np.ndarray:
    """Return true for each input of an axis that reaches some of these outputs."""
    within = (taps.outputs >= first) & (taps.outputs < last)
    sums = np.concatenate([[0], np.cumsum(within)])
    return sums[taps.starts[1:]] > sums[taps.starts[:-1]]


def _words(synapses: int, weight_bits: int) -> int:
    """Return the words of one row of synapses."""
    blocks, rest = divmod(synapses, _BLOCK)
    sizes = [_BLOCK] * blocks + ([rest] if rest else [])
    return sum(
        -(-(size * (weight_bits + INDEX_BITS) + _BLOCK_BITS) // chip.SYNAPSE_WORD_BITS)
        for size in sizes
    )
