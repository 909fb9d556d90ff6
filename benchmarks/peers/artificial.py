"""An artificial network of the same sizes, by backpropagation of the cross-entropy."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from biograd.feedback import Symmetric
from biograd.learning.learner import StepResult
from biograd.network import Network
from biograd.neurons import HasSpikes, Neuron, SomaState

from .backprop import finish, layers_of, leaves


class Backprop:
    """An artificial network of the same sizes by ordinary backpropagation of the cross-entropy."""

    threads = 1

    def __init__(self, net: Network) -> None:
        self.net, self.feedback = net, Symmetric(net)

    def step(self, x: Float[Tensor, "1 B M"], labels: Int[Tensor, " B"]) -> StepResult:
        """Present one batch, and write the gradient into every parameter's `.grad`."""
        weights, activity, h = leaves(self.net), [], x
        for index, (w, b) in enumerate(weights):
            h = functional.linear(h, w, b)
            h = h if index == len(weights) - 1 else functional.leaky_relu(h, Rectified.leak)
            activity.append(h.detach())
        functional.cross_entropy(h[0], labels).backward()
        return finish(self.net, weights, activity, labels)


class Rectified(Neuron):
    """An artificial unit with a neuron's interface: its "spikes" are a leaky rectified current.

    x where x > 0, else 0.01 x. Leaky, so that the outputs keep the order of their logits: the
    trainer measures every network by the values of its outputs.
    """

    leak = 0.01

    def rest(self, like: Float[Tensor, "B N"]) -> SomaState:
        zero = torch.zeros_like(like)
        return SomaState(zero, zero, zero)

    def soma(self, state: HasSpikes, current: Float[Tensor, "B N"]) -> SomaState:
        return SomaState(current, current, functional.leaky_relu(current, self.leak))

    def slope(self, state: HasSpikes) -> Float[Tensor, "B N"]:
        return torch.where(state.s > 0, 1.0, self.leak)

    def apical(
        self, v_apical: Float[Tensor, "B N"], teach: Float[Tensor, "B N"]
    ) -> Float[Tensor, "B N"]:
        return teach


def artificial(sizes: tuple[int, ...], *, generator: torch.Generator | None = None) -> Network:
    """Return an artificial network with PyTorch's initial weights: w and b in U(+-1/sqrt(in))."""
    net = Network(sizes, neuron=Rectified(), generator=generator)
    for layer in layers_of(net):
        bound = layer.w.shape[1] ** -0.5
        layer.w.mul_(0.5)
        layer.b.uniform_(-bound, bound, generator=generator)
    return net


def pixels(
    x: Float[Tensor, "B N"], steps: int, *, generator: torch.Generator | None = None
) -> Float[Tensor, "1 B N"]:
    """Encode for the artificial network: grey values as they are, one step."""
    return x.unsqueeze(0)
