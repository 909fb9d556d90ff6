"""Direct feedback: from the error neurons of the output straight to every hidden layer.

It serves one or two hidden layers; the way to deeper ones is too long for it (`layered`).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..network import Network
from ..tensors import check_generator
from .path import Feedback, check_alignment, check_network, hidden_layer, true_path


class RandomDFA(Feedback):
    """Fixed random feedback, N(0, 1).

    Source: direct feedback alignment, Nokland 2016 (arXiv 1609.01596).

    Example:
        >>> feedback = RandomDFA(Network((784, 32, 10)))
        >>> feedback.project(torch.ones(1, 10), hidden=0).shape    # onto the 32 apical dendrites
        torch.Size([1, 32])
    """

    def __init__(self, net: Network, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        check_network(net)
        check_generator(generator)
        self.w_fb = _random_weights(net, generator)

    def weights(self, hidden: int) -> Float[Tensor, "N C"]:
        return self.w_fb[hidden_layer(hidden, len(self.w_fb))]


class SleepAligned(Feedback):
    """Feedback that sleep turns towards the forward path; N(0, 1) until the first night.

        w_fb    <- (1 - decay) w_fb + decay gain C
        C[n, c]  = mean over steps of (s_out[c] - its mean)(s[n] - rate)

    `gain` is one number per layer, set once after the first night so that w_fb has unit root mean
    square, and kept: each synapse needs only the spikes on its two sides and a constant.
    Source: the Hebbian sleep of Tang et al. 2021 (arXiv 2110.14092, abstract); same-step
    coincidence, homeostasis and the gain are ours.

    Example:
        >>> net = Network((784, 32, 10), generator=torch.Generator().manual_seed(0))
        >>> feedback, generator = SleepAligned(net), torch.Generator().manual_seed(0)
        >>> for _ in range(50):
        ...     sleep_phase(net, feedback, SleepParams(decay=0.1), generator=generator)
        >>> feedback_angle(net, feedback, hidden=0) < 45    # degrees; it was about 90
        True
    """

    gain: Tensor

    def __init__(self, net: Network, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        check_network(net)
        check_generator(generator)
        self.w_fb = _random_weights(net, generator)
        self.register_buffer("gain", torch.zeros(len(net.hidden), device=net.device))

    def weights(self, hidden: int) -> Float[Tensor, "N C"]:
        return self.w_fb[hidden_layer(hidden, len(self.w_fb))]

    def align(self, hidden: int, coincidence: Float[Tensor, "N C"], decay: float) -> None:
        """Take one Hebbian step of a layer's w_fb towards the coincidences; see the class."""
        w_fb = self.weights(hidden)
        check_alignment(w_fb, coincidence, decay)
        hebbian_step(w_fb, self.gain, hidden, coincidence, decay)

    def set_gain(self, hidden: int) -> None:
        """Fix the layer's gain so that w_fb, as it stands, has unit root mean square."""
        w_fb = self.weights(hidden)
        rms = w_fb.pow(2).mean().sqrt()
        if rms > 0:
            w_fb.div_(rms)
            self.gain[hidden] /= rms


class Symmetric(Feedback):
    """The forward path itself, transposed, as backpropagation uses it; no local rule can know it.

    The upper bound. Brought to unit root mean square, as the other paths are, so that the same
    learning rates serve.

    Example:
        >>> net = Network((784, 32, 10))
        >>> round(feedback_angle(net, Symmetric(net), hidden=0))
        0
    """

    def __init__(self, net: Network, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        check_network(net)
        check_generator(generator)
        self._net = [net]  # in a list: the forward weights are not this module's to save or move

    def weights(self, hidden: int) -> Float[Tensor, "N C"]:
        net = self._net[0]
        path = true_path(net, hidden_layer(hidden, len(net.hidden)))
        return path / path.pow(2).mean().sqrt().clamp_min(1e-12)


def hebbian_step(
    w_fb: Tensor, gains: Tensor, hidden: int, coincidence: Tensor, decay: float
) -> None:
    """Pull feedback weights towards coincidences, in place: (1 - decay) w_fb + decay gain C.

    Args:
        gains: of every hidden layer. Where it is still 0, in the first night, the random start is
            forgotten, and the layer learns at the coincidences' own scale.
    """
    if gains[hidden] == 0:
        w_fb.zero_()
        gains[hidden] = 1
    w_fb.mul_(1 - decay).add_(coincidence * gains[hidden], alpha=decay)


def _random_weights(net: Network, generator: torch.Generator | None) -> nn.ParameterList:
    device = net.device
    drawn = (torch.randn(n, net.classes, generator=generator).to(device) for n in net.hidden)
    return nn.ParameterList(nn.Parameter(w_fb, requires_grad=False) for w_fb in drawn)
