"""The chip's limits: every number and capacity of a model, checked before anything runs.

`check` raises LimitError at the first number that Loihi cannot hold, and otherwise returns how the
layers are placed on the cores. Lava itself checks none of this: it wraps, clips, truncates or
hangs instead.

A core takes whole neurons, and every input axon of its neurons. So a layer is split by its neurons,
as many per core as compartments, synapse memory and output axons allow. Synapse memory is counted
in 64-bit words, one row of synapses per axon:

    words = axons * ceil(neurons * bits / 64)
    bits  = weight bits (inference), weight bits + 9 of tag (learning)

Headers of rows are not counted: their layout is not public.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from . import chip
from .fixed_point import FixedPointLayer, FixedPointModel


class LimitError(ValueError):
    """A number that the chip cannot hold: layer, value, limit and remedy in one line."""


@dataclass(frozen=True, kw_only=True)
class LayerFit:
    """Placement of one layer; each load is that of its fullest core: (used, maximum)."""

    name: str  # "layer 1"
    neurons: int  # bias neurons included
    cores: int
    neurons_a_core: int  # of the fullest core; the name is a key of recorded runs
    compartments: tuple[int, int]
    axons_in: tuple[int, int]
    axons_out: tuple[int, int]
    synapse_words: tuple[int, int]  # of 64 bit


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


def check(fixed: FixedPointModel, mode: str = "inference") -> Fit:
    """Check a model against every limit of the chip.

    Args:
        mode: "inference", or "learning" (an apical compartment per neuron, tag memory, double
            axons; Loihi 1).
    Raises: LimitError at the first violation.
    """
    if mode not in chip.COMPARTMENTS_PER_NEURON:
        raise ValueError(f"mode is {mode!r}; known are {', '.join(chip.COMPARTMENTS_PER_NEURON)}")
    warnings: list[str] = []
    for number, layer in enumerate(fixed.layers, start=1):
        _check_numbers(f"layer {number}", layer)
        warnings += _check_current(f"layer {number}", layer)
    for number, (layer, following) in enumerate(itertools.pairwise(fixed.layers), start=1):
        _check_bias_neuron(f"layer {number}", layer, following)
    if mode == "learning":
        warnings.append(
            "learning: Loihi 1 has no port for a third factor; it is counted as one apical"
            " compartment per neuron (Shrestha 2021)"
        )
    return Fit(mode=mode, layers=place(fixed, mode), warnings=tuple(warnings))


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


def place(fixed: FixedPointModel, mode: str = "inference") -> tuple[LayerFit, ...]:
    """Split each layer over as few cores as it needs.

    The last layer comes first: the number of its cores is the number of its predecessor's output
    axons per neuron.

    Raises: LimitError where a layer takes too many axons in, a single neuron too much memory, or
        all layers too many cores.
    """
    fits: list[LayerFit] = []
    destinations = 1  # the output's spikes go to one x86 core
    bias_neurons = 0  # of the layer that follows, placed with this one
    for number in range(len(fixed.layers), 0, -1):
        layer = fixed.layers[number - 1]
        fits.insert(0, _place_layer(f"layer {number}", layer, bias_neurons, destinations, mode))
        destinations, bias_neurons = fits[0].cores, layer.w_bias.shape[1]
    cores = sum(fit.cores for fit in fits)
    if cores > chip.CHIP_CORES:
        raise LimitError(
            f"the model needs {cores:,} cores for {mode}; a Loihi chip has {chip.CHIP_CORES}: use"
            " smaller layers or fewer weight bits"
        )
    return tuple(fits)


def worst_case_current(layer: FixedPointLayer) -> tuple[int, int]:
    """Bound |u| for every possible spike train, as if u never wrapped; chip units.

    The worst case is that all inputs of one sign spike at every step.
    Returns: the largest |u|, and the largest |u| that a single step adds.
    """
    w = np.concatenate([layer.w, layer.w_bias], axis=1).astype(np.int64)
    row = int(
        max(np.where(w > 0, w, 0).sum(axis=1).max(), -np.where(w < 0, w, 0).sum(axis=1).min())
    )
    row = row << layer.weight_exp if layer.weight_exp > 0 else -(-row >> -layer.weight_exp)
    one_step = row << chip.INPUT_SHIFT
    return one_step * chip.DECAY_UNITY // (layer.du + 1), one_step


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
    for kind, w in (("weight", layer.w), ("bias weight", layer.w_bias)):
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
    _within(
        name, "du", layer.du, 0, chip.MAX_DECAY, "use a kept fraction alpha_u of 0 to 4095/4096"
    )
    _within(name, "dv", layer.dv, 0, chip.MAX_DECAY, "use a kept fraction alpha_v of 1/4096 to 1")


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


def _check_bias_neuron(name: str, layer: FixedPointLayer, following: FixedPointLayer) -> None:
    if following.w_bias.shape[1] and layer.vth > chip.MAX_THRESHOLD_WITH_BIAS_NEURON:
        raise LimitError(
            f"{name}: vth is {layer.vth:,}; with a bias neuron for the next layer at most"
            f" {chip.MAX_THRESHOLD_WITH_BIAS_NEURON:,} is possible: scale vth and weights down"
            " together"
        )


def _place_layer(
    name: str, layer: FixedPointLayer, bias_neurons: int, destinations: int, mode: str
) -> LayerFit:
    neurons = layer.w.shape[0] + bias_neurons
    axons = layer.w.shape[1] + layer.w_bias.shape[1]
    learning = mode == "learning"
    axons_in = axons * (chip.LEARNING_AXON_COST if learning else 1)
    if axons_in > chip.CORE_AXONS_IN:
        raise LimitError(
            f"{name}: takes {axons_in:,} input axons for {mode}; a core has {chip.CORE_AXONS_IN:,}:"
            " narrow the layer before it"
        )
    bits = layer.weight_bits + (chip.TAG_BITS if learning else 0)
    by_memory = chip.CORE_SYNAPSE_WORDS // axons * chip.SYNAPSE_WORD_BITS // bits
    by_compartments = chip.CORE_COMPARTMENTS // chip.COMPARTMENTS_PER_NEURON[mode]
    by_axons_out = chip.CORE_AXONS_OUT // destinations
    per_core = min(neurons, by_memory, by_compartments, by_axons_out)
    cores = -(-neurons // per_core)
    per_core = -(-neurons // cores)  # spread evenly
    return LayerFit(
        name=name,
        neurons=neurons,
        cores=cores,
        neurons_a_core=per_core,
        compartments=(per_core * chip.COMPARTMENTS_PER_NEURON[mode], chip.CORE_COMPARTMENTS),
        axons_in=(axons_in, chip.CORE_AXONS_IN),
        axons_out=(per_core * destinations, chip.CORE_AXONS_OUT),
        synapse_words=(
            axons * -(-per_core * bits // chip.SYNAPSE_WORD_BITS),
            chip.CORE_SYNAPSE_WORDS,
        ),
    )


def _within(where: str, name: str, value: int, low: int, high: int, remedy: str) -> None:
    if not low <= value <= high:
        raise LimitError(f"{where}: {name} is {value:,}; Loihi holds {low:,} to {high:,}: {remedy}")
