"""One layer of a Network as the chip side's LayerModel, and back."""

from __future__ import annotations

import dataclasses

import numpy as np
from torch import Tensor

from hardware.border import shapes
from hardware.border.layers import LayerModel
from hardware.border.pooled_currents import pooled_currents

from ..connections import AvgPool2d, Connection, Conv2d, Dense, MaxPool2d, Pool, SumPool2d
from ..fast_path import keeps
from ..layers import Layer
from ..neurons import (
    AdaptiveLIF,
    LeakyReadout,
    MixedLIF,
    Neuron,
    TwoCompartmentLIF,
    TwoCompartmentParams,
)
from ..neurons.decays import Alphas

# of a layer's neurons
CONSTANTS = ("alpha_u", "alpha_v", "alpha_a", "window", "surrogate")
_KINDS: dict[type[Pool], str] = {AvgPool2d: "average", SumPool2d: "sum"}


def layer_model(layer: Layer, number: int, w_fb: Tensor | None) -> LayerModel:
    """Return a layer as files and the chip hold it.

    Args:
        number: of the layer, from 1, for messages.
        w_fb: feedback weights of a hidden layer, or None.
    Raises: ValueError for a neuron, pool or connection that neither NIR nor the chip has.
    """
    p, fires = _constants(layer, number)
    decays = layer.neuron.decays if isinstance(layer.neuron, MixedLIF) else None
    conv, w, bias = _synapses(layer, number)
    return LayerModel(
        w=w,
        bias=bias,
        conv=conv,
        w_rec=None if layer.w_rec is None else array(layer.w_rec),
        w_fb=None if w_fb is None else array(w_fb),
        delay=None if layer.delay is None else layer.delay.cpu().numpy(),
        reset=p.reset if fires else "zero",
        fires=fires,
        alphas_u=None if decays is None else _each(decays.u),
        alphas_v=None if decays is None else _each(decays.v),
        **{name: getattr(p, name) for name in CONSTANTS},
    )


def neuron_of(model: LayerModel, p: TwoCompartmentParams, number: int) -> Neuron:
    """Return the neuron of a layer with these constants; ValueError for a mixed readout."""
    if not model.is_mixed:
        return TwoCompartmentLIF(p) if model.fires else LeakyReadout(p)
    if not model.fires:
        raise ValueError(
            f"layer {number} is a readout whose neurons decay each in its own way, which networks"
            " here do not have: use one decay for all"
        )
    u, v = (() if each is None else each.tolist() for each in (model.alphas_u, model.alphas_v))
    return MixedLIF(p, alphas_u=u, alphas_v=v)


def parts_of(
    model: LayerModel, number: int
) -> tuple[list[Connection | Pool], TwoCompartmentParams]:
    """Return the pools, the connection and the neuron's constants of a layer of a Network.

    Raises: ValueError for pools with padding, or kernels that are not square.
    """
    p = TwoCompartmentParams(
        reset=model.reset, **{name: getattr(model, name) for name in CONSTANTS}
    )
    if model.conv is None:
        return [Dense(model.neurons)], p
    conv = model.conv
    parts: list[Connection | Pool] = []
    for pool in conv.pools:
        if pool.padding != (0, 0):
            raise ValueError(
                f"layer {number} has a pool with a padding of {pool.padding}: networks here pool"
                " without; deploy the file instead"
            )
        kind = AvgPool2d if pool.kind == "average" else SumPool2d
        window, step = _square(pool.size, number), _square(pool.stride, number)
        parts.append(kind(window, None if step == window else step))
    if conv.is_dense:
        return [*parts, Dense(conv.channels)], p
    names = ("kernel", "stride", "padding", "dilation")
    kernel, stride, padding, dilation = (_square(getattr(conv, name), number) for name in names)
    usual = Conv2d(conv.channels, kernel, stride, None, dilation, conv.groups)
    if padding == usual.border:
        return [*parts, usual], p
    return [*parts, Conv2d(conv.channels, kernel, stride, padding, dilation, conv.groups)], p


def array(x: Tensor) -> np.ndarray:
    """Return a tensor as float32 in NumPy."""
    return x.detach().cpu().numpy().astype(np.float32)


def _each(alphas: Alphas) -> np.ndarray | None:
    """Return the decays of each neuron or map; None where one value is that of all."""
    return None if len(alphas) == 1 else np.array(alphas, np.float32)


def _constants(layer: Layer, number: int) -> tuple[TwoCompartmentParams, bool]:
    """Return the constants that all neurons share, and true where they fire."""
    neuron = layer.neuron
    if keeps(neuron, TwoCompartmentLIF, "rest", "soma"):
        assert isinstance(neuron, TwoCompartmentLIF)
        return neuron.params, True
    if keeps(neuron, LeakyReadout, "rest", "soma"):
        assert isinstance(neuron, LeakyReadout)
        return neuron.params, False
    if keeps(neuron, MixedLIF, "rest", "soma"):
        assert isinstance(neuron, MixedLIF)
        u, v = neuron.decays.u[0], neuron.decays.v[0]  # not read where they differ
        return dataclasses.replace(neuron.params, alpha_u=u, alpha_v=v), True
    remedy = ""
    if keeps(neuron, AdaptiveLIF, "rest", "soma"):
        remedy = ", whose thresholds stay as they are: train with neuron_model 'two_compartment'"
    raise ValueError(
        f"{type(neuron).__name__} cannot be exported: NIR and the chip know the two-compartment LIF"
        f" and the leaky readout (layer {number}){remedy}"
    )


def _synapses(
    layer: Layer, number: int
) -> tuple[shapes.Convolution | None, np.ndarray, np.ndarray]:
    """Return the geometry of a layer's synapses, None for plain dense ones, weights and biases."""
    w, bias = array(layer.w), array(layer.b)
    connection = layer.connection
    pools = tuple(_pool(pool, number) for pool in layer.pools)
    if type(connection) is Dense:
        if not pools:
            return None, w, bias
        _, *kernel = layer.synapse_shape
        conv = shapes.Convolution(
            in_shape=_maps(layer.in_shape),
            channels=len(w),
            kernel=(kernel[0], kernel[1]),
            pools=pools,
        )
        return conv, w.reshape(conv.weight_shape), bias
    if type(connection) is not Conv2d:
        raise ValueError(
            f"layer {number} has {connection}: files and the chip know Dense and Conv2d"
        )
    conv = shapes.Convolution(
        in_shape=_maps(layer.in_shape),
        channels=connection.channels,
        kernel=(connection.kernel,) * 2,
        stride=(connection.stride,) * 2,
        padding=(connection.border,) * 2,
        dilation=(connection.dilation,) * 2,
        groups=connection.groups,
        pools=pools,
    )
    if connection.pool is None:
        return conv, w, bias
    folded, wide, biases = pooled_currents(conv, w, bias, _pool(connection.pool, number))
    return folded, wide.astype(np.float32), biases.astype(np.float32)


def _pool(pool: Pool, number: int) -> shapes.Pool:
    if type(pool) not in _KINDS:
        remedy = "an average or sum pool" if isinstance(pool, MaxPool2d) else "AvgPool2d"
        raise ValueError(
            f"layer {number} has {pool}: chips add spikes, so files and the chip know average and"
            f" sum pools; train with {remedy}"
        )
    return shapes.Pool(kind=_KINDS[type(pool)], size=(pool.window,) * 2, stride=(pool.step,) * 2)


def _maps(shape: tuple[int, ...]) -> shapes.Shape:
    channels, rows, columns = shape
    return channels, rows, columns


def _square(pair: shapes.Pair, number: int) -> int:
    if pair[0] != pair[1]:
        raise ValueError(
            f"layer {number} has a kernel, stride, padding or pool of {pair}: networks here are"
            " square; deploy the file instead"
        )
    return pair[0]
