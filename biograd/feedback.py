"""Feedback paths: how the error reaches the apical compartments of every hidden layer.

`project` carries the errors to a layer; `align`, where a path has it, learns from the spikes of a
sleeping network. Neither reads a forward weight, except in `Symmetric`, the upper bound that no
brain has.
"""

from __future__ import annotations

import math
from abc import ABC
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .network import Network


class Feedback(nn.Module, ABC):
    """A feedback path. Extend it to add one: with `weights`, or with `project`, or with both.

        weights    w_fb of a layer; `project` multiplies by it. Angles, export and the event-driven
                   loops need it: a path without it trains, and its records hold no angles.
        project    any other way from the errors to the dendrites. Where it is overridden it runs as
                   it is written, never replaced by the event-driven loops.
        align      learning in sleep. A path that defines it is aligned in every night.
        set_gain   what follows the first night; nothing unless defined.

    A line in `FEEDBACK` makes the path known to configurations by name, which build it as
    `Path(net, generator=generator)`. Tensors registered as parameters or buffers are saved with
    the run.

    Example:
        >>> class Broadcast(Feedback):
        ...     def project(self, err, hidden):
        ...         return err.sum(-1, keepdim=True).expand(*err.shape[:-1], 32)
        >>> net = Network((784, 32, 10))
        >>> result = LocalLearner(net, Broadcast()).step(torch.ones(5, 1, 784), torch.tensor([3]))
        >>> net.layers[0].w.grad.shape
        torch.Size([32, 784])
    """

    sleeps: bool = False  # whether nights change it: True of a class that defines `align`

    def __init_subclass__(cls, **kwargs: Any) -> None:  # any: Python's own protocol
        super().__init_subclass__(**kwargs)
        if "sleeps" not in vars(cls):
            cls.sleeps = cls.align is not Feedback.align

    def weights(self, hidden: int) -> Float[Tensor, "N C"] | None:
        """Return w_fb of a hidden layer, [N, classes], thresholds per spike; None: there is none.

        Args:
            hidden: number of the hidden layer, 0 = first.
        """
        return None

    def project(self, err: Float[Tensor, "*T B C"], hidden: int) -> Float[Tensor, "*T B N"]:
        """Return the current of the errors in the apical dendrites of a hidden layer, thresholds.

        Args:
            err: errors of the classes, spikes per step.
            hidden: number of the hidden layer, 0 = first.
        """
        w_fb = self.weights(hidden)
        if w_fb is None:
            raise ValueError(
                f"{type(self).__name__} has neither weights(hidden) nor project(err, hidden):"
                " define one of them"
            )
        return nn.functional.linear(err, w_fb)

    def align(self, hidden: int, coincidence: Float[Tensor, "N C"], decay: float) -> None:
        """Learn from one sleep phase of a hidden layer (see `sleep.sleep_phase`).

        Args:
            coincidence: of its spikes with the output's, [N, classes] (`sleep.coincidence`).
            decay: `SleepParams.decay`.
        """
        raise ValueError(
            f"{type(self).__name__} does not learn in sleep: define align, or use SleepAligned"
        )

    def set_gain(self, hidden: int) -> None:
        """Settle the scale of a hidden layer after the first night; does nothing unless defined."""


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
        self.w_fb = _random_weights(net, generator)

    def weights(self, hidden: int) -> Float[Tensor, "N C"]:
        return self.w_fb[hidden]


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
        self.w_fb = _random_weights(net, generator)
        self.register_buffer("gain", torch.zeros(len(net.hidden), device=net.device))

    def weights(self, hidden: int) -> Float[Tensor, "N C"]:
        return self.w_fb[hidden]

    def align(self, hidden: int, coincidence: Float[Tensor, "N C"], decay: float) -> None:
        """Take one Hebbian step of a layer's w_fb towards the coincidences; see the class."""
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
        self._net = [net]  # in a list: the forward weights are not this module's to save or move

    def weights(self, hidden: int) -> Float[Tensor, "N C"]:
        path = true_path(self._net[0], hidden)
        return path / path.pow(2).mean().sqrt().clamp_min(1e-12)


def true_path(net: Network, hidden: int) -> Float[Tensor, "N C"]:
    """Return (W_L ... W_{l+1})^T, from the output back to a hidden layer; angles refer to it."""
    path: Tensor = net.layers[hidden + 1].w
    for layer in net.layers[hidden + 2 :]:
        path = layer.w @ path
    return path.T


def feedback_angle(net: Network, feedback: Feedback, hidden: int) -> float:
    """Return the angle between w_fb and the true path of a hidden layer, degrees.

    0 is backpropagation, 90 is chance. For measuring only. Raises ValueError for a path without
    weights.

    Example:
        >>> net = Network((784, 32, 10), generator=torch.Generator().manual_seed(0))
        >>> feedback = RandomDFA(net, generator=torch.Generator().manual_seed(1))
        >>> 70 < feedback_angle(net, feedback, hidden=0) < 110
        True
    """
    w_fb = feedback.weights(hidden)
    if w_fb is None:
        raise ValueError(f"{type(feedback).__name__} has no weights(hidden), so it has no angle")
    a, b = w_fb.flatten().double(), true_path(net, hidden).flatten().double()
    cosine = (a @ b / (a.norm() * b.norm()).clamp_min(1e-300)).clamp(-1, 1)
    return math.degrees(math.acos(cosine.item()))


def feedback_angles(net: Network, feedback: Feedback) -> list[float]:
    """Return the angle of every hidden layer, degrees, first to last; [] for no weights."""
    layers = range(len(net.hidden))
    if any(feedback.weights(hidden) is None for hidden in layers):
        return []
    return [feedback_angle(net, feedback, hidden) for hidden in layers]


def _random_weights(net: Network, generator: torch.Generator | None) -> nn.ParameterList:
    device = net.device
    drawn = (torch.randn(n, net.classes, generator=generator).to(device) for n in net.hidden)
    return nn.ParameterList(nn.Parameter(w_fb, requires_grad=False) for w_fb in drawn)


FEEDBACK: dict[str, type[Feedback]] = {
    "sleep": SleepAligned,
    "dfa": RandomDFA,
    "symmetric": Symmetric,
}
