"""A snnTorch model as a Network that fires the same spikes."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ...checks import instance_of, or_default, truth_value
from ...connections import Connection, Conv2d, Dense, Part, Pool
from ...network import Network
from ...neurons import MixedLIF, Neuron, TwoCompartmentLIF, TwoCompartmentParams
from ...neurons.decays import Alphas
from .layers import ModelReading, read_layers
from .neurons import Difference, SnnLayer, Synapses
from .tracing import ForwardTrace, spikes_that_differ


def from_snntorch(
    model: nn.Module,
    *,
    nearest: bool = False,
    params: TwoCompartmentParams | None = None,
    sample: Sequence[Any] | None = None,
) -> Network:
    """Return a Network that fires the same spikes as a feed-forward snnTorch model.

    Read are `nn.Linear` and `nn.Conv2d` (with bias or without: then b = 0), each followed by
    `snn.Leaky`, `snn.Synaptic`, `snn.Lapicque`, or in hidden dense layers `snn.RLeaky` and
    `snn.RSynaptic`, with any reset, `nn.AvgPool2d` and `nn.MaxPool2d` of spikes or of
    a convolution's currents (also as functions, with windows of 2 to 4), batch normalisation right
    behind its synapses (folded), and `nn.Flatten`, in an `nn.Sequential` or any module. The
    model is run on random spikes, in whichever style it is written: one step per call or a loop
    inside, hidden states or states passed by hand, modules defined in any order. Whatever its
    `forward` does between these modules (an addition, a scale, a function) is a difference, and
    the spikes of every layer are compared with the Network's.

    Each neuron of a dense layer, and each map of others, may have its own decays (then the layer's
    neuron is a `MixedLIF`) and its own threshold, which divides its weights; graded spikes of a
    hidden layer go into the next weights.

    Args:
        model: the snnTorch model; it is not changed.
        nearest: take the nearest form of what can be approximated (a warning lists it), e.g. decays
            that were being learned at their present values.
        params: the neuron's constants that snnTorch does not have, apical decay and window; its
            alpha_u and alpha_v are not used.
        sample: arguments of `forward` to run the model on (any: the model's own), for a model that
            runs on no random spikes [B, inputs] or [T, B, inputs].
    Raises: ValueError that lists every `Difference` (or, with `nearest`, those without a nearest
    form that can be taken).

    Example:
        >>> import snntorch as snn
        >>> model = nn.Sequential(nn.Linear(784, 100), snn.Leaky(0.95, reset_mechanism="zero"),
        ...                       nn.Linear(100, 10), snn.Leaky(0.95, reset_mechanism="zero"))
        >>> from_snntorch(model).sizes
        (784, 100, 10)
    """
    _check_model(model)
    truth_value(nearest, "nearest")
    constants = or_default(params, TwoCompartmentParams, "params")
    reading = read_layers(model, sample)
    _refuse(reading.differences, nearest)
    net = _network(reading.layers, constants, reading.trace)
    if reading.differences:
        text = " | ".join(map(str, reading.differences))
        warnings.warn(f"taken in its nearest form: {text}", stacklevel=2)
    else:
        _refuse(_other_spikes(net, reading), nearest)
    return net.to(reading.layers[0].linear.weight.device)


def differences(model: nn.Module, *, sample: Sequence[Any] | None = None) -> list[Difference]:
    """Return everything of a snnTorch model that a Network cannot represent, in the model's order.

    An empty list means that `from_snntorch` is exact.

    Args:
        sample: as in `from_snntorch`.

    Example:
        >>> import snntorch as snn
        >>> model = nn.Sequential(nn.Linear(4, 2), nn.Dropout(), snn.Leaky(0.9))
        >>> [str(d) for d in differences(model)]
        ['1 (Dropout): dropout; nearest: left out']
    """
    _check_model(model)
    reading = read_layers(model, sample)
    if reading.differences:
        return reading.differences
    return _other_spikes(_network(reading.layers, TwoCompartmentParams(), reading.trace), reading)


def _check_model(model: object) -> None:
    """Raise TypeError or ValueError for anything but a model of finite weights."""
    instance_of(model, nn.Module, "model", "a snnTorch model, a torch.nn.Module")
    assert isinstance(model, nn.Module)  # for mypy
    if isinstance(model, Network):
        raise TypeError("model is a Network of BioGrad already; need a snnTorch model")
    for name, weight in model.named_parameters():
        if weight.is_floating_point() and not bool(torch.isfinite(weight).all()):
            raise ValueError(
                f"model holds values that are not finite in {name}: train it again at a lower"
                " learning rate"
            )


def _network(
    layers: list[SnnLayer], constants: TwoCompartmentParams, trace: ForwardTrace
) -> Network:
    """Return the layers as a Network on the CPU."""
    parts: list[Part] = []
    for layer in layers:
        after = layer.after or trace.pools.get(layer.name)
        parts += [*layer.pools, _connection(layer.linear, after)]
    first = layers[0].linear
    shape = (first.in_features,) if isinstance(first, nn.Linear) else trace.input_shape
    loops = [layer.recurrent is not None for layer in layers[:-1]]
    net = Network(shape, parts, neuron=_neurons(layers, constants), recurrent=loops)
    _copy_weights(net, layers)
    return net


def _connection(synapses: Synapses, after: Pool | None) -> Connection:
    if isinstance(synapses, nn.Linear):
        return Dense(synapses.out_features)
    kernel, stride, padding, dilation = (
        int(getattr(synapses, option)[0])
        for option in ("kernel_size", "stride", "padding", "dilation")
    )
    channels, groups = synapses.out_channels, synapses.groups
    usual = Conv2d(channels, kernel, stride, None, dilation, groups, after)
    return usual if usual.border == padding else dataclasses.replace(usual, padding=padding)


def _other_spikes(net: Network, reading: ModelReading) -> list[Difference]:
    """Return a difference for each layer whose spikes on random input are not the model's."""
    counts = spikes_that_differ(net, reading.trace, [layer.name for layer in reading.layers])
    nearest = "a model without code of its own in these modules"
    return [
        Difference(f"the layer of {name}", f"{count} spikes of a run differ", nearest, False)
        for name, count in counts.items()
    ]


def _refuse(model_differences: list[Difference], nearest: bool) -> None:
    """Raise ValueError for differences that may not, or cannot, be approximated."""
    refused = [d for d in model_differences if not (nearest and d.taken)]
    if not refused:
        return
    remedy = ""
    if all(d.taken for d in refused):
        remedy = " (from_snntorch(model, nearest=True) takes the nearest form)"
    text = " | ".join(map(str, refused))
    raise ValueError(f"this model cannot be a Network as it is: {text}{remedy}")


def _neurons(layers: list[SnnLayer], constants: TwoCompartmentParams) -> list[Neuron]:
    """Return the neuron of each layer; layers of equal decays share one."""
    neurons = {
        (layer.alphas, layer.reset): _neuron(*layer.alphas, layer.reset, constants)
        for layer in layers
    }
    return [neurons[layer.alphas, layer.reset] for layer in layers]


def _neuron(
    alphas_u: Alphas, alphas_v: Alphas, reset: str, constants: TwoCompartmentParams
) -> Neuron:
    """Return the neuron of these decays, of all neurons or of each neuron or map."""
    if len(alphas_u) == len(alphas_v) == 1:
        p = dataclasses.replace(constants, alpha_u=alphas_u[0], alpha_v=alphas_v[0], reset=reset)
        return TwoCompartmentLIF(p)
    shared = dataclasses.replace(constants, reset=reset)
    return MixedLIF(shared, alphas_u=alphas_u, alphas_v=alphas_v)


def _copy_weights(net: Network, layers: list[SnnLayer]) -> None:
    """Copy weights and biases, scaled by the thresholds and by the graded spikes before them."""
    graded = torch.ones(())
    for layer, source in zip(net.layers, layers, strict=True):
        threshold = source.threshold.cpu()
        weight, bias = source.linear.weight.detach().cpu(), source.linear.bias
        each = threshold.expand(len(layer.b)).view(-1, *[1] * (weight.dim() - 1))
        layer.w.copy_(weight * graded / each)
        layer.b.copy_(torch.zeros(()) if bias is None else bias.detach().cpu() / threshold)
        graded = source.graded.cpu()
        if layer.w_rec is not None and source.recurrent is not None:
            layer.w_rec.copy_(source.recurrent.w.cpu() * graded / each)
            layer.b.add_(source.recurrent.b.cpu() / threshold)
