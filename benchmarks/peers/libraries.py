"""The same spiking net in the libraries of others, by their own neurons: snnTorch, and SpikingJelly
where it is installed.

Their neurons fire the same spikes as ours (a test holds it), so that only the library differs.
SpikingJelly asks for torchvision and torchaudio, whose usual builds bring CUDA's torch; `pip
install --no-deps spikingjelly loguru` leaves them out: its neurons need neither.
"""

from __future__ import annotations

import importlib.util
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

from .backprop import LOSSES, Surrogate, finish, layers_of, leaves, lif


class LibraryBptt:
    """Backpropagation through time by a library's neurons.

    Args:
        neurons: one object per layer, as `_stepped` and `_layered` use them.
        layered: a layer over all steps at once, instead of all layers step by step.
    """

    threads = 1

    # any: the library's own
    def __init__(self, net: Network, loss: str, neurons: list[Any], layered: bool) -> None:
        self.net, self.feedback, self.loss, self.neurons, self.layered = (
            net,
            Symmetric(net),
            LOSSES[loss],
            neurons,
            layered,
        )

    def step(self, spikes: Float[Tensor, "T B M"], labels: Int[Tensor, " B"]) -> StepResult:
        """Show one batch, and write the gradient into every parameter's `.grad`."""
        weights = leaves(self.net)
        trains = self._roll(spikes, weights)
        self.loss(trains[-1].mean(0), labels).backward()
        return finish(self.net, weights, [s.detach() for s in trains], labels)

    def forward(self, spikes: Float[Tensor, "T B M"]) -> Float[Tensor, "T B C"]:
        """Spikes of the output layer."""
        return self._roll(spikes, [(layer.w, layer.b) for layer in layers_of(self.net)])[-1]

    def _roll(self, spikes: Tensor, weights: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
        return self._layered(spikes, weights) if self.layered else self._stepped(spikes, weights)

    def _stepped(self, spikes: Tensor, weights: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
        raise NotImplementedError

    def _layered(self, spikes: Tensor, weights: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
        raise NotImplementedError


class SnnTorchBptt(LibraryBptt):
    """snnTorch's `Synaptic` neurons with reset to zero."""

    def __init__(self, net: Network, loss: str, surrogates: list[Surrogate], layered: bool) -> None:
        p = lif(net)
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

    def _stepped(self, spikes: Tensor, weights: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
        states = [neuron.reset_mem() for neuron in self.neurons]
        fired: list[list[Tensor]] = [[] for _ in weights]
        for s in spikes:
            for index, (w, b) in enumerate(weights):
                s, *states[index] = self.neurons[index](functional.linear(s, w, b), *states[index])
                fired[index].append(s)
        return [torch.stack(layer) for layer in fired]

    def _layered(self, spikes: Tensor, weights: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
        trains, s = [], spikes
        for neuron, (w, b) in zip(self.neurons, weights, strict=True):
            state, fired = neuron.reset_mem(), []
            for current in functional.linear(s, w, b):
                spike, *state = neuron(current, *state)
                fired.append(spike)
            s = torch.stack(fired)
            trains.append(s)
        return trains


class SpikingJellyBptt(LibraryBptt):
    """SpikingJelly's `CUBALIFNode` with reset to zero, and its rectangular surrogate: one of height
    a has half-width 1 / (2 a), as ours.

    Its neuron fires at v >= threshold, ours above it: the threshold is the next float32 above 1.

    Raises: ImportError where SpikingJelly is not installed.
    """

    def __init__(self, net: Network, loss: str, surrogates: list[Surrogate], layered: bool) -> None:
        neurons = [
            _spikingjelly_neuron(net, surrogate, "m" if layered else "s")
            for surrogate in surrogates
        ]
        super().__init__(net, loss, neurons, layered)

    def _stepped(self, spikes: Tensor, weights: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
        self._reset()
        fired: list[list[Tensor]] = [[] for _ in weights]
        for s in spikes:
            for index, (w, b) in enumerate(weights):
                s = self.neurons[index](functional.linear(s, w, b))
                fired[index].append(s)
        return [torch.stack(layer) for layer in fired]

    def _layered(self, spikes: Tensor, weights: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
        self._reset()
        trains, s = [], spikes
        for neuron, (w, b) in zip(self.neurons, weights, strict=True):
            s = neuron(functional.linear(s, w, b))
            trains.append(s)
        return trains

    def _reset(self) -> None:
        for neuron in self.neurons:
            neuron.reset()


def has_spikingjelly() -> bool:
    """Whether SpikingJelly is installed."""
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
    p, above = lif(net), float(np.nextafter(np.float32(1), np.float32(2)))
    node = neurons.CUBALIFNode(
        p.alpha_u, p.alpha_v, above, 0.0, surrogates.Rect(alpha=surrogate.height)
    )
    node.detach_reset, node.step_mode = True, step_mode
    return node


def _snntorch_surrogate(surrogate: Surrogate) -> Callable[..., Tensor]:
    """snnTorch's hook for an own surrogate; it hands over v - threshold."""

    def slope(v: Tensor, grad: Tensor, spikes: Tensor) -> Tensor:
        return grad * (v.abs() < surrogate.window) * surrogate.height

    return snntorch.surrogate.custom_surrogate(slope)
