"""Encoders, which turn images into spikes: f(x, steps, *, generator) -> [T, B, N], x in 0..1.

To add one, write such a function; a line in `ENCODERS` makes it known to configurations by name.
Recordings are spikes already and need none: a run or a model on them has the word `EVENTS` in its
place, and `data.events` bins them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .checks import whole_number
from .kernels import scans
from .kernels.packed_spikes import PackedSpikes, look_up, unsigned
from .tensors import check_generator, check_shapes

Encoder = Callable[..., Tensor]
EVENTS = "events"  # stands in place of an encoder where the data are recordings


def integrate_and_fire(
    x: Float[Tensor, "B N"], steps: int, *, generator: torch.Generator | None = None
) -> Float[Tensor, "T B N"]:
    """Fire evenly: s[t] = floor(x (t+1) + 1/2) - floor(x t + 1/2).

    This is a non-leaky integrate-and-fire neuron that starts half full. Deterministic; `generator`
    is not used. Ours.

    Example:
        >>> integrate_and_fire(torch.tensor([[0.5]]), 4)[:, 0, 0].tolist()
        [1.0, 0.0, 1.0, 0.0]
    """
    _check(x, steps, generator)
    if scans.runs_on(x):
        return scans.integrate_and_fire(x.detach(), steps)
    t = torch.arange(steps + 1, dtype=x.dtype, device=x.device)
    return (x * t[:, None, None] + 0.5).floor_().diff(dim=0)


def bernoulli(
    x: Float[Tensor, "B N"], steps: int, *, generator: torch.Generator | None = None
) -> Float[Tensor, "T B N"]:
    """Fire at random with probability x at every step: rate coding.

    Example:
        >>> bernoulli(torch.tensor([[0.0, 1.0]]), steps=3).sum(0).tolist()
        [[0.0, 3.0]]
    """
    _check(x, steps, generator)
    draw = torch.rand(
        (steps, *x.shape),
        generator=generator,
        dtype=x.dtype,
        device=generator.device if generator else x.device,
    )
    return (draw.to(x.device) < x).to(x.dtype)


def latency(
    x: Float[Tensor, "B N"], steps: int, *, generator: torch.Generator | None = None
) -> Float[Tensor, "T B N"]:
    """Fire once, brighter pixels earlier: at step round((1 - x)(T - 1)); never where x = 0.

    Deterministic; `generator` is not used.

    Example:
        >>> x = torch.tensor([[1.0, 0.5, 0.0]])    # bright first, black never
        >>> latency(x, 3)[:, 0].tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    _check(x, steps, generator)
    first = ((1 - x) * (steps - 1)).round()
    t = torch.arange(steps, dtype=x.dtype, device=x.device)[:, None, None]
    return ((t == first) & (x > 0)).to(x.dtype)


def direct(
    x: Float[Tensor, "B N"], steps: int, *, generator: torch.Generator | None = None
) -> Float[Tensor, "T B N"]:
    """Show the image itself at every step, as graded inputs of -1 to 1: 2 x - 1.

    The first layer's currents are then exact instead of sums of spikes (direct coding, e.g. Rathi
    and Roy 2021, arXiv 2008.03658). Deterministic; `generator` is not used. Chips that take spikes
    alone cannot run such a network.

    Example:
        >>> direct(torch.tensor([[0.0, 0.75, 1.0]]), steps=2)[:, 0].tolist()
        [[-1.0, 0.5, 1.0], [-1.0, 0.5, 1.0]]
    """
    _check(x, steps, generator)
    return (2 * x - 1).repeat(steps, 1, 1)


def integrate_and_fire_packed(x: UInt8[Tensor, "B rows columns"], steps: int) -> PackedSpikes:
    """Return `integrate_and_fire` of grey images on a CPU, looked up for each grey value."""
    pixels = x.flatten(1).contiguous()
    trains = PackedSpikes.blank(steps, *pixels.shape)
    look_up(pixels.numpy(), _grey_words(steps), unsigned(trains))
    return trains


@cache
def _grey_words(steps: int) -> np.ndarray:
    """Return the packed spikes of the 256 grey values: uint32 [W, 256]."""
    grey = torch.arange(256, dtype=torch.float32) / 255
    trains = PackedSpikes.pack(integrate_and_fire(grey.view(1, 256), steps))
    assert trains is not None
    return unsigned(trains)[:, 0].copy()


def _check(x: Tensor, steps: int, generator: torch.Generator | None) -> None:
    """Raise TypeError or ValueError for anything but intensities, steps and a generator.

    On a GPU the values are not looked at: every batch would wait for the device.
    """
    check_shapes(("x", x, "B N"))
    whole_number(steps, "steps", 1)
    check_generator(generator)
    if x.device.type == "cpu" and x.numel():
        low, high = x.aminmax()
        if not (low >= 0 and high <= 1):  # also where a value is not finite
            raise ValueError(
                f"x runs from {low:g} to {high:g}; need 0 <= x <= 1: scale images to 0..1, or pass"
                " uint8 images to `encode`"
            )


ENCODERS: dict[str, Encoder] = {
    "integrate_and_fire": integrate_and_fire,
    "bernoulli": bernoulli,
    "latency": latency,
    "direct": direct,
}
