"""Weights onto each neuron that keep their mean and norm while they learn."""

from __future__ import annotations

import torch
from torch.utils.hooks import RemovableHandle

from ..checks import real_number
from ..network import Network
from ..parts import check_network, check_optimizer


def keep_weight_norm(
    net: Network, optimizer: torch.optim.Optimizer, *, norm: float = 2.0
) -> RemovableHandle:
    """Hold the weights onto each hidden neuron at mean 0 and a fixed norm, from now on.

    After every step of the optimizer, and once at once:

        w <- norm (w - mean(w)) / ||w - mean(w)||

    over all inputs of a neuron, or of the channel whose neurons share the kernel. The neuron needs
    its own weights alone, as in synaptic scaling (Turrigiano 2008, Cell 135:422). In training it is
    the weight standardisation of Qiao et al. 2019 (arXiv 1903.10520), which Xiao et al. 2022 (arXiv
    2210.04195) use to train spiking networks online. Biases, recurrent weights and the output layer
    stay free. Afterwards the weights are plain weights: nothing is left to fold.

    Args:
        norm: Euclidean, thresholds.
    Returns: a handle; its `remove()` lets the weights free.

    Example:
        >>> net = Network((784, 32, 10))
        >>> optimizer = torch.optim.Adam(net.parameters())
        >>> handle = keep_weight_norm(net, optimizer, norm=2.0)
        >>> round(net.layers[0].w[0].norm().item(), 4)
        2.0
    """
    check_network(net)
    check_optimizer(net, optimizer)
    real_number(norm, "norm", above=0, need="a norm above 0 (thresholds)")

    def scale(*_: object) -> None:
        for layer in list(net.layers)[:-1]:
            scale_weights(layer.w, norm)

    scale()
    return optimizer.register_step_post_hook(scale)


@torch.no_grad()
def scale_weights(w: torch.Tensor, norm: float) -> None:
    """Set the mean of each row of weights to 0 and its norm to `norm`, in place; 0 stays 0."""
    inputs = tuple(range(1, w.dim()))
    w.sub_(w.mean(inputs, keepdim=True))
    w.mul_(norm / w.square().sum(inputs, keepdim=True).sqrt_().clamp_min_(1e-12))
