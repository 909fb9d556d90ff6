"""The check that stops a run whose weights are no longer finite."""

from __future__ import annotations

import torch

from ..network import Network


def check_finite(net: Network, when: str) -> None:
    """Raise ValueError where a weight is not finite."""
    for index, layer in enumerate(net.layers):
        if not all(torch.isfinite(parameter).all() for parameter in layer.parameters()):
            raise ValueError(
                f"layer {index + 1} has weights that are not finite at {when}: lower the learning"
                " rate (optimizer.lr)"
            )
