"""Samples of a network: images or recordings with labels, encoded as spikes, checked against it."""

from __future__ import annotations

from typing import NamedTuple, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .. import inputs
from ..checks import text_of, whole_number
from ..encoders import Encoder, integrate_and_fire, integrate_and_fire_packed
from ..kernels import gpu
from ..kernels.packed_spikes import PackedSpikes
from ..network import Network
from ..padding import PaddedSpikes
from ..readout import Classes, Readout
from ..tensors import check_generator
from .augment import AugmentParams, augment, checked_changes, drawn_shift
from .events.sets import EventSet
from .events.times import check_times
from .images import check_images
from .indices import Indices, sample_indices


@runtime_checkable
class LabelledImages(Protocol):
    """Images uint8 [n, ...], 0..255, or float, 0..1; labels int64 [n], or values [n, values]."""

    @property
    def x(self) -> Tensor: ...
    @property
    def y(self) -> Tensor: ...


@runtime_checkable
class LabelledSpikes(Protocol):
    """Recordings that are spikes already and need no encoder: `events.sets.EventSet`, `SpikeSet`,
    or a user's own class.
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
        """Return spikes 0. or 1. of some recordings, [T, B, inputs], changed by `augmentation`."""


@runtime_checkable
class HasPackedSpikes(Protocol):
    """Recordings that also come as packed bits, for event-driven learning."""

    def packed_spikes(
        self,
        members: Tensor,
        steps: int,
        *,
        augmentation: AugmentParams,
        generator: torch.Generator | None,
    ) -> PackedSpikes: ...


@runtime_checkable
class HasLengths(Protocol):
    """Recordings of unequal length, which come padded."""

    def padded(
        self,
        members: Tensor,
        steps: int,
        *,
        augmentation: AugmentParams,
        generator: torch.Generator | None,
    ) -> PaddedSpikes: ...


Samples = LabelledImages | LabelledSpikes


def encode(
    x: Tensor, encoder: Encoder, steps: int, *, generator: torch.Generator | None = None
) -> Float[Tensor, "T B M"]:
    """Encode images, uint8 0..255 or float 0..1, [B, ...], as spikes [T, B, pixels].

    Example:
        >>> grey = torch.full((1, 1, 2), 128, dtype=torch.uint8)
        >>> encode(grey, integrate_and_fire, 4)[:, 0, 0].tolist()
        [1.0, 0.0, 1.0, 0.0]
    """
    inputs.check_kind(x, "x")
    if x.dim() < 2 or not (x.is_floating_point() or x.dtype == torch.uint8):
        raise ValueError(
            f"x is {x.dtype} of shape {tuple(x.shape)}; need images [B, ...], uint8 0..255 or float"
            " 0..1"
        )
    whole_number(steps, "steps", 1)
    check_generator(generator)
    if isinstance(encoder, type) or not callable(encoder):
        raise TypeError(f"encoder is {text_of(encoder)}; need a function, e.g. integrate_and_fire")
    p = x.flatten(1).float() / 255 if x.dtype == torch.uint8 else x.flatten(1).float()
    try:
        spikes = encoder(p, steps, generator=generator)
    except TypeError as error:
        raise TypeError(
            f"encoder {text_of(encoder)} cannot be called as encoder(x, steps, generator=...):"
            f" {text_of(str(error))}"
        ) from error
    if not isinstance(spikes, Tensor) or spikes.shape[:2] != (steps, len(x)):
        kind = tuple(spikes.shape) if isinstance(spikes, Tensor) else type(spikes).__name__
        raise ValueError(
            f"encoder {text_of(encoder)} returned {kind}; need spikes [{steps}, {len(x)}, inputs]"
        )
    return spikes


def spikes_of(
    samples: Samples,
    members: Indices,
    steps: int,
    *,
    encoder: Encoder | None = integrate_and_fire,
    augmentation: AugmentParams | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "T B M"]:
    """Return the spikes of some samples [T, B, inputs]: images encoded, recordings as they are.

    Args:
        members: indices of the samples, as `sample_indices` takes them.
        augmentation: random changes; none by default (they need a generator).
    """
    check_generator(generator)
    members = sample_indices(members, len(samples.y), "members")
    spikes = spikes_or_packed(
        samples,
        members,
        steps,
        encoder=encoder,
        augmentation=augmentation,
        generator=generator,
        packed=False,
    )
    if isinstance(spikes, PaddedSpikes):
        return spikes.s
    assert isinstance(spikes, Tensor)
    return spikes


def spikes_or_packed(
    samples: Samples,
    members: Int[Tensor, " B"],
    steps: int,
    *,
    encoder: Encoder | None,
    augmentation: AugmentParams | None = None,
    generator: torch.Generator | None = None,
    packed: bool,
) -> Float[Tensor, "T B M"] | PackedSpikes | PaddedSpikes:
    """Return what `spikes_of` does, or the same spikes as packed bits, or padded with lengths.

    They are packed where `packed` asks for it, and the samples can be packed without making the
    spikes first; padded where samples have lengths of their own.
    """
    changes = checked_changes(augmentation)
    # isinstance of a protocol takes as long as encoding a small sample: ask for the method instead.
    if packed and hasattr(samples, "packed_spikes"):
        recordings = cast(HasPackedSpikes, samples)
        return recordings.packed_spikes(members, steps, augmentation=changes, generator=generator)
    if hasattr(samples, "padded"):
        series = cast(HasLengths, samples)
        return series.padded(members, steps, augmentation=changes, generator=generator)
    if hasattr(samples, "spikes"):
        spikes = cast(LabelledSpikes, samples)
        return spikes.spikes(members, steps, augmentation=changes, generator=generator)
    images = cast(LabelledImages, samples)
    if encoder is None:
        raise ValueError(
            "encoder is None, and the samples are images: name an encoder; None is for loaders of"
            " spikes"
        )
    if encoder is integrate_and_fire and _encodes_on_gpu(images, changes):
        return _encoded_on_gpu(images, members, steps, changes, generator)
    x = images.x[members]
    if changes != AugmentParams():
        x = augment(x, changes, generator=_needed(generator, changes))
    if packed and encoder is integrate_and_fire and _is_bytes_on_cpu(x):
        return integrate_and_fire_packed(x, steps)
    return encode(x, encoder, steps, generator=generator)


def _needed(generator: torch.Generator | None, changes: AugmentParams) -> torch.Generator:
    if generator is None:
        raise ValueError(f"generator is None, and {changes} draw at random: pass torch.Generator()")
    return generator


def _encodes_on_gpu(images: LabelledImages, changes: AugmentParams) -> bool:
    """True for images on a GPU that at most shifts may change: one kernel shifts and encodes."""
    shifts_at_most = changes == AugmentParams(shift=changes.shift)
    return shifts_at_most and images.x.ndim == 3 and gpu.runs_on(images.x, torch.uint8)


def _encoded_on_gpu(
    images: LabelledImages,
    members: Tensor,
    steps: int,
    changes: AugmentParams,
    generator: torch.Generator | None,
) -> Tensor:
    offset = None
    if changes.shift:
        draws = _needed(generator, changes)
        offset = drawn_shift(len(members), changes, generator=draws)
    return gpu.integrate_and_fire_images(images.x, members, steps, offset)


def _is_bytes_on_cpu(x: Tensor) -> bool:
    return x.dtype == torch.uint8 and x.device.type == "cpu"


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
    """Return the spikes of a loader's batch: encoded images, or the batch's own spikes.

    Raises: ValueError where they do not fit the network, or the labels the readout (by default
    classes).
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
    """Return the input neurons for these samples: pixels of an image, or the recordings' own."""
    return samples.inputs if isinstance(samples, LabelledSpikes) else samples.x[0].numel()


def check_fits(net: Network, samples: Samples, readout: Readout | None = None) -> None:
    """Raise ValueError where samples do not fit the network, or labels the readout.

    The readout is by default classes.
    """
    unit = "inputs"
    if isinstance(samples, LabelledImages):
        _check_images(samples)
        unit = "pixels"
    inputs = input_size(samples)
    if inputs != net.sizes[0]:
        raise ValueError(
            f"the samples have {inputs:,} {unit} and the network {net.sizes[0]:,} inputs: make its"
            f" first size {inputs}"
        )
    (readout or Classes()).check(samples.y, net.classes)
    if isinstance(samples, EventSet):
        check_times(samples.times, samples.window, samples.name, refuse=False)


def _check_images(images: LabelledImages) -> None:
    if len(images.x) != len(images.y) or not len(images.y):
        raise ValueError(
            f"there are {len(images.x):,} images and {len(images.y):,} labels: need one label per"
            " image, and at least one"
        )
    check_images(images.x)
