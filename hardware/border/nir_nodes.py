"""One layer of a Model as NIR's nodes; conventions in `nir_graph`."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from .layers import LayerModel
from .shapes import Convolution


# any: nir is untyped
def layer_nodes(
    layer: LayerModel, number: int, dt: float, shape: tuple[int, ...]
) -> dict[str, Any]:
    """Return the nodes of layer `number` from its input to its neurons, in order, by name.

    Args:
        dt: seconds per step.
        shape: of the population before the layer.
    """
    nodes: dict[str, Any] = {}
    if layer.delay is not None:
        nodes[f"delay{number}"] = nir.Delay((layer.delay * dt).reshape(shape))
    conv = layer.conv
    for index, pool in enumerate(() if conv is None else conv.pools):
        kind = nir.SumPool2d if pool.kind == "sum" else nir.AvgPool2d
        sizes = (np.array(pair) for pair in (pool.size, pool.stride, pool.padding))
        nodes[f"pool{number}" + (f"_{index + 1}" if index else "")] = kind(*sizes)
    if conv is None or conv.is_dense:
        maps = shape if conv is None else conv.pooled_shape
        if len(maps) > 1:
            nodes[f"flatten{number}"] = nir.Flatten(
                input_type={"input": np.array(maps)}, start_dim=0, end_dim=-1
            )
        nodes[f"fc{number}"] = nir.Affine(weight=layer.w.reshape(len(layer.w), -1), bias=layer.bias)
        neurons: tuple[int, ...] = (len(layer.w),)
    else:
        nodes[f"conv{number}"] = _convolution(layer, conv)
        neurons = conv.out_shape
    nodes[f"lif{number}"] = _neurons(layer, number, dt, np.ones(neurons))
    return nodes


def _convolution(layer: LayerModel, conv: Convolution) -> nir.Conv2d:
    return nir.Conv2d(
        input_shape=conv.pooled_shape[1:],
        weight=layer.w,
        stride=conv.stride,
        padding=conv.padding,
        dilation=conv.dilation,
        groups=conv.groups,
        bias=layer.bias,
    )


def _neurons(layer: LayerModel, number: int, dt: float, ones: np.ndarray) -> Any:
    """Return the neurons' node; its parameters have the population's shape."""
    if layer.is_mixed and layer.kept()[1].max() == 1:
        raise ValueError(
            f"layer {number} has neurons without leak, alpha_v = 1, beside neurons that differ:"
            " NIR's CubaLIF holds time constants that are finite; use alpha_v below 1"
        )
    if not layer.is_mixed and layer.alpha_v == 1:
        if layer.alpha_u or not layer.fires:
            raise ValueError(
                f"layer {number} has alpha_v = 1 and alpha_u = {layer.alpha_u:g}"
                f"{'' if layer.fires else ' and does not fire'}: NIR's one neuron without leak, IF,"
                " fires and has no synaptic current; use alpha_v below 1"
            )
        return nir.IF(r=ones / dt, v_threshold=ones, v_reset=0 * ones)
    tau_syn, tau_mem = (
        dt / (1 - alphas.astype(np.float64)).reshape(ones.shape) for alphas in layer.kept()
    )
    if not layer.fires:
        return nir.CubaLI(
            tau_syn=tau_syn, tau_mem=tau_mem, r=tau_mem / dt, v_leak=0 * ones, w_in=tau_syn / dt
        )
    return nir.CubaLIF(
        tau_syn=tau_syn,
        tau_mem=tau_mem,
        r=tau_mem / dt,
        v_leak=0 * ones,
        v_threshold=ones,
        v_reset=0 * ones,
        w_in=tau_syn / dt,
    )
