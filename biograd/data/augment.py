"""Small random changes of training images: each image is mirrored, shifted, rotated, scaled and
bent by its own draw.

Each pixel looks up where it comes from: the shift undone, then rotation and scale about the centre
undone, then a smooth random displacement added. Pixels from outside the image are black.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ..checks import instance_of
from ..params.augment import AugmentParams as AugmentParams

# Sigma of the Gaussian that smooths the elastic field, pixels. Source: Simard et al. 2003, sec. 2.
SMOOTHNESS = 4.0
# Distance of the random numbers of that field, pixels: one sigma; more of them change nothing
# visible.
KNOT_SPACING = 4.0

OF_IMAGES = ("shift", "rotate", "scale", "elastic", "flip")
OF_SERIES = ("stretch", "bands", "gain", "noise")


def checked_changes(augmentation: object) -> AugmentParams:
    """Return the changes, none for None; TypeError for anything but `AugmentParams`."""
    if augmentation is None:
        return AugmentParams()
    return instance_of(augmentation, AugmentParams, "augmentation", "AugmentParams, or None")


def refuse_changes(p: AugmentParams, names: tuple[str, ...], samples: str) -> None:
    """Raise ValueError where one of these changes is set, which the samples do not know."""
    wrong = [name for name in names if getattr(p, name)]
    if wrong:
        raise ValueError(
            f"AugmentParams.{wrong[0]} is {getattr(p, wrong[0])}, which does not change {samples}:"
            f" set {wrong[0]} to 0"
        )


def augment(x: Tensor, p: AugmentParams, *, generator: torch.Generator) -> Tensor:
    """Change every image of a batch at random.

    Flips and shifts move pixels without changing them; the rest resamples bilinearly, and rounds
    for uint8.

    Args:
        x: images, uint8 or floating point [B, H, W], or [B, C, H, W] in colour.
        generator: all draws come from it, so equal states give equal images.
    Returns: new images (x itself when nothing may change), same shape and dtype.
    """
    refuse_changes(p, OF_SERIES, "images")
    if x.ndim not in (3, 4) and p != AugmentParams():
        raise ValueError(
            f"images have the shape {tuple(x.shape)}, which cannot be shifted or turned; need"
            " [B, rows, columns] or [B, colours, rows, columns]: reshape them, or set all of"
            " AugmentParams to 0"
        )
    if p.flip:
        mirrored = torch.rand(len(x), generator=generator, device=generator.device) < p.flip
        x = torch.where(mirrored.to(x.device).view(-1, *[1] * (x.dim() - 1)), x.flip(-1), x)
    if not (p.rotate or p.scale or p.elastic):
        if not p.shift:
            return x
        return shifted(x, drawn_shift(len(x), p, generator=generator).to(x.device))
    batch, height, width = len(x), *x.shape[-2:]
    position = _draw_positions(torch.Size((batch, height, width)), p, generator)
    return resampled(x, position.to(x.device))


def drawn_shift(batch: int, p: AugmentParams, *, generator: torch.Generator) -> Int[Tensor, "2 B"]:
    """Draw the shift of each image of a batch, pixels down and to the right."""
    return torch.randint(
        -p.shift, p.shift + 1, (2, batch), generator=generator, device=generator.device
    )


def shifted(x: Tensor, offset: Int[Tensor, "2 B"]) -> Tensor:
    """Shift each image by offset[0] pixels down and offset[1] right, zeros outside."""
    if x.dim() == 4:  # all colours of an image alike
        colours = shifted(x.flatten(0, 1), offset.repeat_interleave(x.shape[1], dim=1))
        return colours.view_as(x)
    _, height, width = x.shape
    reach = int(offset.abs().max()) if offset.numel() else 0
    # All windows of the padded images, without copying them; then one window per image.
    windows = (
        functional.pad(x, (reach, reach, reach, reach)).unfold(1, height, 1).unfold(2, width, 1)
    )
    return windows[torch.arange(len(x), device=x.device), reach - offset[0], reach - offset[1]]


def resampled(x: Tensor, position: Float[Tensor, "B H W 2"]) -> Tensor:
    """Return each image's values at positions (row, column) in pixels.

    Bilinear, zero outside the image; uint8 is rounded.
    """
    height, width = x.shape[-2:]
    # grid_sample wants (column, row), and the image's outer edges, half a pixel outside the
    # centres, at -1 and 1.
    grid = (position.flip(-1) * 2 + 1) / position.new_tensor([width, height]) - 1
    grey = x if x.is_floating_point() else x.to(grid.dtype)
    sampled = functional.grid_sample(
        grey if x.dim() == 4 else grey[:, None],
        grid.to(grey.dtype),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    ).view_as(grey)
    return sampled if x.is_floating_point() else sampled.round_().to(x.dtype)


def elastic_field(
    shape: tuple[int, int, int], *, generator: torch.Generator
) -> Float[Tensor, "B H W 2"]:
    """Draw smooth random displacements, mean 0 and standard deviation 1 at every pixel.

        field[r, c] = sum_kl a[r, k] a[c, l] noise[k, l]
        a[r, k]     ~ exp(-(r - knot_k)^2 / (2 sigma^2)),  with sum_k a[r, k]^2 = 1

    Source: Simard, Steinkraus and Platt 2003, section 2: a random field smoothed by a Gaussian.
    Ours differs: normal noise instead of uniform, on knots one sigma apart instead of on every
    pixel (it looks the same, in a tenth of the time), and normalised, so that the strength is in
    pixels and the same near the edge.
    """
    batch, height, width = shape
    down, across = _smoothing(height), _smoothing(width)
    noise = torch.randn(
        2, batch, down.shape[1], across.shape[1], generator=generator, device=generator.device
    )
    return (down.to(noise.device) @ noise @ across.T.to(noise.device)).movedim(0, -1)


@cache
def _smoothing(size: int) -> Float[Tensor, "pixel knot"]:
    """Return the matrix `a` of `elastic_field`, with knots up to two sigmas outside the image."""
    knots = torch.arange(-2 * SMOOTHNESS, size - 1 + 2 * SMOOTHNESS + KNOT_SPACING, KNOT_SPACING)
    a = torch.exp(-((torch.arange(size)[:, None] - knots) ** 2) / (2 * SMOOTHNESS**2))
    return a / a.norm(dim=1, keepdim=True)


def _draw_positions(
    shape: torch.Size, p: AugmentParams, generator: torch.Generator
) -> Float[Tensor, "B H W 2"]:
    """Draw the position in the old image of each pixel of the new one, (row, column) in pixels."""
    batch, height, width = shape
    device = generator.device
    angle, scale_r, scale_c = torch.rand(3, batch, generator=generator, device=device) * 2 - 1
    angle = angle * math.radians(p.rotate)
    zoom = 1 / (1 + p.scale * torch.stack((scale_r, scale_c), dim=-1))
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack((torch.stack((cos, sin), dim=-1), torch.stack((-sin, cos), dim=-1)), dim=-2)
    shift = torch.randint(-p.shift, p.shift + 1, (batch, 2), generator=generator, device=device)
    centre = torch.tensor([(height - 1) / 2, (width - 1) / 2], device=device)
    pixel = (
        torch.cartesian_prod(
            torch.arange(height, device=device), torch.arange(width, device=device)
        )
        - centre
    )
    position = (pixel - shift[:, None]) @ (turn * zoom[:, None]) + centre
    position = position.view(batch, height, width, 2)
    if p.elastic:
        position = position + p.elastic * elastic_field((batch, height, width), generator=generator)
    return position
