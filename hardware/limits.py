"""The chip's limits: every number and capacity of a model, checked before anything runs.

`check` raises LimitError at the first number that Loihi cannot hold, and otherwise returns how the
layers are placed on the cores. Lava itself checks none of this: it wraps, clips, truncates or
hangs instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import chip
from .convolution.currents import largest_sums
from .fixed_layers import FixedPointLayer, FixedPointModel
from .placement.cores import LayerFit, LimitError, place

__all__ = [
    "Fit",
    "LayerFit",
    "LimitError",
    "check",
    "check_learning",
    "place",
    "worst_case_current",
]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Placement of a model on cores, and warnings about its numbers."""

    mode: str  # "inference" or "learning"
    layers: tuple[LayerFit, ...]
    warnings: tuple[str, ...]

    @property
    def cores(self) -> int:
        """Cores of all layers, at most chip.CHIP_CORES."""
        return sum(layer.cores for layer in self.layers)


def check(
    fixed: FixedPointModel, mode: str = "inference", plastic: Sequence[bool] | None = None
) -> Fit:
    """Check a model against every limit of the chip.

    Args:
        mode: "inference", or "learning" (an apical compartment per neuron, tag memory, double
            axons; Loihi 1).
        plastic: which layers learn in mode "learning"; the others cost what inference costs. None:
            all of them learn.
    Raises: LimitError at the first violation.
    """
    if mode not in chip.COMPARTMENTS_PER_NEURON:
        raise ValueError(f"mode is {mode!r}; known are {', '.join(chip.COMPARTMENTS_PER_NEURON)}")
    warnings: list[str] = []
    for number, layer in enumerate(fixed.layers, start=1):
        _check_numbers(f"layer {number}", layer)
        warnings += _check_current(f"layer {number}", layer)
    warnings += _check_resets(fixed)
    for number, (layer, following) in enumerate(itertools.pairwise(fixed.layers), start=1):
        _check_bias_neuron(f"layer {number}", layer, following)
    if mode == "learning":
        warnings.append(
            "learning: Loihi 1 has no port for a third factor; it is counted as one apical"
            " compartment per neuron (Shrestha 2021)"
        )
    return Fit(mode=mode, layers=place(fixed, mode, plastic), warnings=tuple(warnings))


def check_learning(*, epoch: int, trace: int, delay: int = 0, tag: int = 0) -> None:
    """Check the numbers of a learning rule against the chip.

    Args:
        epoch: time steps per learning epoch.
        trace: largest trace.
        delay: largest synaptic delay, steps.
        tag: tag of the largest magnitude.
    Raises: LimitError.
    """
    half_tag = 1 << (chip.TAG_BITS - 1)
    for name, value, low, high, remedy in (
        ("learning epoch", epoch, chip.MIN_EPOCH, chip.MAX_EPOCH, "learn more often"),
        (
            "trace",
            trace,
            0,
            chip.MAX_TRACE,
            "lower its impulse or time constant; Loihi 1 has no negative traces",
        ),
        ("synaptic delay", delay, 0, chip.MAX_DELAY, "shorten it"),
        ("tag", tag, -half_tag, half_tag - 1, "scale the rule down"),
    ):
        _within("learning", name, value, low, high, remedy)


def worst_case_current(layer: FixedPointLayer) -> tuple[int, int]:
    """Bound |u| for every possible spike train, as if u never wrapped; chip units.

    The worst case is that all inputs of one sign spike at every step.
    Returns: the largest |u|, and the largest |u| that a single step adds.
    """
    up, down = largest_sums(layer.w.astype(np.int64), layer.conv)
    for w in (layer.w_bias, layer.w_rec):
        if w is not None:
            more = largest_sums(w.astype(np.int64), None)
            share = layer.neurons // len(w)
            up, down = (x + np.repeat(y, share) for x, y in zip((up, down), more, strict=True))
    row = int(max(up.max(), down.max()))
    row = row << layer.weight_exp if layer.weight_exp > 0 else -(-row >> -layer.weight_exp)
    one_step = row << chip.INPUT_SHIFT
    return one_step * chip.DECAY_UNITY // int(layer.lost()[0].min()), one_step


def _check_numbers(name: str, layer: FixedPointLayer) -> None:
    mode = chip.SIGN_MODES.get(layer.sign_mode)
    if mode is None:
        raise LimitError(
            f"{name}: sign mode is {layer.sign_mode!r}; Loihi has {', '.join(chip.SIGN_MODES)}"
        )
    if layer.weight_bits not in chip.WEIGHT_BITS:
        raise LimitError(
            f"{name}: weight bits are {layer.weight_bits}; Loihi has"
            f" {', '.join(map(str, chip.WEIGHT_BITS))}: choose one of them"
        )
    step = mode.step(layer.weight_bits)
    for kind, w in (
        ("weight", layer.w),
        ("bias weight", layer.w_bias),
        ("recurrent weight", layer.w_rec),
    ):
        if w is None:
            continue
        outside = w[(w < mode.low) | (w > mode.high)]
        if outside.size:
            raise LimitError(
                f"{name}: {kind} {outside[0]} is outside {mode.low}..{mode.high} of {mode.name}"
                f" weights ({outside.size:,} are): lower vth or raise weight_exp"
            )
        off_step = w[w % step != 0]
        if off_step.size:
            raise LimitError(
                f"{name}: {kind} {off_step[0]} is no multiple of {step}, the step of"
                f" {layer.weight_bits}-bit {mode.name} weights ({off_step.size:,} are not): round"
                " with weights.round_to_step"
            )
    _within(
        name,
        "weight_exp",
        layer.weight_exp,
        chip.MIN_WEIGHT_EXP,
        chip.MAX_WEIGHT_EXP,
        "scale vth and weights together",
    )
    _within(
        name,
        "vth",
        layer.vth,
        chip.MIN_THRESHOLD,
        chip.MAX_THRESHOLD,
        "scale vth and weights together",
    )
    lost = layer.lost()
    pairs = len(np.unique(lost, axis=1).T)
    if pairs > chip.MAX_DECAY_PAIRS:
        raise LimitError(
            f"{name}: its neurons have {pairs:,} pairs of decays; a Loihi core holds"
            f" {chip.MAX_DECAY_PAIRS}: give neurons decays in common"
        )
    remedy = "use a kept fraction alpha_u of 0 to 4095/4096"
    for du in (int(lost[0].min()) - 1, int(lost[0].max()) - 1):
        _within(name, "du", du, 0, chip.MAX_DECAY, remedy)
    if layer.bias_mant is not None:
        for bias in (int(layer.bias_mant.min()), int(layer.bias_mant.max())):
            lowest = -chip.MAX_BIAS_MANTISSA - 1
            remedy = "scale vth, weights and biases down together"
            _within(name, "bias mantissa", bias, lowest, chip.MAX_BIAS_MANTISSA, remedy)
    remedy = "use a kept fraction alpha_v of 1/4096 to 1"
    for dv in (int(lost[1].min()), int(lost[1].max())):
        _within(name, "dv", dv, 0, chip.MAX_DECAY, remedy)


def _check_current(name: str, layer: FixedPointLayer) -> list[str]:
    """Refuse currents that a single wrap cannot take back; warn of currents that could wrap."""
    u, one_step = worst_case_current(layer)
    if one_step >= 2 * chip.MAX_STATE:
        raise LimitError(
            f"{name}: one step can add a current of {one_step:,}; from {2 * chip.MAX_STATE:,} on"
            " wrapping does not bring it back into 24 bits: lower weight_exp or the fan-in"
        )
    if u >= chip.MAX_STATE:
        return [
            f"{name}: if all inputs of one sign spiked at every step, the current would reach {u:,}"
            f" and wrap at {chip.MAX_STATE:,}: the emulator counts real wraps, or lower weight_exp"
            " and vth"
        ]
    return []


def _check_resets(fixed: FixedPointModel) -> list[str]:
    """Warn of resets that Loihi 1 does not have; Loihi 2's neurons are programmed."""
    other = [
        f"layer {number} by {layer.reset!r}"
        for number, layer in enumerate(fixed.layers, start=1)
        if layer.reset != "zero" and layer.fires
    ]
    if not other:
        return []
    return [
        f"resets that Loihi 1 and Lava's neurons do not have ({', '.join(other)}): a program of"
        " Loihi 2's neurons can have them; train with reset 'zero' for Loihi 1"
    ]


def _check_bias_neuron(name: str, layer: FixedPointLayer, following: FixedPointLayer) -> None:
    if following.w_bias.shape[1] and layer.vth > chip.MAX_THRESHOLD_WITH_BIAS_NEURON:
        raise LimitError(
            f"{name}: vth is {layer.vth:,}; with a bias neuron for the next layer at most"
            f" {chip.MAX_THRESHOLD_WITH_BIAS_NEURON:,} is possible: scale vth and weights down"
            " together"
        )


def _within(where: str, name: str, value: int, low: int, high: int, remedy: str) -> None:
    if not low <= value <= high:
        raise LimitError(f"{where}: {name} is {value:,}; Loihi holds {low:,} to {high:,}: {remedy}")
