"""Checks that the parts of a run belong together: network, feedback path, optimizer."""

from __future__ import annotations

import torch
from torch import nn

from .checks import instance_of, text_of
from .feedback import Feedback
from .feedback.path import check_network
from .network import Network


def check_feedback(net: Network, feedback: object) -> None:
    """Raise TypeError or ValueError for anything but a feedback path onto this network.

    A path without weights is taken as it is.
    """
    check_network(net)
    if not isinstance(feedback, Feedback):
        kind = f"the class {feedback.__name__}" if isinstance(feedback, type) else text_of(feedback)
        raise TypeError(f"feedback is {kind}; need a feedback path, e.g. SleepAligned(net)")
    need = f"make it for this network: {type(feedback).__name__}(net)"
    held = getattr(feedback, "w_fb", None)
    if isinstance(held, nn.ParameterList) and len(held) != len(net.hidden):
        raise ValueError(
            f"feedback has weights for {len(held)} hidden layers and the network has"
            f" {len(net.hidden)}: {need}"
        )
    for hidden, size in enumerate(net.hidden):
        try:
            w_fb = feedback.weights(hidden)
        except (IndexError, ValueError) as error:
            layer = f"hidden layer {hidden + 1} of {len(net.hidden)}"
            raise ValueError(f"feedback has no weights for {layer}: {need}") from error
        above = tuple(net.layers[hidden + 1].w.shape)
        wanted = above if feedback.layered else (size, net.classes)
        if w_fb is not None and tuple(w_fb.shape) != wanted:
            raise ValueError(
                f"feedback of hidden layer {hidden + 1} has the shape {tuple(w_fb.shape)}, and the"
                f" network needs {wanted}: {need}"
            )


def check_optimizer(net: Network, optimizer: object) -> None:
    """Raise TypeError or ValueError for anything but an optimizer of this network's weights."""
    instance_of(optimizer, torch.optim.Optimizer, "optimizer", "a torch optimizer, e.g. Adam")
    assert isinstance(optimizer, torch.optim.Optimizer)  # for mypy
    weights = {id(parameter) for parameter in net.parameters()}
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if not any(id(parameter) in weights for parameter in held):
        raise ValueError(
            f"optimizer is {type(optimizer).__name__} of {len(held)} tensors, none of them a weight"
            " of this network: make it from net.parameters()"
        )
