"""Real weights as Loihi's: rounding, the scale of a layer, biases as weights of always-on axons.

A threshold of 1 becomes `vth`, a weight w becomes the nearest multiple of the weight step to
`w * vth / 2**weight_exp`. The ratio k = vth / 2**weight_exp is the layer's only free choice: a
large k resolves small weights finely, but clips large ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from . import chip
from .border.model import Model

MAX_BIAS_AXONS = 16  # per layer; a bias beyond 16 weights of 254 saturates and is counted
_CANDIDATES = 48  # ratios k tried per layer
_MAX_CLIPPED = 0.002  # fraction of weights that the largest k tried may clip
# ... and by which it may shrink the largest weight, however few are clipped; ours
_MAX_CLIP_FACTOR = 16
# sum of weights in one step, before the shift by 6; the rest to the limit is left for rounding
_SAFE_STEP = 0.95 * (2 * chip.MAX_STATE >> chip.INPUT_SHIFT)
# below it, rounding vth would move the scale by more than 1 %; weight_exp rises instead
_MIN_THRESHOLD_SOUGHT = 64


def round_to_step(values: np.ndarray, weight_bits: int = 8, sign_mode: str = "mixed") -> np.ndarray:
    """Round real numbers to the nearest weights of the chip, int32; clip those beyond its range."""
    mode = chip.SIGN_MODES[sign_mode]
    step = mode.step(weight_bits)
    low, high = -(-mode.low // step) * step, mode.high // step * step
    return np.clip(np.rint(np.asarray(values, dtype=np.float64) / step) * step, low, high).astype(
        np.int32
    )


def recorded_scale(model: Model, number: int) -> tuple[int, int] | None:
    """Return the (vth, weight_exp) that the model's info names for layer `number`, from 1."""
    recorded = model.info.get("quantisation")
    layers = recorded.get("layers") if isinstance(recorded, Mapping) else None
    if not isinstance(layers, list):
        return None
    entry = layers[number - 1] if len(layers) == len(model.layers) else None
    if not isinstance(entry, Mapping) or not all(
        isinstance(entry.get(name), int) for name in ("vth", "weight_exp")
    ):
        raise ValueError(
            f"info['quantisation']['layers'] names no vth and weight_exp for layer {number}: remove"
            " it to quantise anew"
        )
    vth, weight_exp = entry["vth"], entry["weight_exp"]
    if not (
        chip.MIN_THRESHOLD <= vth <= chip.MAX_THRESHOLD
        and chip.MIN_WEIGHT_EXP <= weight_exp <= chip.MAX_WEIGHT_EXP
    ):
        raise ValueError(
            f"info['quantisation'] asks for vth {vth}, weight_exp {weight_exp} in layer {number}:"
            f" beyond Loihi's range, vth {chip.MIN_THRESHOLD} to {chip.MAX_THRESHOLD:,} and"
            f" weight_exp {chip.MIN_WEIGHT_EXP} to {chip.MAX_WEIGHT_EXP}; remove it to quantise"
            " anew"
        )
    return vth, weight_exp


@dataclass(frozen=True)
class Synapses:
    """All weights of a layer that share a scale."""

    w: np.ndarray  # [rows, columns], thresholds
    rate: np.ndarray | None  # float64 [columns], spikes per step; None: all alike
    largest_current: float  # of a neuron in one step, bias included, thresholds


def best_scale(
    synapses: Synapses,
    weight_bits: int,
    *,
    feeds_bias: bool,
    largest_voltage: float | None = None,
) -> tuple[int, int]:
    """Find the (vth, weight_exp) of the least squared weight error.

    Args:
        synapses: their rates weigh the errors of each column's weights.
        feeds_bias: the next layer has bias neurons, which bound this layer's threshold.
        largest_voltage: |v| of a readout on some samples, thresholds; four times as much shall fit
            24 bits. None: neurons that fire.
    """
    w = synapses.w
    magnitude = np.abs(w.astype(np.float64))
    largest = float(magnitude.max())
    if largest == 0:
        return _MIN_THRESHOLD_SOUGHT, 0
    top = _largest_weight(weight_bits)
    unclipped = float(np.quantile(magnitude, 1 - _MAX_CLIPPED))
    smallest_end = max(unclipped, largest / _MAX_CLIP_FACTOR)
    max_vth = chip.MAX_THRESHOLD_WITH_BIAS_NEURON if feeds_bias else chip.MAX_THRESHOLD
    if largest_voltage is not None:
        max_vth = min(max_vth, max(1, int(chip.MAX_THRESHOLD / (4 * max(largest_voltage, 1.0)))))
    # Added to the rates, so that inputs that happen to be silent in the calibration spikes still
    # count.
    column = np.ones(w.shape[1]) if synapses.rate is None else synapses.rate + 0.01
    # All inputs of a neuron spiking in one step must not add more current than one wrap takes back
    # (`limits.check`).
    max_vth = min(max_vth, max(1, int(_SAFE_STEP / synapses.largest_current)))
    scales = np.geomspace(top / largest, top / smallest_end, _CANDIDATES)
    candidates = sorted({_as_threshold(k, max_vth) for k in scales})
    errors = [
        _squared_error(w, column, vth / 2.0**weight_exp, weight_bits)
        for vth, weight_exp in candidates
    ]
    # The first that is all but the best: on another Python sums may differ in their last bits, but
    # the integers must not.
    return next(
        c for c, error in zip(candidates, errors, strict=True) if error <= min(errors) * (1 + 1e-9)
    )


def split_bias(target: np.ndarray, weight_bits: int) -> np.ndarray:
    """Write each bias as a sum of weights, one per always-on axon.

    Args:
        target: float64 [out], biases in weight units.
    Returns: int32 [out, axons]; 0 axons where no bias rounds to a weight.
    """
    step = chip.SIGN_MODES["mixed"].step(weight_bits)
    rounded = np.rint(target / step) * step
    if not rounded.any():
        return np.zeros((target.size, 0), dtype=np.int32)
    axons = min(
        MAX_BIAS_AXONS, math.ceil(float(np.abs(rounded).max()) / _largest_weight(weight_bits))
    )
    rest, columns = rounded, []
    for _ in range(axons):
        part = round_to_step(rest, weight_bits)
        columns.append(part)
        rest = rest - part
    return np.stack(columns, axis=1)


def _as_threshold(k: float, max_vth: int) -> tuple[int, int]:
    """Write k as vth / 2**weight_exp.

    The exponent is the smallest of at least 0 that leaves vth well resolved and below `max_vth`.
    """
    weight_exp = min(chip.MAX_WEIGHT_EXP, max(0, math.ceil(math.log2(_MIN_THRESHOLD_SOUGHT / k))))
    while weight_exp > 0 and k * 2**weight_exp > max_vth:
        weight_exp -= 1
    return max(chip.MIN_THRESHOLD, min(max_vth, round(k * 2**weight_exp))), weight_exp


def _squared_error(w: np.ndarray, column: np.ndarray, k: float, weight_bits: int) -> float:
    scaled = w.astype(np.float64) * k
    per_column = ((round_to_step(scaled, weight_bits) - scaled) ** 2).sum(axis=0)
    return float(per_column @ column) / k**2


def _largest_weight(weight_bits: int) -> int:
    """Return the largest MIXED weight, e.g. 254 at 8 bits."""
    step = chip.SIGN_MODES["mixed"].step(weight_bits)
    return chip.MAX_WEIGHT // step * step
