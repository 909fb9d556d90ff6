"""What every peer that learns by backpropagation shares: its loss, its surrogate, weights that
carry a graph, and gradients handed back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from biograd.learning.learner import StepResult
from biograd.network import Layer, Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams
from biograd.readout import Classes, Readout


class Surrogate(NamedTuple):
    """The derivative a spike is given: `height` where |v - 1| < window, else 0."""

    window: float  # thresholds
    height: float  # spikes a threshold


def layers_of(net: Network) -> list[Layer]:
    """The layers, as what they are."""
    return [cast(Layer, layer) for layer in net.layers]


def leaves(net: Network) -> list[tuple[Tensor, Tensor]]:
    """(w, b) of each layer, in the parameters' own memory, with a graph: the parameters themselves
    carry none (the network's rule).
    """
    return [
        (layer.w.detach().requires_grad_(), layer.b.detach().requires_grad_())
        for layer in layers_of(net)
    ]


CLASSES = Classes()  # what peers learn unless told otherwise


def finish(
    net: Network,
    weights: list[tuple[Tensor, Tensor]],
    activity: list[Tensor],
    labels: Tensor,
    readout: Readout = CLASSES,
) -> StepResult:
    """Hand the gradients to the parameters, and tell of the step. `activity`: of each layer, [T, B,
    N].
    """
    for layer, (w, b) in zip(layers_of(net), weights, strict=True):
        layer.w.grad, layer.b.grad = w.grad, b.grad
    out = activity[-1]
    error = (readout.wished(labels, out.shape[-1]) - out.mean(0)).abs().mean()
    return StepResult(
        readout.answers(out.sum(0), len(out)), error, torch.stack([a.mean() for a in activity])
    )


def _mse(
    rate: Float[Tensor, "B C"], labels: Shaped[Tensor, "B ..."], readout: Readout = CLASSES
) -> Tensor:
    return (rate - readout.wished(labels, rate.shape[1])).pow(2).sum(1).mean()


def _cross_entropy(
    rate: Float[Tensor, "B C"], labels: Shaped[Tensor, "B ..."], readout: Readout = CLASSES
) -> Tensor:
    # rates are in 0..1: as logits they would never be sure
    return functional.cross_entropy(rate * 10, labels)


LOSSES: dict[str, Callable[..., Tensor]] = {"mse": _mse, "ce": _cross_entropy}


def lif(net: Network) -> TwoCompartmentParams:
    """The constants of a spiking peer's neurons."""
    assert isinstance(net.neuron, TwoCompartmentLIF)
    return net.neuron.params
