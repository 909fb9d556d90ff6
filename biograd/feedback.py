"""How the error reaches the apical compartments: straight from the error neurons to every hidden
layer.

`project` carries the errors to a layer; `align` hears the spikes of a sleeping network and may turn
the feedback weights. Forward weights never enter either, but in `Symmetric`, which is the upper
bound no brain has.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .network import Network


class Feedback(nn.Module, ABC):
    """What training asks of a feedback path. A new one is a class with `weights` (and `align`, if
    it learns) and a line in `FEEDBACK`.

    Example:
        >>> isinstance(RandomDFA(Network((4, 3, 2))), Feedback)
        True
    """

    sleeps: bool = False  # whether a sleep phase would change anything

    @abstractmethod
    def weights(self, hidden: int) -> Float[Tensor, "N C"]:
        """w_fb of a hidden layer, [N, classes], thresholds per spike."""

    def project(self, err: Float[Tensor, "*T B C"], hidden: int) -> Float[Tensor, "*T B N"]:
        """What the errors of the classes do to the apical dendrites of hidden layer `hidden` (0 =
        first), thresholds.
        """
        return nn.functional.linear(err, self.weights(hidden))


class _Wired(Feedback):
    """Feedback through weights of its own, one matrix per hidden layer."""

    def __init__(self, net: Network, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        device = net.device
        drawn = (torch.randn(n, net.classes, generator=generator).to(device) for n in net.hidden)
        self.w_fb = nn.ParameterList(nn.Parameter(w_fb, requires_grad=False) for w_fb in drawn)

    def weights(self, hidden: int) -> Float[Tensor, "N C"]:
        return self.w_fb[hidden]


class RandomDFA(_Wired):
    """Fixed random feedback, N(0, 1). Source: direct feedback alignment, Nokland 2016 (arXiv
    1609.01596).

    Example:
        >>> feedback = RandomDFA(Network((784, 32, 10)))
        >>> feedback.project(torch.ones(1, 10), hidden=0).shape    # onto the 32 apical dendrites
        torch.Size([1, 32])
    """


class SleepAligned(_Wired):
    """Feedback that sleep turns towards the forward path (see `sleep.sleep_phase`); N(0, 1) until
    the first night.

        w_fb <- (1 - decay) w_fb + decay gain C,   C[n, c] = mean over steps of (s_out[c] - its mean)(s[n] - rate)

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

    sleeps = True
    gain: Tensor

    def __init__(self, net: Network, *, generator: torch.Generator | None = None) -> None:
        super().__init__(net, generator=generator)
        self.register_buffer("gain", torch.zeros(len(net.hidden), device=net.device))

    def align(self, hidden: int, coincidence: Float[Tensor, "N C"], decay: float) -> None:
        """One Hebbian step of a hidden layer's w_fb towards the coincidence of its spikes with the
        output's; see the class.
        """
        w_fb, gain = self.w_fb[hidden], self.gain[hidden]
        # the first night: forget the random start, and learn at the coincidences' own scale
        if gain == 0:
            w_fb.zero_()
            self.gain[hidden] = gain = torch.ones_like(gain)
        w_fb.mul_(1 - decay).add_(coincidence * gain, alpha=decay)

    def set_gain(self, hidden: int) -> None:
        """Fix the layer's gain so that w_fb, as it stands, has unit root mean square."""
        w_fb = self.w_fb[hidden]
        rms = w_fb.pow(2).mean().sqrt()
        if rms > 0:
            w_fb.div_(rms)
            self.gain[hidden] /= rms


class Symmetric(Feedback):
    """The forward path itself, transposed: what backpropagation would use, and no local rule can
    know. The upper bound.

    Brought to unit root mean square, as the other paths are, so that the same learning rates serve.

    Example:
        >>> net = Network((784, 32, 10))
        >>> round(feedback_angle(net, Symmetric(net), hidden=0))
        0
    """

    def __init__(self, net: Network, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self._net = [net]  # in a list: the forward weights are not this module's to save or move

    def weights(self, hidden: int) -> Float[Tensor, "N C"]:
        path = true_path(self._net[0], hidden)
        return path / path.pow(2).mean().sqrt().clamp_min(1e-12)


def true_path(net: Network, hidden: int) -> Float[Tensor, "N C"]:
    """(W_L ... W_{l+1})^T, from the output back to hidden layer `hidden`: what feedback weights are
    measured against.
    """
    path: Tensor = net.layers[hidden + 1].w
    for layer in net.layers[hidden + 2 :]:
        path = layer.w @ path
    return path.T


def feedback_angle(net: Network, feedback: Feedback, hidden: int) -> float:
    """Angle between w_fb and the true path of a hidden layer, degrees: 0 is backpropagation's, 90
    knows nothing. For measuring only.

    Example:
        >>> net = Network((784, 32, 10), generator=torch.Generator().manual_seed(0))
        >>> 70 < feedback_angle(net, RandomDFA(net, generator=torch.Generator().manual_seed(1)), hidden=0) < 110
        True
    """
    a, b = feedback.weights(hidden).flatten().double(), true_path(net, hidden).flatten().double()
    cosine = (a @ b / (a.norm() * b.norm()).clamp_min(1e-300)).clamp(-1, 1)
    return math.degrees(math.acos(cosine.item()))


FEEDBACK: dict[str, type[RandomDFA] | type[SleepAligned] | type[Symmetric]] = {
    "sleep": SleepAligned,
    "dfa": RandomDFA,
    "symmetric": Symmetric,
}
