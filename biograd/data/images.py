"""The images that networks are shown: uint8 0..255, or real numbers 0..1."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import text_of


def check_images(x: object) -> None:
    """Raise TypeError or ValueError for anything but uint8 images, or float ones in 0..1."""
    if not isinstance(x, Tensor) or x.layout != torch.strided:
        raise TypeError(
            f"images are {text_of(x)}; need a dense torch.Tensor, [n, rows, columns]"
            " (torch.as_tensor converts arrays and lists)"
        )
    if x.ndim < 2 or not all(x.shape[1:]):
        raise ValueError(f"images have the shape {tuple(x.shape)}; need [n, rows, columns]")
    if not (x.is_floating_point() or x.dtype == torch.uint8):
        raise ValueError(f"images are {x.dtype}: need uint8 or float images")
    holds_values = x.is_floating_point() and not x.is_meta
    if holds_values and not bool(((x >= 0) & (x <= 1)).all()):
        raise ValueError(
            "images hold values outside 0..1 or not finite: scale them to 0..1, or pass uint8"
            " 0..255"
        )
