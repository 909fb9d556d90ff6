"""One layer's update, event by event: summed over samples by each thread, then written by neurons.

Both classes are used the same way: `load_feedback` once per batch, `learn` by every thread for its
samples, then, when all have ended, `write` by every thread for its neurons.

Sizes: T steps in W words, B samples in parts, one per thread, C classes, M inputs, N neurons.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..kernels.event_driven import LEARN_ROWS, learn_samples
from ..kernels.event_step import gate_and_count, write_part
from ..kernels.row_sums import padded
from ..rules import Update
from ..traces import TraceParams


class LayerShape(NamedTuple):
    """Sizes of a layer and of a batch."""

    inputs: int  # M
    out: int  # N
    classes: int  # C
    steps: int  # T
    batch: int  # B
    parts: int


class Block(NamedTuple):
    """Sums for n neurons of a layer; width is `padded(n)`."""

    neurons: slice  # which of the layer
    w_fb: np.ndarray  # float32 [C, width], thresholds; zeros from column n on
    dw: np.ndarray  # float32 [parts, M, width], thresholds
    db: np.ndarray  # float32 [parts, width], thresholds
    scratch: np.ndarray  # float32 [parts, LEARN_ROWS + T, width]


class EligibilitySums:
    """Sums of `rules.Eligibility`, in blocks of neurons that fit into the processor's cache.

    Args:
        alpha_a: apical voltage kept per step.
        block: neurons per block.
    """

    def __init__(
        self, shape: LayerShape, trace: TraceParams, *, alpha_a: float, block: int
    ) -> None:
        self._alpha_a = np.float32(alpha_a)
        self._filters = np.float32(trace.alpha_x), np.float32(trace.alpha_z)
        self._shares = np.full(shape.parts, -1 / (shape.steps * shape.batch), np.float32)
        self._blocks = [
            _block(shape, slice(column, min(column + block, shape.out)))
            for column in range(0, shape.out, block)
        ]

    def load_feedback(self, w_fb: Tensor) -> None:
        """Copy feedback weights [N, C], thresholds, to where the loops read them."""
        weights = w_fb.numpy()
        for block in self._blocks:
            rows = weights[block.neurons]
            block.w_fb[:, : len(rows)] = rows.T

    def learn(
        self,
        part: int,
        samples: tuple[int, int],
        before: np.ndarray,
        psi: np.ndarray,
        err: np.ndarray,
    ) -> None:
        """Sum the updates of a part's samples.

        Args:
            samples: first one, and the one after the last.
            before: uint32 [W, B, M], presynaptic spikes.
            psi: uint32 [W, B, N], slopes.
            err: float32 [T, B, C], spikes of the error neurons.
        """
        for block in self._blocks:
            column, count = block.neurons.start, block.neurons.stop - block.neurons.start
            constants = self._alpha_a, *self._filters
            sums = block.dw[part], block.db[part], block.scratch[part]
            learn_samples(before, err, block.w_fb, psi, column, count, *constants, *samples, *sums)

    def write(self, part: int, update: Update) -> None:
        """Write a part of the neurons' update, from the sums of all parts."""
        dw, db = update.dw.numpy(), update.db.numpy()
        for block in self._blocks:
            into = dw[block.neurons], db[block.neurons]
            write_part(block.dw, block.db, self._shares, *into, part)


class FactorisedSums:
    """Both factors of `rules.Factorised`, per sample: gated errors and spike counts."""

    def __init__(self, shape: LayerShape, *, alpha_a: float) -> None:
        self._shape, self._alpha_a = shape, np.float32(alpha_a)
        share = np.float32(-1 / (shape.steps * shape.batch))
        self._share = share / np.float32(shape.steps)
        self._w_fb = torch.empty(shape.classes, shape.out, dtype=torch.float32)  # thresholds
        self._g = torch.empty(shape.batch, shape.out, dtype=torch.float32)  # thresholds
        self._counts = torch.empty(shape.batch, shape.inputs, dtype=torch.float32)

    def load_feedback(self, w_fb: Tensor) -> None:
        """Copy feedback weights [N, C], thresholds, to where the loops read them."""
        self._w_fb.copy_(w_fb.T)

    def learn(
        self,
        part: int,
        samples: tuple[int, int],
        before: np.ndarray,
        psi: np.ndarray,
        err: np.ndarray,
    ) -> None:
        """Compute the factors of samples; arguments as in `EligibilitySums.learn`."""
        constants, factors = (self._alpha_a, self._share), (self._g.numpy(), self._counts.numpy())
        gate_and_count(before, err, self._w_fb.numpy(), psi, *constants, *samples, *factors)

    def write(self, part: int, update: Update) -> None:
        """Write a part of the neurons' update; the first part writes all biases."""
        first, last = (self._shape.out * n // self._shape.parts for n in (part, part + 1))
        torch.mm(self._g[:, first:last].T, self._counts, out=update.dw[first:last])
        if part == 0:
            torch.mul(self._g.sum(0), self._shape.steps, out=update.db)


def _block(shape: LayerShape, neurons: slice) -> Block:
    width = padded(neurons.stop - neurons.start)
    return Block(
        neurons,
        np.zeros((shape.classes, width), np.float32),
        aligned(shape.parts, shape.inputs, width),
        aligned(shape.parts, width),
        aligned(shape.parts, LEARN_ROWS + shape.steps, width),
    )


def aligned(*shape: int) -> np.ndarray:
    """Return uninitialised float32 aligned to a cache line, as torch allocates it."""
    return torch.empty(shape, dtype=torch.float32).numpy()
