"""A Network as a snnTorch model that fires the same spikes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import snntorch
import torch
from torch import Tensor, nn

from ...checks import text_of
from ...connections import AvgPool2d, Conv2d, Dense, MaxPool2d, Pool
from ...fast_path import keeps
from ...layers import Layer
from ...network import Network
from ...neurons import Decays, MixedLIF, TwoCompartmentLIF
from ...neurons.decays import Alphas
from ...parts import check_network


def to_snntorch(
    net: Network, *, spike_grad: Callable[[Tensor], Tensor] | None = None
) -> nn.Sequential:
    """Return a snnTorch model that fires the same spikes: fc1, lif1, fc2, ... with hidden states
    (`snntorch.utils.reset`).

    Neurons are `snn.Leaky` where alpha_u is 0, else `snn.Synaptic`; their constants are one value
    per neuron, which snnTorch's own `export_to_nir` needs, or per map. The weights are copies that
    ask for gradients, so the model trains on in snnTorch.

    Args:
        spike_grad: the surrogate gradient of every neuron; by default snnTorch's own.
    Raises: ValueError for a recurrent network, delays, or a neuron that is no two-compartment LIF,
        mixed or not.

    Example:
        >>> model = to_snntorch(Network((4, 3, 2)))
        >>> spikes = torch.stack([model(s) for s in torch.ones(10, 1, 4)])    # [T, B, classes]
    """
    check_network(net)
    if net.layers[0].w.dtype != torch.float32:
        raise ValueError(
            f"the network is {net.layers[0].w.dtype}, and snnTorch's spikes are float32: pass"
            " copy.deepcopy(net).float()"
        )
    if spike_grad is not None and (isinstance(spike_grad, type) or not callable(spike_grad)):
        raise TypeError(
            f"spike_grad is {text_of(spike_grad)}; need a function, e.g."
            " snntorch.surrogate.fast_sigmoid(), or None"
        )
    if net.recurrent:
        raise ValueError(
            "a recurrent network is not written as a snnTorch model: train one with recurrent=False"
        )
    if any(layer.delay is not None for layer in net.layers):
        raise ValueError(
            "a network with delays is not written as a snnTorch model: train one with delays=0"
        )
    modules = OrderedDict[str, nn.Module]()
    for number, layer in enumerate(net.layers, start=1):
        for index, pool in enumerate(layer.pools):
            modules[f"pool{number}" + "abcdefgh"[index]] = _pool(pool)
        if isinstance(layer.connection, Dense):
            if len(layer.synapse_shape) > 1:
                modules[f"flatten{number}"] = nn.Flatten()
            modules[f"fc{number}"] = _linear(layer)
        else:
            modules[f"conv{number}"] = _convolution(layer)
            if layer.connection.pool is not None:
                modules[f"maps{number}"] = _pool(layer.connection.pool)
        modules[f"lif{number}"] = _neuron(layer, spike_grad)
    return nn.Sequential(modules).to(net.device)


def _convolution(layer: Layer) -> nn.Conv2d:
    conv = layer.connection
    if not isinstance(conv, Conv2d):
        raise ValueError(f"{conv} has no counterpart in snnTorch: only Dense and Conv2d have")
    module = nn.Conv2d(
        layer.synapse_shape[0],
        conv.channels,
        conv.kernel,
        conv.stride,
        conv.border,
        conv.dilation,
        conv.groups,
    )
    module.weight.data = layer.w.detach().cpu().clone()
    assert module.bias is not None
    module.bias.data = layer.b.detach().cpu().clone()
    return module


def _pool(pool: Pool) -> nn.Module:
    kinds: dict[type[Pool], type[nn.Module]] = {AvgPool2d: nn.AvgPool2d, MaxPool2d: nn.MaxPool2d}
    if type(pool) not in kinds:
        raise ValueError(
            f"{pool} has no counterpart in torch: only AvgPool2d and MaxPool2d have; scale the"
            " weights after an AvgPool2d by the pixels of its window"
        )
    return kinds[type(pool)](pool.window, pool.step)


def _linear(layer: Layer) -> nn.Linear:
    size, fan_in = layer.w.shape
    linear = nn.Linear(fan_in, size)
    linear.weight.data = layer.w.detach().cpu().clone()
    linear.bias.data = layer.b.detach().cpu().clone()
    return linear


def _neuron(layer: Layer, spike_grad: Callable[[Tensor], Tensor] | None) -> nn.Module:
    neuron = layer.neuron
    if not any(keeps(neuron, kind, "rest", "soma") for kind in (TwoCompartmentLIF, MixedLIF)):
        raise ValueError(
            f"{type(neuron).__name__} has no counterpart in snnTorch: only the two-compartment LIF"
            " and its mixed form have"
        )
    assert isinstance(neuron, TwoCompartmentLIF | MixedLIF)  # for mypy
    p = neuron.params
    if p.reset == "subtract":
        raise ValueError(
            "the neuron has reset 'subtract', which snnTorch does not have: its own takes a second"
            " threshold where one is left; train with reset 'subtract_late', its default"
        )
    decays = neuron.decays if isinstance(neuron, MixedLIF) else Decays((p.alpha_u,), (p.alpha_v,))
    alpha, beta = (_per_neuron(alphas, layer) for alphas in (decays.u, decays.v))
    threshold = torch.ones(layer.size if layer.is_dense else 1)
    options = {
        "spike_grad": spike_grad,
        "init_hidden": True,
        "reset_mechanism": "subtract" if p.reset.startswith("subtract") else p.reset,
        "reset_delay": p.reset == "subtract_late",
    }
    if any(decays.u):
        return snntorch.Synaptic(alpha, beta, threshold, **options)
    return snntorch.Leaky(beta, threshold, **options)


def _per_neuron(alphas: Alphas, layer: Layer) -> Tensor:
    """Return decays as they broadcast over a layer's spikes: [N], or of maps [1] or [C, 1, 1]."""
    values = torch.tensor(alphas)
    if len(layer.shape) > 1:
        return values if len(alphas) == 1 else values.view(-1, 1, 1)
    return values.expand(layer.size if layer.is_dense else len(values)).clone()
