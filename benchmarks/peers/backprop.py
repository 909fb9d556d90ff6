"""Parts that all peers trained by backpropagation share: losses, surrogate, weights, gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from biograd.learning.learner import StepResult
from biograd.network import Layer, Network
from biograd.readout import Classes, Readout


class Surrogate(NamedTuple):
    """The derivative of a spike by v: `height` where |v - 1| < window, else 0."""

    window: float  # thresholds
    height: float  # spikes per threshold


def layers_of(net: Network) -> list[Layer]:
    """Return the network's layers."""
    return [cast(Layer, layer) for layer in net.layers]


def leaves(net: Network) -> list[tuple[Tensor, Tensor]]:
    """Return (w, b) of each layer for autograd, in the parameters' own memory.

    The parameters themselves never require gradients.
    """
    return [
        (layer.w.detach().requires_grad_(), layer.b.detach().requires_grad_())
        for layer in layers_of(net)
    ]


CLASSES = Classes()  # the default readout of peers


def finish(
    net: Network,
    weights: list[tuple[Tensor, Tensor]],
    activity: list[Tensor],
    labels: Tensor,
    readout: Readout = CLASSES,
) -> StepResult:
    """Write the gradients into the parameters, and return the step's result.

    Args:
        weights: of `leaves`, after the backward pass.
        activity: of each layer, [T, B, N].
    """
    for layer, (w, b) in zip(layers_of(net), weights, strict=True):
        layer.w.grad, layer.b.grad = w.grad, b.grad
    out = activity[-1]
    error = (readout.wished(labels, out.shape[-1]) - out.mean(0)).abs().mean()
    rates = [
        a.mean() if layer.neuron.fires else a.new_zeros(())  # voltages are no spikes
        for layer, a in zip(layers_of(net), activity, strict=True)
    ]
    return StepResult(readout.answers(out.sum(0), len(out)), error, torch.stack(rates))


def _mse(
    rate: Float[Tensor, "B C"], labels: Shaped[Tensor, "B ..."], readout: Readout = CLASSES
) -> Tensor:
    return (rate - readout.wished(labels, rate.shape[1])).pow(2).sum(1).mean()


def _cross_entropy(
    rate: Float[Tensor, "B C"], labels: Shaped[Tensor, "B ..."], readout: Readout = CLASSES
) -> Tensor:
    # rates are in 0..1: too small a range for logits
    return functional.cross_entropy(rate * 10, labels)


LOSSES: dict[str, Callable[..., Tensor]] = {"mse": _mse, "ce": _cross_entropy}
