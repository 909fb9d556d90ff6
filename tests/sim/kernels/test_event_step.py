"""The short parts around the event-driven loops: the threads' shares add up to the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from biograd.kernels.event_step import (
    gate_and_count,
    transpose_part,
    unpack_output,
    write_part,
)
from biograd.kernels.packed_spikes import PackedSpikes, unsigned


def drawn(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def bits(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy((drawn(seed).random(shape) < 0.4).astype(np.float32))


def packed(s: torch.Tensor) -> np.ndarray:
    trains = PackedSpikes.pack(s)
    assert trains is not None
    return unsigned(trains)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_weights_transposed_in_parts_are_the_transpose(parts: int) -> None:
    w, w_t = drawn(0).random((20, 37), np.float32), np.zeros((37, 64), np.float32)
    for part in range(parts):
        transpose_part(w, w_t, part, parts)
    assert np.array_equal(w_t[:, :20], w.T) and not w_t[:, 20:].any()


def test_unpacked_output_spikes_are_those_that_were_packed() -> None:
    s = bits(1, 40, 3, 5)
    s_out, counts = np.empty((40, 3, 5), np.float32), np.empty((3, 5), np.float32)
    unpack_output(packed(s), s_out, counts)
    assert np.array_equal(s_out, s) and np.array_equal(counts, s.sum(0))


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_updates_are_the_weighted_sums_over_parts(parts: int) -> None:
    dw, db = drawn(2).random((parts, 37, 64), np.float32), drawn(3).random((parts, 64), np.float32)
    shares = drawn(4).random(parts, np.float32)
    grad_w, grad_b = np.full((50, 37), np.nan, np.float32), np.full(50, np.nan, np.float32)
    for part in range(parts):
        write_part(dw, db, shares, grad_w, grad_b, part)
    expected_w, expected_b = shares[0] * dw[0], shares[0] * db[0]
    for k in range(1, parts):
        expected_w, expected_b = expected_w + shares[k] * dw[k], expected_b + shares[k] * db[k]
    assert np.array_equal(grad_w, expected_w[:, :50].T) and np.array_equal(grad_b, expected_b[:50])


def test_factors_are_gated_errors_and_spike_counts() -> None:
    before, psi = bits(5, 40, 3, 6), bits(6, 40, 3, 9)
    err, w_fb = bits(7, 40, 3, 4).numpy(), drawn(8).normal(size=(4, 9)).astype(np.float32)
    g, counts = np.full((3, 9), np.nan, np.float32), np.full((3, 6), np.nan, np.float32)
    share = np.float32(0.25)
    for samples in ((0, 2), (2, 3)):
        constants = np.float32(0), share, *samples
        gate_and_count(packed(before), err, w_fb, packed(psi), *constants, g, counts)
    # sums of 40 numbers in another order
    np.testing.assert_allclose(g, share * ((err @ w_fb) * psi.numpy()).sum(0), rtol=1e-4, atol=1e-5)
    assert np.array_equal(counts, before.sum(0))
