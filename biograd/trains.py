"""Spike trains as bits: 32 time steps of a neuron in one word.

A train of zeros and ones needs no floats: a layer's spikes take a thirty-second of the memory, silence is skipped a word at a time,
and a run of spikes is seen as its two ends. The event-driven loops (`event_driven`) read and write nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numba
import numpy as np
import torch
from jaxtyping import Float, Int32, UInt8
from torch import Tensor

from .encoders import integrate_and_fire
from .rows import count_bits
from .scans import runs_on

WORD = 32  # time steps a word


@dataclass(frozen=True)
class Trains:
    """Spike trains of a batch on a CPU.

    Args:
        words: bit t % 32 of words[t // 32, b, n] is the spike of neuron n at step t; int32 [ceil(T / 32), B, N], 0 from `steps` on.
        steps: T.

    Example:
        >>> trains = Trains.pack(torch.tensor([1.0, 0.0, 1.0]).view(3, 1, 1))
        >>> bin(trains.words.item()), trains.counts().item()
        ('0b101', 2.0)
    """

    words: Int32[Tensor, "W B N"]
    steps: int

    @classmethod
    def pack(cls, s: Float[Tensor, "T B N"]) -> Trains | None:
        """Trains of spikes; None where these are not zeros and ones in float32 on a CPU."""
        if not runs_on(s):
            return None
        words = torch.empty(-(-len(s) // WORD), *s.shape[1:], dtype=torch.int32)
        return cls(words, len(s)) if _pack(s.contiguous().numpy(), _unsigned(words)) else None

    def dense(self) -> Float[Tensor, "T B N"]:
        """The spikes as 0. and 1., [T, B, N]."""
        s = torch.empty(self.steps, *self.words.shape[1:])
        _unpack(_unsigned(self.words), s.numpy())
        return s

    def counts(self) -> Float[Tensor, "B N"]:
        """Spikes of each neuron over all steps."""
        counts = torch.zeros(self.words.shape[1:])
        _count(_unsigned(self.words), counts.numpy())
        return counts

    def open(self) -> Trains:
        """Slopes that let every error through: a spike at each step, of trains of this shape."""
        return Trains(torch.full_like(self.words, -1), self.steps)


def integrate_and_fire_trains(x: UInt8[Tensor, "B rows columns"], steps: int) -> Trains:
    """`encoders.integrate_and_fire` of grey images on a CPU, by looking up the train of each grey value."""
    pixels = x.flatten(1).contiguous()
    words = torch.empty(-(-steps // WORD), *pixels.shape, dtype=torch.int32)
    _look_up(pixels.numpy(), _grey_words(steps), _unsigned(words))
    return Trains(words, steps)


@cache
def _grey_words(steps: int) -> np.ndarray:
    """The trains of the 256 grey values: uint32 [W, 256]."""
    trains = Trains.pack(integrate_and_fire(torch.arange(256).view(1, 256) / 255, steps))
    assert trains is not None
    return _unsigned(trains.words)[:, 0].copy()


def _unsigned(words: Tensor) -> np.ndarray:
    return words.numpy().view(np.uint32)


@numba.njit(cache=True, nogil=True)
def _pack(s, words):
    steps, batch, neurons = s.shape
    odd = np.uint32(0)
    for b in range(batch):
        for t in range(steps):
            row, packed, at = s[t, b], words[t >> 5, b], np.uint32(t & 31)
            if t & 31 == 0:
                packed[:] = np.uint32(0)
            for n in range(neurons):
                fired = np.uint32(row[n] != np.float32(0))
                odd = np.uint32(odd | np.uint32(fired & np.uint32(row[n] != np.float32(1))))
                packed[n] = np.uint32(packed[n] | np.uint32(fired << at))
    return odd == 0


@numba.njit(cache=True, nogil=True)
def _unpack(words, s):
    steps, batch, neurons = s.shape
    for t in range(steps):
        for b in range(batch):
            row, packed, at = s[t, b], words[t >> 5, b], np.uint32(t & 31)
            for n in range(neurons):
                row[n] = np.float32(np.uint32(np.uint32(packed[n] >> at) & np.uint32(1)))


@numba.njit(cache=True, nogil=True)
def _count(words, counts):
    for w in range(words.shape[0]):
        for b in range(words.shape[1]):
            for n in range(words.shape[2]):
                counts[b, n] += np.float32(count_bits(words[w, b, n]))


@numba.njit(cache=True, nogil=True)
def _look_up(pixels, table, words):
    for w in range(words.shape[0]):
        for b in range(pixels.shape[0]):
            for n in range(pixels.shape[1]):
                words[w, b, n] = table[w, pixels[b, n]]
