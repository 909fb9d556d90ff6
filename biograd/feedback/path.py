"""A feedback path: how the error reaches the apical compartments of every hidden layer.

`project` carries the errors to a layer; `align`, where a path has it, learns from the spikes of a
sleeping network. Neither reads a forward weight, except in the symmetric paths, upper bounds that
no brain has.
"""

from __future__ import annotations

import math
from abc import ABC
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .. import inputs
from ..checks import instance_of, real_number, whole_number
from ..network import Network
from ..tensors import check_shapes, floats_like


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

    layered: bool = False  # whether errors travel from layer to layer (`layered.LayeredFeedback`)
    sleeps: bool = False  # whether nights change it: True of a class that defines `align`

    def __init_subclass__(cls, **kwargs: Any) -> None:  # any: Python's own protocol
        super().__init_subclass__(**kwargs)
        if "sleeps" not in vars(cls):
            cls.sleeps = cls.align is not Feedback.align

    def weights(self, hidden: int) -> Float[Tensor, "N C"] | None:
        """Return w_fb of a hidden layer, [N, classes], thresholds per spike; None: there is none.

        Of a layered path: of the shape of the forward weights of the layer above.

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
        if w_fb is not None:
            err = floats_like(err, w_fb, "err")
            check_shapes(("err", err, "* B C"), C=w_fb.shape[1])
        if w_fb is None:
            raise ValueError(
                f"{type(self).__name__} has neither weights(hidden) nor project(err, hidden):"
                " define one of them"
            )
        return nn.functional.linear(err, w_fb)

    def forward_path(self, net: Network, hidden: int) -> Tensor:
        """Return the forward weights that w_fb of a hidden layer stands for, of its shape."""
        return true_path(net, hidden)

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


def check_network(net: object, name: str = "net") -> None:
    """Raise TypeError for anything but a network."""
    instance_of(net, Network, name, "a Network, e.g. Network((784, 256, 10))")


def hidden_layer(hidden: int, layers: int) -> int:
    """Return the number of a hidden layer; ValueError where there is none of this number."""
    if type(hidden) is int and 0 <= hidden < layers:  # most of the time
        return hidden
    need = f"0 to {layers - 1}, a hidden layer" if layers else "a network with hidden layers"
    return whole_number(hidden, "hidden", 0, layers - 1, need=need)


def check_alignment(w_fb: Tensor, coincidence: Tensor, decay: float) -> None:
    """Raise TypeError or ValueError for no coincidences of these weights, or no decay in 0..1."""
    inputs.check_kind(coincidence, "coincidence")
    if coincidence.shape != w_fb.shape:
        raise ValueError(
            f"coincidence has the shape {tuple(coincidence.shape)}; need {tuple(w_fb.shape)}, that"
            " of w_fb"
        )
    inputs.check_finite_values(coincidence, "coincidence")
    real_number(decay, "decay", 0, 1)


def true_path(net: Network, hidden: int) -> Float[Tensor, "N C"]:
    """Return (W_L ... W_{l+1})^T, from the output back to a hidden layer; angles refer to it.

    Maximum pools count as means: which neuron they follow changes from step to step.
    """
    if not net.is_dense:
        errors = torch.eye(net.classes, device=net.device, dtype=net.layers[-1].w.dtype)
        for layer in reversed(net.layers[hidden + 1 :]):
            errors = layer.back(errors, layer.w)
        return errors.T
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
    check_network(net)
    instance_of(feedback, Feedback, "feedback", "a feedback path, e.g. SleepAligned(net)")
    hidden = hidden_layer(hidden, len(net.hidden))
    w_fb = feedback.weights(hidden)
    if w_fb is None:
        raise ValueError(f"{type(feedback).__name__} has no weights(hidden), so it has no angle")
    path = feedback.forward_path(net, hidden)
    if path.shape != w_fb.shape:
        raise ValueError(
            f"feedback of hidden layer {hidden + 1} has the shape {tuple(w_fb.shape)}, and the path"
            f" to it {tuple(path.shape)}: make it for this network:"
            f" {type(feedback).__name__}(net)"
        )
    a, b = (w.flatten().double() for w in (w_fb, path))
    cosine = (a @ b / (a.norm() * b.norm()).clamp_min(1e-300)).clamp(-1, 1)
    return math.degrees(math.acos(cosine.item()))


def feedback_angles(net: Network, feedback: Feedback) -> list[float]:
    """Return the angle of every hidden layer, degrees, first to last; [] for no weights.

    Example:
        >>> net = Network((784, 32, 32, 10))
        >>> [round(angle) for angle in feedback_angles(net, Symmetric(net))]
        [0, 0]
    """
    check_network(net)
    instance_of(feedback, Feedback, "feedback", "a feedback path, e.g. SleepAligned(net)")
    layers = range(len(net.hidden))
    if any(feedback.weights(hidden) is None for hidden in layers):
        return []
    return [feedback_angle(net, feedback, hidden) for hidden in layers]
