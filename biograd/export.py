"""From the simulator to the border: a trained network as the chip side's Model. The one arrow from here into `hardware`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from hardware.interchange import LayerModel, Model

from .feedback import Feedback, feedback_angle
from .network import Network
from .neurons import TwoCompartmentLIF, TwoCompartmentParams


def to_model(net: Network, feedback: Feedback, *, steps: int, encoder: str, info: dict[str, Any]) -> Model:  # any: JSON
    """A network and its feedback weights as a Model, ready for `hardware.interchange.write_model`.

    Args:
        steps: time steps a sample is shown, T.
        encoder: key of `encoders.ENCODERS` that made the training spikes.
        info: provenance for the file's metadata; what JSON can hold.
    Raises: ValueError where the neuron is not one the border knows, or a weight is not finite.
    """
    if not isinstance(net.neuron, TwoCompartmentLIF):
        raise ValueError(f"{type(net.neuron).__name__} cannot be exported: NIR and the chip know the two-compartment LIF")
    p = net.neuron.params
    layers = [
        LayerModel(
            w=_array(layer.w),
            bias=_array(layer.b),
            alpha_u=p.alpha_u,
            alpha_v=p.alpha_v,
            alpha_a=p.alpha_a,
            w_fb=_array(feedback.weights(index)) if index < len(net.hidden) else None,
        )
        for index, layer in enumerate(net.layers)
    ]
    angles = [feedback_angle(net, feedback, hidden) for hidden in range(len(net.hidden))]
    return Model(layers=tuple(layers), steps=steps, encoder=encoder, info=info | {"feedback_angle_deg": angles})


def to_network(model: Model) -> Network:
    """A Model back as a Network (alphas must be the same in every layer)."""
    first = model.layers[0]
    if any((layer.alpha_u, layer.alpha_v) != (first.alpha_u, first.alpha_v) for layer in model.layers):
        raise ValueError("the model's layers decay differently; a Network has one neuron model for all: run it with 'biograd deploy'")
    params = TwoCompartmentParams(alpha_u=first.alpha_u, alpha_v=first.alpha_v, alpha_a=first.alpha_a)
    net = Network(model.sizes, neuron=TwoCompartmentLIF(params))
    for layer, exported in zip(net.layers, model.layers, strict=True):
        layer.w.copy_(torch.from_numpy(exported.w))
        layer.b.copy_(torch.from_numpy(exported.bias))
    return net


def _array(x: Tensor) -> np.ndarray:
    return x.detach().cpu().numpy().astype(np.float32)
