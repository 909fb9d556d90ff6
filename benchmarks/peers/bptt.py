"""The same spiking net trained by surrogate-gradient backpropagation through time, by torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numba
import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from biograd.feedback import Symmetric
from biograd.kernels import scans
from biograd.kernels.compiled import compiled
from biograd.learning.learner import StepResult
from biograd.network import Network
from biograd.neurons import TwoCompartmentParams, lif_params
from biograd.readout import Readout

from .backprop import CLASSES, LOSSES, Surrogate, finish, leaves


class Bptt:
    """Surrogate-gradient backpropagation through time.

        dL/dv[t] = dL/ds[t] psi[t] + alpha_v (1 - s[t]) dL/dv[t+1]
        dL/du[t] = dL/dv[t] + alpha_u dL/du[t+1] = dL/dcurrent[t]
        psi      = height where |v - 1| < window, else 0

    The reset itself is not differentiated. Every step of every layer is kept until the backward
    pass.
    Source: Neftci, Mostafa and Zenke 2019 (arXiv 1901.09948).

    Args:
        net: the network that is trained.
        loss: a key of `LOSSES`; "ce" needs a readout of classes.
        surrogates: of each layer.
        scan: `fused_scan` or `unfused_scan`.
        readout: the meaning of the outputs.
    """

    threads = 1  # parts of a batch; torch's own threads work within its operations

    def __init__(
        self,
        net: Network,
        loss: str,
        surrogates: list[Surrogate],
        scan: Callable[..., Tensor],
        readout: Readout = CLASSES,
    ) -> None:
        self.net, self.feedback, self.loss = net, Symmetric(net), LOSSES[loss]
        self.surrogates, self.scan, self.readout = surrogates, scan, readout

    def step(self, spikes: Float[Tensor, "T B M"], labels: Shaped[Tensor, "B ..."]) -> StepResult:
        """Present one batch, and write the gradient into every parameter's `.grad`."""
        weights, activity, s = leaves(self.net), [], spikes
        for (w, b), surrogate in zip(weights, self.surrogates, strict=True):
            s = self.scan(functional.linear(s, w, b), lif_params(self.net.neuron), surrogate)
            activity.append(s.detach())
        self.loss(s.mean(0), labels, self.readout).backward()
        return finish(self.net, weights, activity, labels, self.readout)


class _Spike(torch.autograd.Function):
    """s = 1 where v > 1, with the rectangular surrogate as its derivative."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, surrogate: Surrogate) -> Tensor:  # any: torch gives no type
        ctx.save_for_backward(v)
        ctx.surrogate = surrogate
        return (v > 1).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:  # any: as above
        (v,) = ctx.saved_tensors
        return grads[0] * ((v - 1).abs() < ctx.surrogate.window) * ctx.surrogate.height, None


def unfused_scan(
    current: Float[Tensor, "T B N"], p: TwoCompartmentParams, surrogate: Surrogate
) -> Float[Tensor, "T B N"]:
    """Run `neurons.soma_step` over all steps by torch's own operations, recorded by autograd."""
    u = v = s = torch.zeros_like(current[0])
    fired = []
    for of_step in current:
        u = p.alpha_u * u + of_step
        v = p.alpha_v * v * (1 - s.detach()) + u
        s = cast(Tensor, _Spike.apply(v, surrogate))
        fired.append(s)
    return torch.stack(fired)


class _FusedScan(torch.autograd.Function):
    """The spikes and gradients of `unfused_scan` by one compiled loop each way."""

    @staticmethod
    def forward(  # any: torch gives no type
        ctx: Any, current: Tensor, p: TwoCompartmentParams, surrogate: Surrogate
    ) -> Tensor:
        s, psi = scans.soma(current, p.alpha_u, p.alpha_v, surrogate.window)
        ctx.save_for_backward(s, psi)
        ctx.constants = (np.float32(p.alpha_u), np.float32(p.alpha_v), np.float32(surrogate.height))
        return s

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:  # any: as above
        s, psi = ctx.saved_tensors
        delta = torch.empty_like(s)
        _backward(
            grads[0].contiguous().numpy(), s.numpy(), psi.numpy(), *ctx.constants, delta.numpy()
        )
        return delta, None, None


def fused_scan(
    current: Float[Tensor, "T B N"], p: TwoCompartmentParams, surrogate: Surrogate
) -> Float[Tensor, "T B N"]:
    """Run `unfused_scan`, compiled; float32 on a CPU."""
    return cast(Tensor, _FusedScan.apply(current, p, surrogate))


@partial(compiled, parallel=True)
def _backward(grad, s, psi, alpha_u, alpha_v, height, delta):
    """Write dL/dcurrent into delta; grad is dL/ds; all arrays are [T, B, N]."""
    steps, batch, neurons = s.shape
    one = np.float32(1)
    for b in numba.prange(batch):
        dv, du = np.zeros(neurons, np.float32), np.zeros(neurons, np.float32)
        for step in range(steps):
            t = steps - 1 - step
            for n in range(neurons):
                surrogate = grad[t, b, n] * height if psi[t, b, n] else np.float32(0)
                dv[n] = surrogate + alpha_v * (one - s[t, b, n]) * dv[n]
                du[n] = dv[n] + alpha_u * du[n]
                delta[t, b, n] = du[n]
