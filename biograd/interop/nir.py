"""Networks as NIR files and as the chip side's Model, and back."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from hardware.border.files import read_model, write_model
from hardware.border.model import Model
from hardware.border.nir_foreign import Foreign
from hardware.border.nir_notes import RESET

from ..checks import instance_of, path_of
from ..connections import Connection, Pool
from ..feedback import Feedback, feedback_angles
from ..network import Network
from ..neurons import LeakyReadout, TwoCompartmentLIF
from ..parts import check_feedback, check_network
from .layer_models import layer_model, neuron_of, parts_of


class ForeignFileWarning(UserWarning):
    """Another tool's file leaves something open, or holds something that is not read."""


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
    model = read_foreign(path, dt=dt, w_in=w_in, reset=reset)
    for note in model.notes:
        remedy = "; pass reset='subtract_late', or 'zero' where that is right" * (note == RESET)
        warnings.warn(f"{path}: {note}{remedy}", ForeignFileWarning, stacklevel=2)
    return _network(model)


def read_foreign(
    path: str | Path, *, dt: float | None, w_in: str | None, reset: str | None = None
) -> Model:
    """Read a NIR file as `from_nir` does, as a Model with notes in place of warnings."""
    return read_model(path, foreign=Foreign(steps=1, dt=dt, w_in=w_in, reset=reset))


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
    if feedback is not None and feedback.layered:
        warnings.warn(
            "the layered feedback is left out: files and the chip know feedback straight from the"
            " output alone; go on training from the run folder",
            stacklevel=2,
        )
        feedback = None
    hidden = range(len(net.hidden))
    feedback_weights = [None if feedback is None else feedback.weights(index) for index in hidden]
    weights = (*feedback_weights, None)
    layers = [
        layer_model(layer, number, w_fb)
        for number, (layer, w_fb) in enumerate(zip(net.layers, weights, strict=True), start=1)
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
    return _network(model)


def _network(model: Model) -> Network:
    first = model.layers[0]
    shape = (first.inputs,) if first.conv is None else first.conv.in_shape
    connections: list[Connection | Pool] = []
    params = []
    for number, layer in enumerate(model.layers, start=1):
        parts, p = parts_of(layer, number)
        connections += parts
        params.append(p)
    if model.layers[-1].w_rec is not None:
        raise ValueError(
            "the last layer is recurrent, and networks here have loops in hidden layers alone:"
            " deploy the file instead"
        )
    alike = {p: TwoCompartmentLIF(p) for p in params}
    pairs = enumerate(zip(model.layers, params, strict=True), start=1)
    neurons = [
        neuron_of(layer, p, number) if layer.is_mixed else alike[p] for number, (layer, p) in pairs
    ]
    net = Network(
        shape,
        connections,
        neuron=neurons,
        output=None if model.layers[-1].fires else LeakyReadout(params[-1]),
        recurrent=[layer.w_rec is not None for layer in model.layers[:-1]],
        delays=[0 if layer.delay is None else int(layer.delay.max()) for layer in model.layers],
    )
    for made, exported in zip(net.layers, model.layers, strict=True):
        made.w.copy_(torch.from_numpy(exported.w).view_as(made.w))
        made.b.copy_(torch.from_numpy(exported.bias))
        if made.delay is not None:
            made.delay.copy_(torch.from_numpy(exported.delay))
        if exported.w_rec is not None:
            assert made.w_rec is not None
            made.w_rec.copy_(torch.from_numpy(exported.w_rec))
    return net
