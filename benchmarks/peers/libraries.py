"""The same spiking net by the neurons of other libraries: snnTorch, and SpikingJelly if installed.

Their neurons fire the same spikes as ours (held by a test), so that only the library differs.
SpikingJelly requires torchvision and torchaudio, whose usual builds install CUDA's torch; `pip
install --no-deps spikingjelly loguru` leaves them out: its neurons need neither.
"""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import snntorch
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from biograd.feedback import Symmetric
from biograd.learning.learner import StepResult
from biograd.network import Network
from biograd.neurons import lif_params

from .backprop import LOSSES, Surrogate, finish, layers_of, leaves

Weights = list[tuple[Tensor, Tensor]]  # (w, b) of each layer


class LibraryBptt(ABC):
    """Backpropagation through time by a library's neurons.

    Args:
        net: the network that is trained.
        loss: a key of `LOSSES`.
        neurons: one object per layer, as `stepped` and `layered` use them.
        by_layer: a layer over all steps at once, instead of all layers step by step.
    """

    threads = 1

    def __init__(
        self,
        net: Network,
        loss: str,
        neurons: list[Any],  # any: of the library
        by_layer: bool,
    ) -> None:
        self.net, self.feedback, self.loss = net, Symmetric(net), LOSSES[loss]
        self.neurons, self.by_layer = neurons, by_layer

    def step(self, spikes: Float[Tensor, "T B M"], labels: Int[Tensor, " B"]) -> StepResult:
        """Present one batch, and write the gradient into every parameter's `.grad`."""
        weights = leaves(self.net)
        activity = self._roll(spikes, weights)
        self.loss(activity[-1].mean(0), labels).backward()
        return finish(self.net, weights, [s.detach() for s in activity], labels)

    def forward(self, spikes: Float[Tensor, "T B M"]) -> Float[Tensor, "T B C"]:
        """Return the spikes of the output layer."""
        return self._roll(spikes, [(layer.w, layer.b) for layer in layers_of(self.net)])[-1]

    @abstractmethod
    def stepped(self, spikes: Tensor, weights: Weights) -> list[Tensor]:
        """Return the spikes of each layer, all layers step by step."""

    @abstractmethod
    def layered(self, spikes: Tensor, weights: Weights) -> list[Tensor]:
        """Return the spikes of each layer, a layer over all steps at once."""

    def _roll(self, spikes: Tensor, weights: Weights) -> list[Tensor]:
        return self.layered(spikes, weights) if self.by_layer else self.stepped(spikes, weights)


class SnnTorchBptt(LibraryBptt):
    """snnTorch's `Synaptic` neurons with reset to zero."""

    def __init__(self, net: Network, loss: str, surrogates: list[Surrogate], layered: bool) -> None:
        p = lif_params(net.neuron)
        neurons = [
            snntorch.Synaptic(
                p.alpha_u,
                p.alpha_v,
                spike_grad=_snntorch_surrogate(surrogate),
                reset_mechanism="zero",
                reset_delay=False,
            )
            for surrogate in surrogates
        ]
        super().__init__(net, loss, neurons, layered)

    def stepped(self, spikes: Tensor, weights: Weights) -> list[Tensor]:
        states = [neuron.reset_mem() for neuron in self.neurons]
        fired: list[list[Tensor]] = [[] for _ in weights]
        for s in spikes:
            for index, (w, b) in enumerate(weights):
                s, *states[index] = self.neurons[index](functional.linear(s, w, b), *states[index])
                fired[index].append(s)
        return [torch.stack(layer) for layer in fired]

    def layered(self, spikes: Tensor, weights: Weights) -> list[Tensor]:
        activity, s = [], spikes
        for neuron, (w, b) in zip(self.neurons, weights, strict=True):
            state, fired = neuron.reset_mem(), []
            for current in functional.linear(s, w, b):
                spike, *state = neuron(current, *state)
                fired.append(spike)
            s = torch.stack(fired)
            activity.append(s)
        return activity


class SpikingJellyBptt(LibraryBptt):
    """SpikingJelly's `CUBALIFNode` with reset to zero, and its rectangular surrogate.

    Its surrogate of height a has half-width 1 / (2 a), as ours. Its neuron fires at v >= threshold,
    ours above it: the threshold is the next float32 above 1.

    Raises: ImportError where SpikingJelly is not installed.
    """

    def __init__(self, net: Network, loss: str, surrogates: list[Surrogate], layered: bool) -> None:
        neurons = [
            _spikingjelly_neuron(net, surrogate, "m" if layered else "s")
            for surrogate in surrogates
        ]
        super().__init__(net, loss, neurons, layered)

    def stepped(self, spikes: Tensor, weights: Weights) -> list[Tensor]:
        self._reset()
        fired: list[list[Tensor]] = [[] for _ in weights]
        for s in spikes:
            for index, (w, b) in enumerate(weights):
                s = self.neurons[index](functional.linear(s, w, b))
                fired[index].append(s)
        return [torch.stack(layer) for layer in fired]

    def layered(self, spikes: Tensor, weights: Weights) -> list[Tensor]:
        self._reset()
        activity, s = [], spikes
        for neuron, (w, b) in zip(self.neurons, weights, strict=True):
            s = neuron(functional.linear(s, w, b))
            activity.append(s)
        return activity

    def _reset(self) -> None:
        for neuron in self.neurons:
            neuron.reset()


def has_spikingjelly() -> bool:
    """Return whether SpikingJelly is installed."""
    return importlib.util.find_spec("spikingjelly") is not None


def _spikingjelly_neuron(net: Network, surrogate: Surrogate, step_mode: str) -> nn.Module:
    try:
        from spikingjelly.activation_based import neuron as neurons
        from spikingjelly.activation_based import surrogate as surrogates
    except ImportError as error:
        raise ImportError(
            "SpikingJelly is not installed: pip install --no-deps spikingjelly loguru"
        ) from error
    if surrogate.window * surrogate.height != 0.5:
        raise ValueError(
            f"the surrogate's window is {surrogate.window} and its height {surrogate.height};"
            " SpikingJelly's has an area of 1"
        )
    p, above = lif_params(net.neuron), float(np.nextafter(np.float32(1), np.float32(2)))
    node = neurons.CUBALIFNode(
        p.alpha_u, p.alpha_v, above, 0.0, surrogates.Rect(alpha=surrogate.height)
    )
    node.detach_reset, node.step_mode = True, step_mode
    return node


def _snntorch_surrogate(surrogate: Surrogate) -> Callable[..., Tensor]:
    """Return snnTorch's hook for a custom surrogate, which receives v - threshold."""

    def slope(v: Tensor, grad: Tensor, spikes: Tensor) -> Tensor:
        return grad * (v.abs() < surrogate.window) * surrogate.height

    return snntorch.surrogate.custom_surrogate(slope)
