"""snnTorch and SpikingJelly nets as their tutorials write them: modules in a row, autograd, Adam.

snnTorch: `snntorch.Leaky` with `init_hidden`, its standard surrogate and reset, stepped by a loop
over time (tutorials 5 and 6); `Synaptic` with our constants and reset stands for our neuron, and
`RLeaky` and `RSynaptic` in recurrent layers. SpikingJelly: `LIFNode` in multi-step mode, whole
layers over time (its tutorial on convolutional networks).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import snntorch
import torch
from snntorch import utils
from torch import Tensor, nn
from torch.nn import functional

from biograd.connections import Conv2d, Dense, MaxPool2d
from biograd.network import Network
from biograd.neurons import lif_params

BETA = 0.9  # voltage kept per step by the one-state neurons: the tutorials' own
OUR_NEURON, TAUGHT = "our neuron", "as taught"


class SnnTorchNet:
    """A network of snnTorch's modules, of the shape of one of ours.

    Args:
        net: ours; recurrent layers become recurrent ones.
        neuron: `OUR_NEURON` or `TAUGHT`.
    """

    def __init__(self, net: Network, neuron: str) -> None:
        self._shape, self._ours = net.shapes[0], neuron == OUR_NEURON
        modules: list[nn.Module] = []
        for layer in net.layers:
            last = layer is net.layers[-1]
            modules += [*_synapses(layer), self._neuron(net, layer, last)]
        self.module = nn.Sequential(*modules)
        self._recurrent = net.recurrent

    def counts(self, spikes: Tensor) -> Tensor:
        """Return the output's spikes over all steps of [T, B, ...], stepped in time."""
        total = torch.zeros(())
        if self._recurrent:
            return self._counts_of_loops(spikes)
        utils.reset(self.module)
        for s in spikes:
            total = total + self.module(s)[0]
        return total

    def _counts_of_loops(self, spikes: Tensor) -> Tensor:
        """Return `counts` with states from outside: `RSynaptic` cannot start from hidden ones."""
        total = torch.zeros(())
        states: dict[int, list[Tensor]] = {}
        for s in spikes:
            for number, part in enumerate(self.module):
                if isinstance(part, nn.Linear):
                    s = part(s)
                    continue
                loops = isinstance(part, snntorch.RLeaky | snntorch.RSynaptic)
                parts = isinstance(part, snntorch.Synaptic | snntorch.RSynaptic) + loops + 1
                state = states.get(number) or [torch.zeros_like(s)] * parts
                s, *after = part(s, *state)
                states[number] = [s, *after] if loops else after
            total = total + s
        return total

    def step(self, spikes: Tensor, labels: Tensor) -> None:
        """Write the gradient of the cross-entropy of the counts into every `.grad`."""
        self.module.zero_grad()
        functional.cross_entropy(self.counts(spikes), labels).backward()

    def _neuron(self, net: Network, layer: Any, last: bool) -> nn.Module:  # any: a layer
        common: dict[str, Any] = {"init_hidden": not net.recurrent, "output": last}
        if layer.w_rec is not None:
            common["linear_features"] = layer.size
        if not self._ours:
            kind = snntorch.Leaky if layer.w_rec is None else snntorch.RLeaky
            neuron: nn.Module = kind(beta=BETA, **common)
            return neuron
        p = lif_params(net.neuron)
        common |= {"reset_mechanism": "zero", "reset_delay": False}
        kind = snntorch.Synaptic if layer.w_rec is None else snntorch.RSynaptic
        synaptic: nn.Module = kind(alpha=p.alpha_u, beta=p.alpha_v, **common)
        return synaptic


class SpikingJellyNet:
    """A network of SpikingJelly's modules in multi-step mode, of the shape of one of ours.

    Args:
        backend: of its neurons: "torch", or "cupy" for its kernels on a GPU.
    Raises: ImportError where SpikingJelly is not installed.
    """

    def __init__(self, net: Network, backend: str = "torch") -> None:
        from spikingjelly.activation_based import functional as jelly
        from spikingjelly.activation_based import layer as layers
        from spikingjelly.activation_based import neuron as neurons
        from spikingjelly.activation_based import surrogate as surrogates

        modules: list[nn.Module] = []
        for layer in net.layers:
            *before, synapses = _synapses(layer)
            modules += [layers.SeqToANNContainer(part) for part in (*before, synapses)]
            modules.append(neurons.LIFNode(surrogate_function=surrogates.ATan()))
        self.module = nn.Sequential(*modules)
        jelly.set_step_mode(self.module, "m")
        jelly.set_backend(self.module, backend)
        self._reset: Callable[[nn.Module], None] = jelly.reset_net

    def counts(self, spikes: Tensor) -> Tensor:
        """Return the output's spikes over all steps of [T, B, ...]."""
        self._reset(self.module)
        total: Tensor = self.module(spikes).sum(0)
        return total

    def step(self, spikes: Tensor, labels: Tensor) -> None:
        """Write the gradient of the cross-entropy of the counts into every `.grad`."""
        self.module.zero_grad()
        functional.cross_entropy(self.counts(spikes), labels).backward()


def _synapses(layer: Any) -> list[nn.Module]:  # any: a layer
    """Return torch's modules of a layer's synapses."""
    kind = layer.connection
    if isinstance(kind, Conv2d):
        sides = layer.in_shape[0], kind.channels, kind.kernel
        pools: list[nn.Module] = []
        if kind.pool is not None:
            assert type(kind.pool) is MaxPool2d  # the only one that is raced
            pools = [nn.MaxPool2d(kind.pool.window, kind.pool.step)]
        return [nn.Conv2d(*sides, stride=kind.stride, padding=kind.border), *pools]
    assert isinstance(kind, Dense)
    flat = [] if len(layer.in_shape) == 1 else [nn.Flatten()]
    return [*flat, nn.Linear(math.prod(layer.in_shape), kind.size)]
