"""Chip resources of a net that learns: forward and feedback synapses, dendrites, error neurons."""

from __future__ import annotations

import dataclasses

import numpy as np

from .. import limits
from ..fixed_point import FixedPointLayer, FixedPointModel
from .params import ChipLearningParams


def fit(params: ChipLearningParams, front: FixedPointModel | None = None) -> limits.Fit:
    """Place a learning net on cores and check every limit, as `limits.check` for "learning".

    A hidden layer that learns takes its inputs, one bias axon, and one axon of each error neuron;
    the output layer's cores also hold the error neurons. Layers that do not learn cost what
    inference costs. Weights of 9 bits are counted as 8, the widest that a synapse stores.

    Args:
        front: frozen layers before the net, whose last layer's spikes are its inputs; None: none.
    Raises: limits.LimitError naming the layer, the value, the limit and the remedy.
    """
    limits.check_learning(
        epoch=params.epoch,
        trace=max(params.x1_impulse, params.feedback_impulse, params.forget_trace),
    )
    layers = [] if front is None else list(front.layers)
    plastic = params.plastic or (True,) * params.layers
    errors = 2 * params.sizes[-1]
    for number, (n_in, n_out) in enumerate(
        zip(params.sizes, params.sizes[1:], strict=False), start=1
    ):
        taught = number < params.layers and plastic[number - 1]
        # Feedback axons are counted with the bias axon, as columns of w_bias.
        axons = 1 + (errors if taught else 0)
        layers.append(
            FixedPointLayer(
                w=np.zeros((n_out, n_in), dtype=np.int32),
                w_bias=np.zeros((n_out, axons), dtype=np.int32),
                vth=params.vth,
                weight_bits=min(8, params.weight_bits),
                du=params.du,
                dv=params.dv,
            )
        )
    model = FixedPointModel(layers=tuple(layers), steps=params.steps)
    frozen = (False,) * (len(layers) - params.layers)
    placed = limits.check(model, mode="learning", plastic=(*frozen, *plastic))
    warnings = [
        *placed.warnings,
        (
            f"the output's cores also hold {errors} error neurons, one positive and one negative"
            " per class"
        ),
        _silicon_warning(params),
    ]
    if params.weight_bits == 9:
        warnings.append(
            "weight bits are 9, as Lava's engine keeps them; a signed synapse stores 8: set"
            " weight_bits=8 for the chip"
        )
    return dataclasses.replace(placed, warnings=tuple(warnings))


def _silicon_warning(params: ChipLearningParams) -> str:
    """Return the demand that the form of the traces makes on the silicon."""
    if params.traces == "signed":
        return (
            "signed traces and graded error spikes are Loihi 2's; Loihi 1 needs traces='unsigned'"
        )
    return (
        "unsigned traces: the dendrite's product must be formed outside the neuron, for which"
        " Loihi 1 has no microcode"
    )
