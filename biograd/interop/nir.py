"""From the simulator to the border and back: networks as the chip side's Model, and as NIR files.
The one arrow into `hardware`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hardware.border.files import read_model, write_model
from hardware.border.model import LayerModel, Model
from hardware.border.nir_foreign import Foreign

from ..fast_path import keeps
from ..feedback import Feedback, feedback_angles
from ..network import Network
from ..neurons import TwoCompartmentLIF, TwoCompartmentParams, lif_params

_ALPHAS = ("alpha_u", "alpha_v", "alpha_a")


def to_nir(
    net: Network,
    path: str | Path,
    *,
    feedback: Feedback | None = None,
    steps: int = 10,
    encoder: str = "integrate_and_fire",
    info: dict[str, Any] | None = None,  # any: JSON
) -> None:
    """Write a network as a NIR file of standard nodes, which any NIR tool runs, whole or not at
    all.

    Args:
        feedback: its feedback path, kept in the file's metadata for learning on the chip; None:
            without.
        steps: time steps a sample is shown, T, and `encoder`, the key of `encoders.ENCODERS` that
            makes its spikes: the chip needs both.
        info: provenance for the file's metadata; what JSON can hold.
    Raises: ValueError where the neuron is not one the border knows, or a weight is not finite.

    Example:
        >>> to_nir(Network((784, 100, 10)), "model.nir", steps=25)
        >>> from_nir("model.nir").sizes
        (784, 100, 10)
    """
    write_model(to_model(net, feedback, steps=steps, encoder=encoder, info=info or {}), path)


def from_nir(path: str | Path, *, dt: float | None = None, w_in: str | None = None) -> Network:
    """Read a NIR file as a Network: ours to the bit, or another tool's (snnTorch, SpikingJelly,
    Norse, by hand) where NIR allows.

    Read is a chain of Linear or Affine, then LIF or CubaLIF, with Flatten and Scale where they fit.

    Args:
        dt: seconds per step of another tool's file; None: found out where the file betrays it
            (snnTorch's 1e-4), else asked for.
        w_in: how a CubaLIF's w_in is meant, "euler" (NIR's equation) or "jump" (Norse); None: only
            where both mean the same.
    Raises: FileNotFoundError; ValueError where the file is damaged, or naming every node that is
    not read, with the nearest that is.

    Example:
        >>> to_nir(Network((784, 10)), "model.nir")
        >>> from_nir("model.nir").sizes
        (784, 10)
    """
    return to_network(read_model(path, foreign=Foreign(steps=1, dt=dt, w_in=w_in)))


# any: JSON
def to_model(
    net: Network, feedback: Feedback | None, *, steps: int, encoder: str, info: dict[str, Any]
) -> Model:
    """A network and its feedback weights as a Model, ready for `hardware.border.files.write_model`.

    Args:
        feedback: the feedback path, or None to leave it out.
        steps: time steps a sample is shown, T.
        encoder: key of `encoders.ENCODERS` that made the training spikes.
        info: provenance for the file's metadata; what JSON can hold.
    Raises: ValueError where the neuron is not one the border knows, or a weight is not finite.

    Example:
        >>> net = Network((784, 32, 10))
        >>> to_model(net, None, steps=10, encoder="integrate_and_fire", info={}).sizes
        (784, 32, 10)
    """
    if net.recurrent:
        raise ValueError(
            "a recurrent network cannot be exported: files and the chip hold chains of layers;"
            " train one with recurrent=False"
        )
    for layer in net.layers:
        if not keeps(layer.neuron, TwoCompartmentLIF, "rest", "soma"):
            raise ValueError(
                f"{type(layer.neuron).__name__} cannot be exported: NIR and the chip know the"
                " two-compartment LIF"
            )
    hidden = range(len(net.hidden))
    feedback_weights = [feedback.weights(index) if feedback else None for index in hidden]
    constants = [lif_params(layer.neuron) for layer in net.layers]
    layers = [
        LayerModel(
            w=_array(layer.w),
            bias=_array(layer.b),
            alpha_u=p.alpha_u,
            alpha_v=p.alpha_v,
            alpha_a=p.alpha_a,
            w_fb=None if w_fb is None else _array(w_fb),
        )
        for layer, p, w_fb in zip(net.layers, constants, (*feedback_weights, None), strict=True)
    ]
    if feedback:
        info = info | {"feedback_angle_deg": feedback_angles(net, feedback)}
    return Model(layers=tuple(layers), steps=steps, encoder=encoder, info=info)


def to_network(model: Model) -> Network:
    """A Model back as a Network; layers that keep the same fractions share one neuron.

    Example:
        >>> to_network(to_model(Network((784, 10)), None, steps=10, encoder="bernoulli", info={})).sizes
        (784, 10)
    """
    kept = [(layer.alpha_u, layer.alpha_v, layer.alpha_a) for layer in model.layers]
    neurons = {
        alphas: TwoCompartmentLIF(TwoCompartmentParams(**dict(zip(_ALPHAS, alphas, strict=True))))
        for alphas in kept
    }
    net = Network(model.sizes, neuron=[neurons[alphas] for alphas in kept])
    for layer, exported in zip(net.layers, model.layers, strict=True):
        layer.w.copy_(torch.from_numpy(exported.w))
        layer.b.copy_(torch.from_numpy(exported.bias))
    return net


def _array(x: Tensor) -> np.ndarray:
    return x.detach().cpu().numpy().astype(np.float32)
