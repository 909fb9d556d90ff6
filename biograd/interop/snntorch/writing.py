"""A Network as a snnTorch model that fires the same spikes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import snntorch
import torch
from torch import Tensor, nn

from ...checks import text_of
from ...fast_path import keeps
from ...network import Layer, Network
from ...neurons import TwoCompartmentLIF, lif_params
from ...parts import check_network, expect_dense


def to_snntorch(
    net: Network, *, spike_grad: Callable[[Tensor], Tensor] | None = None
) -> nn.Sequential:
    """Return a snnTorch model that fires the same spikes: fc1, lif1, fc2, ... with hidden states
    (`snntorch.utils.reset`).

    Neurons are `snn.Leaky` where alpha_u is 0, else `snn.Synaptic`; their constants are one value
    per neuron, which snnTorch's own `export_to_nir` needs. The weights are copies that ask for
    gradients, so the model trains on in snnTorch.

    Args:
        spike_grad: the surrogate gradient of every neuron; by default snnTorch's own.
    Raises: ValueError for a recurrent network, or a neuron that is no two-compartment LIF.

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
    expect_dense(net, "a snnTorch model")
    if net.recurrent:
        raise ValueError(
            "a recurrent network is not written as a snnTorch model: train one with recurrent=False"
        )
    modules = OrderedDict[str, nn.Module]()
    for number, layer in enumerate(net.layers, start=1):
        modules[f"fc{number}"] = _linear(layer)
        modules[f"lif{number}"] = _neuron(layer, spike_grad)
    return nn.Sequential(modules).to(net.device)


def _linear(layer: Layer) -> nn.Linear:
    size, fan_in = layer.w.shape
    linear = nn.Linear(fan_in, size)
    linear.weight.data = layer.w.detach().cpu().clone()
    linear.bias.data = layer.b.detach().cpu().clone()
    return linear


def _neuron(layer: Layer, spike_grad: Callable[[Tensor], Tensor] | None) -> nn.Module:
    if not keeps(layer.neuron, TwoCompartmentLIF, "rest", "soma"):
        raise ValueError(
            f"{type(layer.neuron).__name__} has no counterpart in snnTorch: only the"
            " two-compartment LIF has"
        )
    p, size = lif_params(layer.neuron), len(layer.w)
    alpha, beta = torch.full((size,), p.alpha_u), torch.full((size,), p.alpha_v)
    threshold = torch.ones(size)
    options = {
        "spike_grad": spike_grad,
        "init_hidden": True,
        "reset_mechanism": "zero",
        "reset_delay": False,
    }
    if p.alpha_u > 0:
        return snntorch.Synaptic(alpha, beta, threshold, **options)
    return snntorch.Leaky(beta, threshold, **options)
