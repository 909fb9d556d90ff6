"""Layered feedback: errors travel from apical dendrite to apical dendrite, a layer at a time.

    a[l](t) = w_fb[l+1]^T g[l+1](t)      g[l] = a[l] psi[l]      g[L] = err

Each layer has feedback weights of its own, of the shape of its forward weights (kernels for
convolutions, applied transposed). It serves every depth; direct feedback loses its way from three
hidden layers on. Compare the weight mirror of Akrout et al. 2019 (arXiv 1904.05391).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..layers import Layer
from ..network import Network
from ..tensors import check_generator
from .direct import SleepAligned, hebbian_step
from .path import Feedback, check_alignment, check_network, hidden_layer


class LayeredFeedback(Feedback):
    """A layered path. Extend it to add one, with `weights`; and with `align`, where it sleeps.

    Example:
        >>> net = Network((1, 28, 28), "8c5s2-10")
        >>> [w.shape for w in LayeredRandom(net).w_fb]    # of the layer above each hidden one
        [torch.Size([10, 1568])]
    """

    layered = True

    def weights(self, hidden: int) -> Tensor:
        """Return w_fb from the layer above to a hidden layer, of the shape of its forward weights.

        Args:
            hidden: number of the hidden layer, 0 = first.
        """
        raise ValueError(f"{type(self).__name__} has no weights(hidden): define it")

    def project(self, err: Float[Tensor, "*T B C"], hidden: int) -> Float[Tensor, "*T B N"]:
        raise ValueError(
            f"{type(self).__name__} sends errors from layer to layer: use carry(g, hidden, ...),"
            " which takes those of the layer above"
        )

    def forward_path(self, net: Network, hidden: int) -> Tensor:
        """Return the forward weights of the layer above."""
        return net.layers[hidden + 1].w


class LayeredRandom(LayeredFeedback):
    """Fixed random feedback from layer to layer: normal, of root mean square 1 / sqrt(fan-in).

    Source: feedback alignment, Lillicrap et al. 2016 (Nature Communications 7:13276).

    Example:
        >>> net = Network((64, 32, 32, 32, 10))
        >>> all(angle > 70 for angle in feedback_angles(net, LayeredRandom(net)))    # degrees
        True
    """

    def __init__(self, net: Network, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        check_network(net)
        check_generator(generator)
        self.w_fb = _random_weights(net, generator)

    def weights(self, hidden: int) -> Tensor:
        return self.w_fb[hidden_layer(hidden, len(self.w_fb))]


class LayeredSleep(LayeredFeedback):
    """Layered feedback that sleep turns towards the forward weights; random until the first night.

        w_fb <- (1 - decay) w_fb + decay gain C

    C are the coincidences of the spikes on its two sides alone, in a dream of that one layer
    (`sleep.dream_of_layer`), summed over the positions that share a kernel. `gain` is one number
    per layer, set once after the first night: root mean square of w_fb 1 / sqrt(fan-in).

    Example:
        >>> net = Network((64, 32, 32, 32, 10), generator=torch.Generator().manual_seed(0))
        >>> feedback, p = LayeredSleep(net), SleepParams(steps=500, decay=0.1)
        >>> first_night(net, feedback, p, generator=torch.Generator().manual_seed(0))
        >>> max(feedback_angles(net, feedback)) < 30    # degrees
        True
    """

    gain: Tensor

    def __init__(self, net: Network, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        check_network(net)
        check_generator(generator)
        self.w_fb = _random_weights(net, generator)
        self.register_buffer("gain", torch.zeros(len(net.hidden), device=net.device))
        self._rms = [1 / math.sqrt(_feedback_fan_in(layer)) for layer in net.layers[1:]]

    def weights(self, hidden: int) -> Tensor:
        return self.w_fb[hidden_layer(hidden, len(self.w_fb))]

    def align(self, hidden: int, coincidence: Tensor, decay: float) -> None:
        """Take one Hebbian step of a layer's w_fb towards the coincidences; see the class.

        Args:
            coincidence: of the shape of w_fb.
        """
        w_fb = self.weights(hidden)
        check_alignment(w_fb, coincidence, decay)
        hebbian_step(w_fb, self.gain, hidden, coincidence, decay)

    def set_gain(self, hidden: int) -> None:
        """Fix the layer's gain so that w_fb, as it stands, has its root mean square."""
        w_fb = self.weights(hidden)
        rms = w_fb.pow(2).mean().sqrt()
        if rms > 0:
            w_fb.mul_(self._rms[hidden] / rms)
            self.gain[hidden] *= self._rms[hidden] / rms


class LayeredSymmetric(LayeredFeedback):
    """The forward weights themselves, transposed, as backpropagation uses them: the upper bound.

    Brought to the root mean square of the other paths, so that the same learning rates serve.

    Example:
        >>> net = Network((64, 32, 32, 32, 10))
        >>> max(feedback_angles(net, LayeredSymmetric(net))) < 0.1    # degrees
        True
    """

    def __init__(self, net: Network, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        check_network(net)
        check_generator(generator)
        self._net = [net]  # in a list: the forward weights are not this module's to save or move
        self._rms = [1 / math.sqrt(_feedback_fan_in(layer)) for layer in net.layers[1:]]

    def weights(self, hidden: int) -> Tensor:
        layers = self._net[0].layers
        w = layers[hidden_layer(hidden, len(layers) - 1) + 1].w
        return w * (self._rms[hidden] / w.pow(2).mean().sqrt().clamp_min(1e-12))


def sleep_aligned(net: Network, *, generator: torch.Generator | None = None) -> Feedback:
    """Return the feedback that sleep aligns for a network: direct up to two hidden dense layers.

    Layered for deeper and convolutional ones, and where the output does not fire. Direct feedback
    is exact enough for those, and takes the event-driven loops; from three hidden layers on it
    fails (see `docs/results.md`).

    Example:
        >>> type(sleep_aligned(Network((784, 256, 256, 10)))).__name__
        'SleepAligned'
        >>> type(sleep_aligned(Network((784, 256, 256, 256, 10)))).__name__
        'LayeredSleep'
    """
    check_network(net)
    direct = net.is_dense and len(net.hidden) <= 2 and net.layers[-1].neuron.fires
    return (SleepAligned if direct else LayeredSleep)(net, generator=generator)


def _feedback_fan_in(layer: Layer) -> float:
    """Return how many errors reach one neuron before the layer, on average."""
    inputs = math.prod(layer.synapse_shape)
    synapses = layer.w.numel() * layer.connection.positions(layer.synapse_shape)
    return max(1.0, synapses / inputs)


def _random_weights(net: Network, generator: torch.Generator | None) -> nn.ParameterList:
    drawn = (
        torch.randn(layer.w.shape, generator=generator) / math.sqrt(_feedback_fan_in(layer))
        for layer in net.layers[1:]
    )
    return nn.ParameterList(nn.Parameter(w.to(net.device), requires_grad=False) for w in drawn)
