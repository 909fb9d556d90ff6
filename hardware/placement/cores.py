"""Cores that the layers of a model take on Loihi 1.

A core takes whole neurons, and every input axon of its neurons. So a layer is split by its neurons,
as many per core as compartments, synapse memory and output axons allow. Synapse memory is counted
in 64-bit words, one row of synapses per axon:

    words = axons * ceil(neurons * bits / 64)
    bits  = weight bits (inference), weight bits + 9 of tag (learning)

Headers of rows are not counted: their layout is not public. Convolutions share their synapses
(`shared`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import chip
from ..border.shapes import Convolution
from ..fixed_layers import FixedPointLayer, FixedPointModel
from .shared import place as place_shared


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
    destinations: int  # cores that a spike of one of its inputs goes to, at most


def place(
    fixed: FixedPointModel, mode: str = "inference", plastic: Sequence[bool] | None = None
) -> tuple[LayerFit, ...]:
    """Split each layer over as few cores as it needs.

    The last layer comes first: the number of its cores is the number of its predecessor's output
    axons per neuron.

    Args:
        plastic: which layers learn in mode "learning"; the others are placed for inference. None:
            all of them learn.
    Raises: LimitError where a layer takes too many axons in, a single neuron too much memory, or
        all layers too many cores.
    """
    fits: list[LayerFit] = []
    destinations = 1  # of each neuron's spikes; the output's go to one x86 core
    bias_neurons = 0  # of the layer that follows, placed with this one
    for number in range(len(fixed.layers), 0, -1):
        layer = fixed.layers[number - 1]
        learns = plastic is None or plastic[number - 1]
        of_layer = mode if learns else "inference"
        fits.insert(0, _place_layer(f"layer {number}", layer, bias_neurons, destinations, of_layer))
        destinations, bias_neurons = fits[0].destinations, layer.w_bias.shape[1]
    cores = sum(fit.cores for fit in fits)
    if cores > chip.CHIP_CORES:
        raise LimitError(
            f"the model needs {cores:,} cores for {mode}; a Loihi chip has {chip.CHIP_CORES}: use"
            " smaller layers or fewer weight bits"
        )
    return tuple(fits)


def _place_layer(
    name: str, layer: FixedPointLayer, bias_neurons: int, destinations: int, mode: str
) -> LayerFit:
    if layer.conv is not None and not layer.conv.is_dense:
        return _place_shared(name, layer, layer.conv, bias_neurons, destinations, mode)
    neurons = layer.neurons + bias_neurons
    loop = 0 if layer.w_rec is None else layer.neurons
    axons = layer.inputs + layer.w_bias.shape[1] + loop
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
    per_core = min(neurons, by_memory, by_compartments, chip.CORE_AXONS_OUT // destinations)
    # a loop's spikes go to all cores of the layer, too
    while (
        loop
        and per_core > 1
        and per_core * (destinations + -(-neurons // per_core)) > (chip.CORE_AXONS_OUT)
    ):
        per_core -= 1
    cores = -(-neurons // per_core)
    per_core = -(-neurons // cores)  # spread evenly
    return LayerFit(
        name=name,
        neurons=neurons,
        cores=cores,
        neurons_a_core=per_core,
        compartments=(per_core * chip.COMPARTMENTS_PER_NEURON[mode], chip.CORE_COMPARTMENTS),
        axons_in=(axons_in, chip.CORE_AXONS_IN),
        axons_out=(per_core * (destinations + (cores if loop else 0)), chip.CORE_AXONS_OUT),
        synapse_words=(
            axons * -(-per_core * bits // chip.SYNAPSE_WORD_BITS),
            chip.CORE_SYNAPSE_WORDS,
        ),
        destinations=cores,
    )


def _place_shared(
    name: str,
    layer: FixedPointLayer,
    conv: Convolution,
    bias_neurons: int,
    destinations: int,
    mode: str,
) -> LayerFit:
    """Place a convolution; the bias neurons of the next layer take a core of their own."""
    if mode == "learning":
        raise LimitError(
            f"{name}: is a convolution, and the learning engine has no shared weights: let dense"
            " layers learn, or use it for inference"
        )
    shared = place_shared(conv, layer.weight_bits, layer.w_bias.shape[1], destinations)
    if shared is None:
        raise LimitError(
            f"{name}: one row of one channel of {conv.out_shape[2]} neurons takes more than a core"
            f" of {chip.CORE_COMPARTMENTS:,} compartments, {chip.CORE_AXONS_IN:,} input axons and"
            f" {chip.CORE_SYNAPSE_WORDS:,} words holds: use smaller maps, larger strides or fewer"
            " channels"
        )
    return LayerFit(
        name=name,
        neurons=layer.neurons + bias_neurons,
        cores=shared.cores + (1 if bias_neurons else 0),
        neurons_a_core=shared.neurons,
        compartments=(shared.neurons, chip.CORE_COMPARTMENTS),
        axons_in=(shared.axons_in, chip.CORE_AXONS_IN),
        axons_out=(shared.neurons * destinations, chip.CORE_AXONS_OUT),
        synapse_words=(shared.synapse_words, chip.CORE_SYNAPSE_WORDS),
        destinations=shared.destinations,
    )
