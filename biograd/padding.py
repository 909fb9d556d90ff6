"""Samples of unequal length in one batch: filled up with silence that counts nowhere."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import instance_of, text_of
from .inputs import check_kind


class PaddedSpikes:
    """Spike trains of unequal length, [T, B, N], and the number of steps of each, [B].

    What follows a sample's last step is padding: learning, counts, rates, errors and answers leave
    it out, so a sample gives the same update in any batch.

    Example:
        >>> spikes = PaddedSpikes(torch.ones(5, 2, 3), torch.tensor([5, 2]))
        >>> spikes.live()[:, 1].tolist()
        [True, True, False, False, False]
    """

    def __init__(self, s: Tensor, lengths: Tensor) -> None:
        check_kind(s, "s")
        check_kind(lengths, "lengths")
        if s.dim() < 3 or lengths.shape != s.shape[1:2] or lengths.is_floating_point():
            raise ValueError(
                f"s has the shape {tuple(s.shape)} and lengths {tuple(lengths.shape)} of"
                f" {lengths.dtype}; need spikes [T, B, N] and whole numbers of steps [B]"
            )
        if not len(lengths) or int(lengths.min()) < 1 or int(lengths.max()) > len(s):
            raise ValueError(
                f"lengths are {text_of(lengths.tolist())}; need 1 to {len(s)} steps of each of at"
                " least one sample"
            )
        self.s, self.lengths = s, lengths.to(s.device, torch.int64)

    def __repr__(self) -> str:
        return f"PaddedSpikes({tuple(self.s.shape)}, {text_of(self.lengths.tolist())} steps)"

    def __len__(self) -> int:
        return len(self.s)

    def to(self, device: torch.device | str) -> PaddedSpikes:
        """Return the same on a device."""
        try:
            device = torch.device(device)
        except (RuntimeError, TypeError):
            raise ValueError(
                f"device is {text_of(device)}; need a torch device, e.g. 'cpu'"
            ) from None
        return PaddedSpikes(self.s.to(device), self.lengths.to(device))

    def of(self, samples: slice | Tensor) -> PaddedSpikes:
        """Return some of the samples."""
        instance_of(samples, (slice, Tensor), "samples", "a slice, or a tensor of numbers")
        if isinstance(samples, Tensor) and (samples.is_floating_point() or samples.is_complex()):
            raise ValueError(f"samples are {samples.dtype}; need a slice, or whole numbers")
        return PaddedSpikes(self.s[:, samples], self.lengths[samples])

    def live(self) -> Tensor:
        """Return which steps belong to each sample, bool [T, B]."""
        return live_steps(self.lengths, len(self.s))


def live_steps(lengths: Int[Tensor, " B"], steps: int) -> Tensor:
    """Return which steps belong to each sample, bool [T, B]."""
    return torch.arange(steps, device=lengths.device)[:, None] < lengths


def step_weights(lengths: Int[Tensor, " B"], steps: int, like: Tensor) -> Float[Tensor, "T B 1"]:
    """Return T / length for each step of a sample, 0 for padding, in the type of `like`.

    A mean over T steps weighted by it is the mean over the sample's own steps.
    """
    weights = live_steps(lengths, steps).to(like) * (steps / lengths.to(like))
    return weights.unsqueeze(-1)


def to_all_steps(
    counts: Float[Tensor, "B C"], steps: int, lengths: Int[Tensor, " B"] | None
) -> Float[Tensor, "B C"]:
    """Return counts over each sample's own steps as if they were over all T.

    Args:
        lengths: steps of each sample; None: all have T.
    """
    return counts if lengths is None else counts * (steps / lengths.to(counts))[:, None]
