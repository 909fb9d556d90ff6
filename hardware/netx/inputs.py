"""The input layer of a netx file: neurons without synapses that an image drives as their bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import chip
from ..border.model import SpikeInput
from ..emulator_step import decay, fire, reset_voltage, saturate_voltage


@dataclass(frozen=True, kw_only=True)
class InputNeurons:
    """Neurons whose biases are a sample's values, in chip integers."""

    shape: tuple[int, ...]  # (C, H, W) or (N,)
    vth: int
    dv: int  # v keeps (4096 - dv) / 4096 per step
    weight: float  # of a value, mantissa units
    bias: float

    @property
    def size(self) -> int:
        """Neurons."""
        return int(np.prod(self.shape))

    def mantissas(self, values: np.ndarray) -> np.ndarray:
        """Return the biases of samples, rounded: 2 weight p - weight + bias.

        Source: lava-dl's PilotNet tutorial; netx files leave it to their users.

        Args:
            values: [B, N], 0 to 1.
        """
        return np.rint(2 * self.weight * values - self.weight + self.bias).astype(np.int64)

    def spikes(self, mantissas: np.ndarray, steps: int) -> SpikeInput:
        """Return the spikes of the neurons from rest; they fire above the threshold and reset to 0.

        Args:
            mantissas: int [B, N] of exponent 6, added to v in every step.
            steps: T.
        Raises: ValueError for other shapes, or biases that the chip cannot hold.
        """
        biases = np.asarray(mantissas)
        if biases.ndim != 2 or biases.shape[1] != self.size or biases.dtype.kind not in "iu":
            raise ValueError(
                f"the inputs' biases are {biases.dtype} of shape {biases.shape}; need whole numbers"
                f" [samples, {self.size}]"
            )
        low, high = -chip.MAX_BIAS_MANTISSA - 1, chip.MAX_BIAS_MANTISSA
        if biases.min() < low or biases.max() > high:
            raise ValueError(
                f"the inputs' biases run from {biases.min()} to {biases.max()}; Loihi holds {low}"
                f" to {high}: scale the values down"
            )
        v = np.zeros(biases.shape, dtype=np.int64)
        out = np.empty((steps, *biases.shape), dtype=np.uint8)
        for t in range(steps):
            v = saturate_voltage(decay(v, self.dv) + (biases << chip.INPUT_SHIFT))
            out[t] = fire(v, self.vth)
            v = reset_voltage(v, out[t])
        return SpikeInput(spikes=out)
