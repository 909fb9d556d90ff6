"""Networks as NIR files and as the chip side's Model, and back."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hardware.border.files import read_model, write_model
from hardware.border.model import LayerModel, Model
from hardware.border.nir_foreign import Foreign
from hardware.border.nir_notes import RESET

from ..checks import instance_of, path_of
from ..fast_path import keeps
from ..feedback import Feedback, feedback_angles
from ..network import Network
from ..neurons import TwoCompartmentLIF, TwoCompartmentParams, lif_params
from ..parts import check_feedback, check_network, expect_dense


class ForeignFileWarning(UserWarning):
    """Another tool's file leaves something open, or holds something that is not read."""


_CONSTANTS = ("alpha_u", "alpha_v", "alpha_a", "window")  # of a layer's neurons


def to_nir(
    net: Network,
    path: str | Path,
    *,
    feedback: Feedback | None = None,
    steps: int = 10,
    encoder: str = "integrate_and_fire",
    info: dict[str, Any] | None = None,  # any: JSON
) -> None:
    """Write a network as a NIR file of standard nodes, which any NIR tool can run.

    The file is written whole or not at all.

    Args:
        feedback: its feedback path, stored in the file's metadata for learning on the chip; None:
            without.
        steps: T, time steps per sample.
        encoder: key of `encoders.ENCODERS` that makes the spikes; the chip needs it and `steps`.
        info: provenance for the file's metadata, of JSON values.
    Raises: ValueError where the neuron is not a two-compartment LIF, or a weight is not finite.

    Example:
        >>> to_nir(Network((784, 100, 10)), "model.nir", steps=25)
        >>> from_nir("model.nir").sizes
        (784, 100, 10)
    """
    path = path_of(path, "path")
    given = {} if info is None else info
    write_model(to_model(net, feedback, steps=steps, encoder=encoder, info=given), path)


def from_nir(
    path: str | Path,
    *,
    dt: float | None = None,
    w_in: str | None = None,
    reset: str | None = None,
) -> Network:
    """Read a NIR file as a Network: one of `to_nir`, exactly, or another tool's.

    Of snnTorch, SpikingJelly, Norse or other tools, a chain of Linear or Affine, then LIF or
    CubaLIF, is read, with Flatten and Scale where they fit.

    Args:
        dt: seconds per step of another tool's file; None: only where the file implies it
            (snnTorch's 1e-4).
        w_in: meaning of a CubaLIF's w_in, "euler" (NIR's equation) or "jump" (Norse); None: only
            where both mean the same.
        reset: of another tool's neurons, which NIR has no field for: a word of
            `TwoCompartmentParams.reset`; None: zero, with a warning.
    Warns: ForeignFileWarning, for another tool's file, that its reset is read as reset to zero, and
        which metadata are not read.
    Raises: FileNotFoundError; ValueError where the file is damaged, or naming every unsupported
        node with its nearest supported form.

    Example:
        >>> to_nir(Network((784, 10)), "model.nir")
        >>> from_nir("model.nir").sizes
        (784, 10)
    """
    model = read_foreign(path, dt=dt, w_in=w_in)
    if reset is not None and not model.notes:
        raise ValueError(
            f"reset is {reset!r}, and {path} is a file of BioGrad, whose neurons reset to zero:"
            " leave reset out"
        )
    for note in model.notes:
        if note != RESET:
            warnings.warn(f"{path}: {note}", ForeignFileWarning, stacklevel=2)
        elif reset is None:
            text = f"{path}: {note}; pass reset='subtract_late', or 'zero' where that is right"
            warnings.warn(text, ForeignFileWarning, stacklevel=2)
    return _network(model, "zero" if reset is None else reset)


def read_foreign(path: str | Path, *, dt: float | None, w_in: str | None) -> Model:
    """Read a NIR file as `from_nir` does, as a Model with notes in place of warnings."""
    return read_model(path, foreign=Foreign(steps=1, dt=dt, w_in=w_in))


def to_model(
    net: Network,
    feedback: Feedback | None,
    *,
    steps: int,
    encoder: str,
    info: dict[str, Any],  # any: JSON
) -> Model:
    """Return a network and its feedback weights as a Model, for `files.write_model`.

    Args:
        feedback: the feedback path, or None to leave it out.
        steps: T, time steps per sample.
        encoder: key of `encoders.ENCODERS` that made the training spikes.
        info: provenance for the file's metadata, of JSON values.
    Raises: ValueError where the neuron is not a two-compartment LIF, or a weight is not finite.

    Example:
        >>> net = Network((784, 32, 10))
        >>> to_model(net, None, steps=10, encoder="integrate_and_fire", info={}).sizes
        (784, 32, 10)
    """
    check_network(net)
    if feedback is not None:
        check_feedback(net, feedback)
    instance_of(info, dict, "info", "a dictionary of JSON values")
    expect_dense(net, "a file or a chip model")
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
    if feedback is not None and feedback.layered:
        warnings.warn(
            "the layered feedback is left out: files and the chip know feedback straight from the"
            " output alone; go on training from the run folder",
            stacklevel=2,
        )
        feedback = None
    hidden = range(len(net.hidden))
    feedback_weights = [None if feedback is None else feedback.weights(index) for index in hidden]
    constants = [lif_params(layer.neuron) for layer in net.layers]
    layers = [
        LayerModel(
            w=_array(layer.w),
            bias=_array(layer.b),
            alpha_u=p.alpha_u,
            alpha_v=p.alpha_v,
            alpha_a=p.alpha_a,
            window=p.window,
            w_fb=None if w_fb is None else _array(w_fb),
        )
        for layer, p, w_fb in zip(net.layers, constants, (*feedback_weights, None), strict=True)
    ]
    if feedback is not None:
        info = info | {"feedback_angle_deg": feedback_angles(net, feedback)}
    return Model(layers=tuple(layers), steps=steps, encoder=encoder, info=info)


def to_network(model: Model) -> Network:
    """Return a Model as a Network; layers of the same constants share one neuron.

    Example:
        >>> model = to_model(Network((784, 10)), None, steps=10, encoder="bernoulli", info={})
        >>> to_network(model).sizes
        (784, 10)
    """
    instance_of(model, Model, "model", "a Model")
    return _network(model, "zero")


def _network(model: Model, reset: str) -> Network:
    params = [
        TwoCompartmentParams(reset=reset, **{name: getattr(layer, name) for name in _CONSTANTS})
        for layer in model.layers
    ]
    neurons = {p: TwoCompartmentLIF(p) for p in params}
    net = Network(model.sizes, neuron=[neurons[p] for p in params])
    for layer, exported in zip(net.layers, model.layers, strict=True):
        layer.w.copy_(torch.from_numpy(exported.w))
        layer.b.copy_(torch.from_numpy(exported.bias))
    return net


def _array(x: Tensor) -> np.ndarray:
    return x.detach().cpu().numpy().astype(np.float32)
