"""Spike trains as bits: 32 time steps of a neuron in one word.

Zeros and ones need no floats: a layer's spikes take a thirty-second of the memory, silence is
skipped a word at a time, and the two ends of a run of spikes are found without a loop. The
event-driven loops (`event_driven`) read and write this form alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int32
from torch import Tensor

from .compiled import compiled
from .row_sums import count_bits
from .scans import runs_on

WORD = 32  # time steps per word


@dataclass(frozen=True)
class PackedSpikes:
    """Spike trains of a batch on a CPU.

    Args:
        words: int32 [W, B, N], W = ceil(T / 32): bit t % 32 of words[t // 32, b, n] is the spike of
            neuron n in sample b at step t; bits are 0 from step T on.
        steps: T.

    Example:
        >>> trains = PackedSpikes.pack(torch.tensor([1.0, 0.0, 1.0]).view(3, 1, 1))
        >>> bin(trains.words.item()), trains.counts().item()
        ('0b101', 2.0)
    """

    words: Int32[Tensor, "W B N"]
    steps: int

    def __post_init__(self) -> None:
        words = self.words
        if words.dtype != torch.int32 or words.dim() != 3 or words.device.type != "cpu":
            raise ValueError(
                f"words are {words.dtype} of shape {tuple(words.shape)} on {words.device}; need"
                " int32 [W, B, N] on the CPU"
            )
        if self.steps < 0 or len(words) != -(-self.steps // WORD):
            raise ValueError(
                f"there are {len(words)} words for {self.steps} steps; need one per {WORD} steps"
            )

    @classmethod
    def pack(cls, s: Float[Tensor, "T B N"]) -> PackedSpikes | None:
        """Pack spikes; None unless these are zeros and ones in float32 on a CPU."""
        if not runs_on(s):
            return None
        trains = cls.blank(*s.shape)
        return trains if trains.fill(s, 0, s.shape[1]) else None

    @classmethod
    def blank(cls, steps: int, batch: int, neurons: int) -> PackedSpikes:
        """Return uninitialised memory, which `fill` fills."""
        return cls(torch.empty(-(-steps // WORD), batch, neurons, dtype=torch.int32), steps)

    def fill(self, s: Float[Tensor, "T B N"], first: int, last: int) -> bool:
        """Pack the spikes of samples first .. last - 1; False unless these are zeros and ones."""
        return bool(pack_samples(*flat_spikes(s), self.steps, first, last, unsigned(self)))

    def of(self, samples: slice) -> PackedSpikes:
        """Return the spikes of some of the samples."""
        return PackedSpikes(self.words[:, samples].contiguous(), self.steps)

    @property
    def batch(self) -> int:
        """Number of samples, B."""
        return self.words.shape[1]

    @property
    def neurons(self) -> int:
        """Number of neurons, N."""
        return self.words.shape[2]

    def dense(self) -> Float[Tensor, "T B N"]:
        """Return the spikes as 0. and 1., [T, B, N]."""
        s = torch.empty(self.steps, *self.words.shape[1:], dtype=torch.float32)
        _unpack(unsigned(self), s.numpy())
        return s

    def counts(self) -> Float[Tensor, "B N"]:
        """Return the spikes of each neuron over all steps."""
        counts = torch.empty(self.words.shape[1:], dtype=torch.float32)
        self.count(counts, 0, self.batch)
        return counts

    def count(self, into: Float[Tensor, "B N"], first: int, last: int) -> None:
        """Write `counts` of samples first .. last - 1."""
        count_samples(unsigned(self), into.numpy(), first, last)


def flat_spikes(s: Float[Tensor, "T B N"]) -> tuple[np.ndarray, int, int]:
    """Return spikes as `pack_samples` takes them: flat float32, stride per step, stride per sample.

    Part of a batch is not copied.
    """
    if s.stride(2) != 1 or not s.numel():
        s = s.contiguous()
    step, sample, _ = s.stride()
    length = (s.shape[0] - 1) * step + (s.shape[1] - 1) * sample + s.shape[2] if s.numel() else 0
    return s.as_strided((length,), (1,)).numpy(), step, sample


def unsigned(trains: PackedSpikes) -> np.ndarray:
    """Return the words as the compiled loops take them: uint32 [W, B, N]."""
    return trains.words.numpy().view(np.uint32)


@compiled
def pack_samples(flat, step, sample, steps, first, last, words):
    """Pack the spikes of samples first .. last - 1; return False unless these are zeros and ones.

    Args:
        flat: float32 [any], spikes; sample b at step t starts at flat[t * step + b * sample].
        step, sample: int64, strides in numbers.
        steps: int64, T.
        first, last: int64.
        words: uint32 [W, B, N], filled for these samples.
    """
    neurons = words.shape[2]
    odd = np.uint32(0)
    for b in range(first, last):
        for t in range(steps):
            start = t * step + b * sample
            row, packed, at = flat[start : start + neurons], words[t >> 5, b], np.uint32(t & 31)
            if t & 31 == 0:
                packed[:] = np.uint32(0)
            for n in range(neurons):
                fired = np.uint32(row[n] != np.float32(0))
                odd = np.uint32(odd | np.uint32(fired & np.uint32(row[n] != np.float32(1))))
                packed[n] = np.uint32(packed[n] | np.uint32(fired << at))
    return odd == 0


@compiled
def _unpack(words, s):
    """Fill s, float32 [T, B, N], from words, uint32 [W, B, N]."""
    steps, batch, neurons = s.shape
    for t in range(steps):
        for b in range(batch):
            row, packed, at = s[t, b], words[t >> 5, b], np.uint32(t & 31)
            for n in range(neurons):
                row[n] = np.float32(np.uint32(np.uint32(packed[n] >> at) & np.uint32(1)))


@compiled
def count_samples(words, counts, first, last):
    """Write the spikes of each neuron over all steps, for samples first .. last - 1.

    words: uint32 [W, B, N]; counts: float32 [B, N], changed.
    """
    counts[first:last] = np.float32(0)
    for w in range(words.shape[0]):
        for b in range(first, last):
            for n in range(words.shape[2]):
                counts[b, n] += np.float32(count_bits(words[w, b, n]))


@compiled
def count_all(words):
    """Return the spikes of all neurons in all samples, int64; words: uint32 [W, B, N]."""
    total = 0
    for word in words.ravel():
        total += count_bits(word)
    return total


@compiled
def count_spikes(words, samples):
    """Return the spikes of all neurons in some samples, int64.

    words: uint32 [W, B, N]; samples: int32 [n].
    """
    total = 0
    for w in range(words.shape[0]):
        for b in samples:
            for n in range(words.shape[2]):
                total += count_bits(words[w, b, n])
    return total


@compiled
def look_up(pixels, table, words):
    """Write table[:, pixels] into words: the packed spikes of each grey value.

    Args:
        pixels: uint8 [B, N].
        table: uint32 [W, 256].
        words: uint32 [W, B, N], filled.
    """
    for w in range(words.shape[0]):
        for b in range(pixels.shape[0]):
            for n in range(pixels.shape[1]):
                words[w, b, n] = table[w, pixels[b, n]]
