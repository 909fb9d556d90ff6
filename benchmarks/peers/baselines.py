"""The peers BioGrad is measured against: the same spiking net by backpropagation through time, and
an equal artificial one.

They train in BioGrad's own `Trainer`, so data, encoder, transforms, order, optimizer, schedule and
evaluation are the same code and the same draws; only the learner differs. Spiking peers hold
BioGrad's own `Network`: same neuron, same initial weights per seed.

    bptt      plain torch, tuned: products batched over time, the scan and its backward pass fused into compiled loops
    unfused   the same gradients with torch's own operations alone (the way most code is written, made as fast as that goes)
    snntorch, spikingjelly   by the neurons of those libraries, step by step as in their tutorials, or a layer at a time
    ann       leaky rectified units of the same sizes on the pixels themselves, cross-entropy
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numba
import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn import functional

from biograd.data.samples import Samples, input_size
from biograd.encoders import ENCODERS
from biograd.feedback import Symmetric
from biograd.kernels import scans
from biograd.learning.learner import StepResult
from biograd.network import Network
from biograd.neurons import HasSpikes, Neuron, SomaState, TwoCompartmentLIF, TwoCompartmentParams
from biograd.readout import Readout
from biograd.runs.config import RunConfig
from biograd.runs.optimizers import OPTIMIZERS, SCHEDULES
from biograd.training.trainer import Learner, Trainer, TrainParams

from .backprop import CLASSES, LOSSES, Surrogate, finish, layers_of, leaves, lif
from .libraries import SnnTorchBptt, SpikingJellyBptt


@dataclass(frozen=True, kw_only=True)
class BaselineParams:
    """How the peer learns; the rest of a run stands in its `RunConfig`."""

    method: str = "bptt"  # a key of METHODS
    loss: str = "mse"  # a key of LOSSES, on output spikes per step (for ann: always cross-entropy)
    # half-width of the rectangular surrogate, thresholds; its height is 1 / (2 window)
    window: float = 1.0
    # the output layer's surrogate has no window (height 1/2): more stable, no better (chosen on
    # validation)
    open_output: bool = False
    # snntorch, spikingjelly: a layer over all steps at once, instead of all layers step by step
    layered: bool = True

    def __post_init__(self) -> None:
        for name, table in (("method", METHODS), ("loss", LOSSES)):
            if getattr(self, name) not in table:
                raise ValueError(
                    f"baseline.{name} is {getattr(self, name)!r}; known: {', '.join(table)}"
                )
        if not self.window > 0:
            raise ValueError(f"baseline.window is {self.window}; need window > 0 (thresholds)")


def build(
    config: RunConfig, params: BaselineParams, train_set: Samples, test_set: Samples | None
) -> Trainer:
    """A trainer for a peer; `config.feedback`, `rule`, `error`, `order` and `sleep` mean nothing to
    it and are not used.
    """
    generator = torch.Generator().manual_seed(config.seed)
    sizes = (input_size(train_set), *config.hidden, int(train_set.y.max()) + 1)
    learner = METHODS[params.method](sizes, config, params, generator)
    optimizer = OPTIMIZERS[config.optimizer](list(learner.net.parameters()), config)
    batches = -(-len(train_set.y) // config.batch)
    ann = isinstance(learner, Backprop)
    return Trainer(
        learner,
        optimizer,
        train_set,
        params=TrainParams(
            epochs=config.epochs, batch=config.batch, steps=1 if ann else config.steps
        ),
        test_set=test_set,
        scheduler=SCHEDULES[config.schedule](optimizer, batches * config.epochs),
        encoder=pixels if ann else ENCODERS[config.encoder],
        augmentation=config.augment,
        seed=config.seed,
    )


class Bptt:
    """Surrogate-gradient backpropagation through time: every step of every layer is kept until the
    backward pass.

        dL/dv[t] = dL/ds[t] psi[t] + alpha_v (1 - s[t]) dL/dv[t+1]        psi = height where |v - 1| < window, else 0
        dL/du[t] = dL/dv[t] + alpha_u dL/du[t+1] = dL/dcurrent[t]         (the reset itself is not differentiated)

    Source: Neftci, Mostafa and Zenke 2019 (arXiv 1901.09948).

    Args:
        surrogates: of each layer.
        scan: `fused_scan` or `unfused_scan`.
        readout: what the outputs mean; "ce" asks for classes.
    """

    threads = 1  # parts a batch is split into; torch's own threads work within its operations

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
        """Show one batch, and write the gradient into every parameter's `.grad`."""
        weights, trains, s = leaves(self.net), [], spikes
        for (w, b), surrogate in zip(weights, self.surrogates, strict=True):
            s = self.scan(functional.linear(s, w, b), lif(self.net), surrogate)
            trains.append(s.detach())
        self.loss(s.mean(0), labels, self.readout).backward()
        return finish(self.net, weights, trains, labels, self.readout)


class Backprop:
    """An artificial network of the same sizes by ordinary backpropagation of the cross-entropy."""

    threads = 1

    def __init__(self, net: Network) -> None:
        self.net, self.feedback = net, Symmetric(net)

    def step(self, x: Float[Tensor, "1 B M"], labels: Int[Tensor, " B"]) -> StepResult:
        """Show one batch, and write the gradient into every parameter's `.grad`."""
        weights, activity, h = leaves(self.net), [], x
        for index, (w, b) in enumerate(weights):
            h = functional.linear(h, w, b)
            h = h if index == len(weights) - 1 else functional.leaky_relu(h, Rectified.leak)
            activity.append(h.detach())
        functional.cross_entropy(h[0], labels).backward()
        return finish(self.net, weights, activity, labels)


class Rectified(Neuron):
    """An artificial unit in the form of a neuron: its "spikes" are the leaky rectified current, x
    where x > 0, else 0.01 x.

    Leaky, so that the outputs keep the order of their logits: the trainer measures every network by
    its outputs' values.
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
    """An artificial network with PyTorch's usual initial weights, U(+-1/sqrt(in)) for both w and b."""
    net = Network(sizes, neuron=Rectified(), generator=generator)
    for layer in layers_of(net):
        bound = layer.w.shape[1] ** -0.5
        layer.w.mul_(0.5)
        layer.b.uniform_(-bound, bound, generator=generator)
    return net


def pixels(
    x: Float[Tensor, "B N"], steps: int, *, generator: torch.Generator | None = None
) -> Float[Tensor, "1 B N"]:
    """The encoder of the artificial network: grey values as they are, one step."""
    return x.unsqueeze(0)


class _Spike(torch.autograd.Function):
    """s = 1 where v > 1, with the rectangular surrogate as its derivative."""

    @staticmethod
    # any: torch gives ctx no type
    def forward(ctx: Any, v: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(v)
        ctx.surrogate = surrogate
        return (v > 1).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (v,) = ctx.saved_tensors
        return grads[0] * ((v - 1).abs() < ctx.surrogate.window) * ctx.surrogate.height, None


def unfused_scan(
    current: Float[Tensor, "T B N"], p: TwoCompartmentParams, surrogate: Surrogate
) -> Float[Tensor, "T B N"]:
    """`neurons.soma_step` over all steps by torch's own operations, which autograd records one by
    one.
    """
    u = v = s = torch.zeros_like(current[0])
    fired = []
    for now in current:
        u = p.alpha_u * u + now
        v = p.alpha_v * v * (1 - s.detach()) + u
        s = cast(Tensor, _Spike.apply(v, surrogate))
        fired.append(s)
    return torch.stack(fired)


class _FusedScan(torch.autograd.Function):
    """The same spikes and gradients as `unfused_scan` by one compiled loop each way."""

    @staticmethod
    def forward(ctx: Any, current: Tensor, p: TwoCompartmentParams, surrogate: Surrogate) -> Tensor:
        s, psi = scans.soma(current, p.alpha_u, p.alpha_v, surrogate.window)
        ctx.save_for_backward(s, psi)
        ctx.constants = (np.float32(p.alpha_u), np.float32(p.alpha_v), np.float32(surrogate.height))
        return s

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        s, psi = ctx.saved_tensors
        delta = torch.empty_like(s)
        _backward(
            grads[0].contiguous().numpy(), s.numpy(), psi.numpy(), *ctx.constants, delta.numpy()
        )  # type: ignore[call-arg]
        return delta, None, None


def fused_scan(
    current: Float[Tensor, "T B N"], p: TwoCompartmentParams, surrogate: Surrogate
) -> Float[Tensor, "T B N"]:
    """`unfused_scan`, compiled; float32 on a CPU."""
    return cast(Tensor, _FusedScan.apply(current, p, surrogate))


@numba.njit(cache=True, parallel=True)
def _backward(grad, s, psi, alpha_u, alpha_v, height, delta):
    steps, batch, neurons = s.shape
    one = np.float32(1)
    for b in numba.prange(batch):
        dv, du = np.zeros(neurons, np.float32), np.zeros(neurons, np.float32)
        for step in range(steps):
            t = steps - 1 - step
            for n in range(neurons):
                taught = grad[t, b, n] * height if psi[t, b, n] else np.float32(0)
                dv[n] = taught + alpha_v * (one - s[t, b, n]) * dv[n]
                du[n] = dv[n] + alpha_u * du[n]
                delta[t, b, n] = du[n]


def _spiking(sizes: tuple[int, ...], config: RunConfig, generator: torch.Generator) -> Network:
    return Network(sizes, neuron=TwoCompartmentLIF(config.neuron), generator=generator).to(
        config.device
    )


def _surrogates(layers: int, params: BaselineParams) -> list[Surrogate]:
    hidden = Surrogate(params.window, 1 / (2 * params.window))
    return [hidden] * (layers - 1) + [
        Surrogate(float("inf"), 0.5) if params.open_output else hidden
    ]


def _bptt(
    sizes: tuple[int, ...], config: RunConfig, params: BaselineParams, generator: torch.Generator
) -> Learner:
    return Bptt(
        _spiking(sizes, config, generator),
        params.loss,
        _surrogates(len(sizes) - 1, params),
        fused_scan,
    )


def _unfused(
    sizes: tuple[int, ...], config: RunConfig, params: BaselineParams, generator: torch.Generator
) -> Learner:
    return Bptt(
        _spiking(sizes, config, generator),
        params.loss,
        _surrogates(len(sizes) - 1, params),
        unfused_scan,
    )


def _snntorch(
    sizes: tuple[int, ...], config: RunConfig, params: BaselineParams, generator: torch.Generator
) -> Learner:
    return SnnTorchBptt(
        _spiking(sizes, config, generator),
        params.loss,
        _surrogates(len(sizes) - 1, params),
        params.layered,
    )


def _spikingjelly(
    sizes: tuple[int, ...], config: RunConfig, params: BaselineParams, generator: torch.Generator
) -> Learner:
    return SpikingJellyBptt(
        _spiking(sizes, config, generator),
        params.loss,
        _surrogates(len(sizes) - 1, params),
        params.layered,
    )


def _ann(
    sizes: tuple[int, ...], config: RunConfig, params: BaselineParams, generator: torch.Generator
) -> Learner:
    return Backprop(artificial(sizes, generator=generator).to(config.device))


METHODS: dict[
    str, Callable[[tuple[int, ...], RunConfig, BaselineParams, torch.Generator], Learner]
] = {
    "bptt": _bptt,
    "unfused": _unfused,
    "snntorch": _snntorch,
    "spikingjelly": _spikingjelly,
    "ann": _ann,
}
