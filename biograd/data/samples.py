"""What a network is shown: images or recordings with labels, as spikes, and whether they fit the
network.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..encoders import Encoder, integrate_and_fire, integrate_and_fire_packed
from ..kernels import gpu
from ..kernels.packed_spikes import PackedSpikes
from ..network import Network
from ..readout import Classes, Readout
from .augment import AugmentParams, augment, drawn_shift


@runtime_checkable
class LabelledImages(Protocol):
    """What training needs of a data set: images uint8 [n, ...], 0..255, or float in 0..1, and
    labels int64 [n], or values [n, values].
    """

    @property
    def x(self) -> Tensor: ...
    @property
    def y(self) -> Tensor: ...


@runtime_checkable
class LabelledSpikes(Protocol):
    """The same of recordings that are spikes already (`events_sets.EventSet`, `SpikeSet`, or a
    user's own): no encoder is asked.
    """

    @property
    def y(self) -> Tensor: ...  # labels, int64 [n], or values [n, values]
    @property
    def inputs(self) -> int: ...  # input neurons

    def spikes(
        self,
        members: Tensor,
        steps: int,
        *,
        augmentation: AugmentParams,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Spikes 0. or 1. of some recordings, [T, B, inputs], changed at random as `augmentation`
        says.
        """


@runtime_checkable
class HasTrains(Protocol):
    """Recordings that also come as bits, for learners that work event by event."""

    def trains(
        self,
        members: Tensor,
        steps: int,
        *,
        augmentation: AugmentParams,
        generator: torch.Generator | None,
    ) -> PackedSpikes: ...


Samples = LabelledImages | LabelledSpikes


def encode(
    x: Tensor, encoder: Encoder, steps: int, *, generator: torch.Generator | None = None
) -> Float[Tensor, "T B M"]:
    """Images, uint8 0..255 or float 0..1, [B, ...], to spikes [T, B, pixels].

    Example:
        >>> encode(torch.full((1, 1, 2), 128, dtype=torch.uint8), integrate_and_fire, 4)[:, 0, 0].tolist()    # a grey pixel
        [1.0, 0.0, 1.0, 0.0]
    """
    p = x.flatten(1).float() / 255 if x.dtype == torch.uint8 else x.flatten(1).float()
    return encoder(p, steps, generator=generator)


def spikes_of(
    samples: Samples,
    members: Int[Tensor, " B"],
    steps: int,
    *,
    encoder: Encoder | None = integrate_and_fire,
    augmentation: AugmentParams | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "T B M"]:
    """The spikes of some samples: images changed and encoded, recordings as they are read. [T, B,
    inputs].

    Args:
        members: which samples, int64 [B].
        augmentation: random changes; none unless given (they need a generator).
    """
    spikes = spikes_or_trains(
        samples,
        members,
        steps,
        encoder=encoder,
        augmentation=augmentation,
        generator=generator,
        packed=False,
    )
    assert isinstance(spikes, Tensor)
    return spikes


def spikes_or_trains(
    samples: Samples,
    members: Int[Tensor, " B"],
    steps: int,
    *,
    encoder: Encoder | None,
    augmentation: AugmentParams | None = None,
    generator: torch.Generator | None = None,
    packed: bool,
) -> Float[Tensor, "T B M"] | PackedSpikes:
    """The same as `spikes_of`, or packed as trains where that is asked for and can be had without
    the spikes.
    """
    changes = augmentation or AugmentParams()
    # To ask whether it is an instance of these protocols takes as long as a small sample does.
    if packed and hasattr(samples, "trains"):
        return cast(HasTrains, samples).trains(
            members, steps, augmentation=changes, generator=generator
        )
    if hasattr(samples, "spikes"):
        return cast(LabelledSpikes, samples).spikes(
            members, steps, augmentation=changes, generator=generator
        )
    samples = cast(LabelledImages, samples)
    if encoder is None:
        raise ValueError(
            "encoder is None, and the samples are images: name an encoder; None is for loaders of"
            " spikes"
        )
    if (
        encoder is integrate_and_fire
        and _moved_at_most(changes)
        and samples.x.ndim == 3
        and gpu.runs_on(samples.x, torch.uint8)
    ):
        offset = None
        if changes.shift:
            assert generator is not None
            offset = drawn_shift(len(members), changes, generator=generator)
        return gpu.integrate_and_fire_images(samples.x, members, steps, offset)
    x = samples.x[members]
    if changes != AugmentParams():
        assert generator is not None
        x = augment(x, changes, generator=generator)
    if (
        packed
        and encoder is integrate_and_fire
        and x.dtype == torch.uint8
        and x.device.type == "cpu"
    ):
        return integrate_and_fire_packed(x, steps)
    return encode(x, encoder, steps, generator=generator)


def _moved_at_most(changes: AugmentParams) -> bool:
    return changes == AugmentParams(shift=changes.shift)


def loaded_spikes(
    net: Network,
    x: Tensor,
    labels: Tensor,
    steps: int,
    *,
    encoder: Encoder | None,
    readout: Readout | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "T B M"]:
    """What a loader's batch shows the network; ValueError where it, or its labels for the readout
    (classes unless given), do not fit.
    """
    readout = readout or Classes()
    if encoder is None:
        if x.ndim != 3 or x.shape[1:] != (len(labels), net.sizes[0]):
            raise ValueError(
                f"the loader's spikes have the shape {tuple(x.shape)}; need [T, {len(labels)},"
                f" {net.sizes[0]}]"
            )
        readout.check(labels, net.classes)
        return x.float()
    check_fits(net, Batch(x.float() if x.dtype == torch.float64 else x, labels), readout)
    return encode(x, encoder, steps, generator=generator)


class Batch(NamedTuple):
    """Images and labels."""

    x: Tensor
    y: Tensor


def input_size(samples: Samples) -> int:
    """Input neurons that a network for these samples has: pixels of an image, or what recordings
    say.
    """
    return samples.inputs if isinstance(samples, LabelledSpikes) else samples.x[0].numel()


def check_fits(net: Network, samples: Samples, readout: Readout | None = None) -> None:
    """Raise ValueError where samples do not fit the network, or their labels the readout (classes
    unless given).
    """
    if isinstance(samples, LabelledImages):
        _check_images(samples)
    inputs, what = (
        input_size(samples),
        ("pixels" if isinstance(samples, LabelledImages) else "inputs"),
    )
    if inputs != net.sizes[0]:
        raise ValueError(
            f"the samples have {inputs:,} {what} and the network {net.sizes[0]:,} inputs: make its"
            f" first size {inputs}"
        )
    (readout or Classes()).check(samples.y, net.classes)


def _check_images(images: LabelledImages) -> None:
    if len(images.x) != len(images.y) or not len(images.y):
        raise ValueError(
            f"there are {len(images.x):,} images and {len(images.y):,} labels: need one label per"
            " image, and at least one"
        )
    if not (images.x.is_floating_point() or images.x.dtype == torch.uint8):
        raise ValueError(f"images are {images.x.dtype}: need uint8 or float images")
    if images.x.is_floating_point() and not bool(((images.x >= 0) & (images.x <= 1)).all()):
        raise ValueError(
            "images hold values outside 0..1 or not finite: scale them to 0..1, or pass uint8"
            " 0..255"
        )
