"""Backpropagation through time of any stack of layers: convolutions, loops, pools, other resets.

The gradients of `bptt`, recorded by autograd step by step; the surrogate is the network's own slope
(`neurons.surrogate_slope`), and neither the reset nor the choice of a maximum is differentiated. A
leaky output learns the cross-entropy of its mean voltage.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from biograd.feedback import Symmetric
from biograd.layers import Layer
from biograd.learning.learner import StepResult
from biograd.network import Network
from biograd.neurons import SomaState, TwoCompartmentParams, surrogate_slope
from biograd.neurons.model import after_reset
from biograd.padding import PaddedSpikes, step_weights

from .backprop import CLASSES, LOSSES, finish, leaves


class DeepBptt:
    """Surrogate-gradient backpropagation through time for networks as BioGrad trains them.

    Args:
        net: the network that is trained.
        loss: a key of `LOSSES`, of a spiking output; a leaky one always learns the cross-entropy.
    """

    threads = 1  # parts of a batch; torch's own threads work within its operations
    readout = CLASSES

    def __init__(self, net: Network, loss: str = "ce") -> None:
        self.net, self.feedback, self.loss = net, Symmetric(net), LOSSES[loss]

    def step(
        self, spikes: Float[Tensor, "T B M"] | PaddedSpikes, labels: Shaped[Tensor, "B ..."]
    ) -> StepResult:
        """Present one batch, and write the gradient into every parameter's `.grad`.

        Of samples that differ in length, the loss and the answers take each one's own steps.
        """
        weights, activity = leaves(self.net), []
        loops = [
            None if layer.w_rec is None else layer.w_rec.detach().requires_grad_()
            for layer in self.net.layers
        ]
        if isinstance(spikes, PaddedSpikes):
            s, own = spikes.s, step_weights(spikes.lengths, len(spikes), spikes.s)
        else:
            s, own = spikes, torch.ones_like(spikes[:, :, :1])
        for layer, (w, b), loop in zip(self.net.layers, weights, loops, strict=True):
            s = scan(layer, currents(layer, s, w, b), loop)
            activity.append(s.detach() * own)
        fires = self.net.layers[-1].neuron.fires
        loss = self.loss if fires else functional.cross_entropy
        loss((s * own).mean(0), labels).backward()
        for layer, loop in zip(self.net.layers, loops, strict=True):
            if layer.w_rec is not None and loop is not None:
                layer.w_rec.grad = loop.grad
        return finish(self.net, weights, activity, labels)


def currents(
    layer: Layer, s: Float[Tensor, "T B M"], w: Tensor, b: Tensor
) -> Float[Tensor, "T B N"]:
    """Return a layer's currents as functions of its weights and of the spikes before it."""
    before = layer.before(layer.arriving(s).flatten(0, 1))[0]
    current = layer.connection.current(before, w, b, layer.synapse_shape)
    if layer.connection.pool is not None:
        current = layer.connection.pool.pool(current.reshape(-1, *layer.current_shape)).x.flatten(1)
    return current.unflatten(0, s.shape[:2])


class _Spike(torch.autograd.Function):
    """s = 1 where v > 1, with the neuron's slope as its derivative."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, p: TwoCompartmentParams) -> Tensor:  # any: torch has no type
        ctx.save_for_backward(v)
        ctx.params = p
        return (v > 1).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:  # any: as above
        (v,) = ctx.saved_tensors
        return grads[0] * surrogate_slope(v, ctx.params), None


def scan(
    layer: Layer, current: Float[Tensor, "T B N"], loop: Tensor | None = None
) -> Float[Tensor, "T B N"]:
    """Run the layer's neurons over all steps, recorded by autograd; voltages of a leaky output.

    Args:
        loop: recurrent weights, [N, N]; None: there are none.
    """
    p: TwoCompartmentParams = layer.neuron.params  # type: ignore[assignment]  # of a stock neuron
    u = v = s = torch.zeros_like(current[0])
    fired = []
    for of_step in current:
        drive = of_step if loop is None else of_step + functional.linear(s, loop)
        u = p.alpha_u * u + drive
        if layer.neuron.fires:
            v = after_reset(SomaState(u, v, s.detach()), p) + u
            s = cast(Tensor, _Spike.apply(v, p))
        else:
            s = v = p.alpha_v * v + u
        fired.append(s)
    return torch.stack(fired)
