"""Faults of neurons and synapses, drawn from a seed: the same ones in simulator and emulator.

Every neuron, synapse and bit has a random number of its own, which the rate is compared with. So
with one seed, what is broken at a low rate is broken at every higher one. Numbers that change from
step to step are drawn for BLOCK samples at a time: a sample's faults depend on its place in the
run, and neither on batches nor on threads.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from . import chip
from .border.faults import Faults
from .fixed_point import FixedPointLayer, FixedPointModel

BLOCK = 256  # samples
_KINDS = ("neurons", "lost", "synapses", "noise", "weight_bits", "state_bits", "which_bit")


def neurons_fail(faults: Faults, layer: int, neurons: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which neurons of a layer are dead and which are stuck, boolean [N] each."""
    draw = _draw(faults, "neurons", layer).random(neurons)
    return draw < faults.dead, draw > 1 - faults.stuck


def spikes_lost(faults: Faults, layer: int, block: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return which spikes are lost, boolean [T, B, N]; block: number of these BLOCK samples."""
    return _draw(faults, "lost", layer, block).random(shape, np.float32) < faults.lost


def synapses_fail(faults: Faults, layer: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return which synapses transmit nothing, boolean in the shape of the weights."""
    return _draw(faults, "synapses", layer).random(shape, np.float32) < faults.synapses


def flipped_bits(faults: Faults, layer: int, shape: tuple[int, ...], bits: int) -> np.ndarray:
    """Return the bits of each weight that are flipped, as a number of so many bits, int32."""
    flips = _draw(faults, "weight_bits", layer).random((*shape, 8), np.float32)[..., :bits]
    powers = 1 << np.arange(bits, dtype=np.int32)
    return ((flips < faults.weight_bits) * powers).sum(axis=-1, dtype=np.int32)


def voltage_noise(faults: Faults, layer: int, block: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return the noise on the voltages, float32 [T, B, N], thresholds."""
    normal = _draw(faults, "noise", layer, block).standard_normal(shape, np.float32)
    return normal * np.float32(faults.noise)


def flipped_state(faults: Faults, layer: int, block: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return the bit of each voltage that is flipped, int64 [T, B, N]: a power of 2, or 0."""
    flips = _draw(faults, "state_bits", layer, block).random(shape, np.float32) < faults.state_bits
    which = _draw(faults, "which_bit", layer, block).integers(0, chip.STATE_BITS, shape)
    return np.where(flips, 1 << which, 0)


def fired(faults: Faults, layer: int, block: int, s: np.ndarray, *, output: bool) -> np.ndarray:
    """Return the spikes that leave a layer whose intact neurons fire s, [T, B, N] of 0 and 1.

    Args:
        block: number of these BLOCK samples within the run.
        output: whether this is the output layer.
    """
    if output and not faults.output:
        return s
    if faults.dead or faults.stuck:
        dead, stuck = neurons_fail(faults, layer, s.shape[-1])
        s = np.where(stuck, 1, np.where(dead, 0, s)).astype(s.dtype)
    if faults.lost:
        s = np.where(spikes_lost(faults, layer, block, s.shape), 0, s).astype(s.dtype)
    return s


def damaged(fixed: FixedPointModel, faults: Faults) -> FixedPointModel:
    """Return the model with failed synapses and flipped bits; the same object where there are none.

    Always-on axons of biases are spared: they are cells of another kind.
    """
    if not (faults.synapses or faults.weight_bits):
        return fixed
    layers = tuple(
        dataclasses.replace(layer, w=_weights(faults, number, layer))
        for number, layer in enumerate(fixed.layers)
    )
    return dataclasses.replace(fixed, layers=layers)


def flipped_codes(codes: np.ndarray, flips: np.ndarray, bits: int, *, signed: bool) -> np.ndarray:
    """Return stored numbers with bits flipped, in two's complement where signed; int32."""
    stored = (codes.astype(np.int32) & ((1 << bits) - 1)) ^ flips
    half = 1 << (bits - 1)
    return np.where(stored >= half, stored - (1 << bits), stored) if signed else stored


def _weights(faults: Faults, number: int, layer: FixedPointLayer) -> np.ndarray:
    w = layer.w
    if faults.weight_bits:
        step = chip.SIGN_MODES[layer.sign_mode].step(layer.weight_bits)
        sign = -1 if layer.sign_mode == "inhibitory" else 1
        flips = flipped_bits(faults, number, w.shape, layer.weight_bits)
        signed = layer.sign_mode == "mixed"
        w = sign * step * flipped_codes(sign * w // step, flips, layer.weight_bits, signed=signed)
    if faults.synapses:
        w = np.where(synapses_fail(faults, number, w.shape), 0, w)
    return w.astype(np.int32)


def _draw(faults: Faults, kind: str, layer: int, block: int = 0) -> np.random.Generator:
    return np.random.Generator(
        np.random.Philox(np.random.SeedSequence([faults.seed, _KINDS.index(kind), layer, block]))
    )
