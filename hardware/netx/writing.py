"""Write a model in chip integers as a netx file, as lava-dl's reader takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .. import chip
from ..border.atomic import write_whole
from ..convolution.kernels import without_pools
from ..fixed_layers import FixedPointLayer, FixedPointModel


def write_netx(fixed: FixedPointModel, path: Path | str) -> None:
    """Write `fixed` whole or not at all; pools become wider kernels, since lava-dl reads none.

    Raises: ValueError naming each layer that the format cannot hold exactly.
    """
    problems = [
        f"layer {number}: {problem}"
        for number, layer in enumerate(fixed.layers, start=1)
        if (problem := _problem(layer))
    ]
    if problems:
        raise ValueError("a netx file cannot hold this model: " + "; ".join(problems))

    def fill(part: Path) -> None:
        with h5py.File(part, "w") as file:
            for number, layer in enumerate(fixed.layers):
                following = fixed.layers[number + 1 : number + 2]
                delay = following[0].delay if following else None
                _write_layer(file.create_group(f"layer/{number}"), layer, delay)
            file["simulation/Ts"], file["simulation/tSample"] = 1, fixed.steps

    write_whole(path, fill)


def _problem(layer: FixedPointLayer) -> str:
    """Return why a layer cannot be held exactly, or nothing."""
    if layer.reset != "zero" or not layer.fires:
        what = f"resets by {layer.reset!r}" if layer.fires else "does not fire"
        return f"{what}, and its neurons fire and reset to zero"
    if layer.w_bias.shape[1] and layer.du != chip.MAX_DECAY:
        return (
            "adds its biases to the synaptic current, which keeps some of them, and netx adds them"
            " to the voltage: train with alpha_u = 0"
        )
    if layer.is_mixed:
        return "has decays of its neurons' own, and netx has one pair for each layer"
    if layer.weight_exp:
        return f"has the weight exponent {layer.weight_exp}, and netx has none: scale vth down"
    if layer.delay is not None and layer.conv is None and layer.delay.max() > chip.MAX_DELAY:
        return f"has delays of {layer.delay.max()} steps"
    if layer.conv is not None and without_pools(layer.conv, layer.w) is None:
        return "has pools that no kernel stands for (padding, or rows that windows leave out)"
    return ""


# any: h5py is untyped
def _write_layer(group: Any, layer: FixedPointLayer, delay: np.ndarray | None) -> None:
    """Write one layer; `delay` is that of its spikes."""
    conv, w = layer.conv, layer.w
    if conv is not None:
        plain = without_pools(conv, w)
        assert plain is not None
        conv, w = plain
    if conv is None or conv.is_dense:
        kind = "dense" if layer.w_rec is None else "dense_rec"
        shape = np.array([layer.neurons, 1, 1])
        group["weight"] = w.reshape(len(w), -1).astype(np.float32)
        group["inFeatures"], group["outFeatures"] = layer.inputs, layer.neurons
        if layer.w_rec is not None:
            group["weight_rec"] = layer.w_rec.astype(np.float32)
    else:
        kind, shape = "conv", np.array(conv.out_shape)
        group["weight"] = w[..., None].astype(np.float32)
        group["inChannels"], group["outChannels"] = conv.in_shape[0], conv.channels
        group["inputShape"] = np.array(conv.in_shape)  # ours: a first layer has none before it
        group["kernelSize"], group["groups"] = np.array(conv.kernel), conv.groups
        for name in ("stride", "padding", "dilation"):
            group[name] = np.array(getattr(conv, name))
    group["type"] = np.array([kind.encode()], dtype="S10")
    group["shape"] = shape
    bias = layer.w_bias.sum(axis=1)
    if layer.bias_mant is not None:
        bias = bias + layer.bias_mant
    if bias.any():
        group["bias"] = bias.astype(np.float32)
    if delay is not None and delay.any():
        group["delay"] = delay
    neuron = group.create_group("neuron")
    neuron["type"] = "LOIHI"
    neuron["iDecay"], neuron["vDecay"] = layer.du + 1, layer.dv
    neuron["vThMant"], neuron["refDelay"], neuron["wgtExp"] = layer.vth, 1, 0
