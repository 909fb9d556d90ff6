"""Spike trains as bits: what goes in comes out, and the look-up equals the encoder."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biograd.encoders import integrate_and_fire, integrate_and_fire_packed
from biograd.kernels.packed_spikes import PackedSpikes

lengths = st.sampled_from([1, 2, 31, 32, 33, 64, 65, 100])  # around the ends of words


def bernoulli(seed: int, *shape: int, rate: float = 0.4) -> torch.Tensor:
    return torch.bernoulli(torch.full(shape, rate), generator=torch.Generator().manual_seed(seed))


@given(lengths, st.integers(1, 3), st.integers(1, 9), st.integers(0, 2**31))
def test_packing_loses_nothing(steps: int, batch: int, neurons: int, seed: int) -> None:
    s = bernoulli(seed, steps, batch, neurons)
    trains = PackedSpikes.pack(s)
    assert trains is not None
    assert torch.equal(trains.dense(), s)
    assert torch.equal(trains.counts(), s.sum(0))


def test_a_bit_stands_where_the_spike_was() -> None:
    s = torch.zeros(40, 2, 3)
    s[33, 1, 2] = s[0, 0, 0] = 1
    trains = PackedSpikes.pack(s)
    assert trains is not None
    assert trains.words.tolist() == [[[1, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 2]]]


@pytest.mark.parametrize("value", [0.5, -1.0, 2.0, float("nan"), float("inf"), 1e-30])
def test_values_that_are_no_spikes_are_not_packed(value: float) -> None:
    s = torch.zeros(3, 2, 5)
    s[2, 1, 4] = value
    assert PackedSpikes.pack(s) is None


def test_other_types_than_float32_on_a_cpu_are_not_packed() -> None:
    assert PackedSpikes.pack(torch.zeros(2, 1, 3, dtype=torch.float64)) is None
    assert PackedSpikes.pack(torch.zeros(2, 1, 3, device="meta")) is None


def test_views_are_packed_as_they_look() -> None:
    s = bernoulli(0, 5, 4, 6).transpose(1, 2)
    trains = PackedSpikes.pack(s)
    assert trains is not None and torch.equal(trains.dense(), s)


@pytest.mark.parametrize("steps", [1, 10, 20, 33])
def test_looking_up_grey_values_equals_the_encoder(steps: int) -> None:
    x = torch.arange(256, dtype=torch.uint8).view(2, 16, 8)
    assert torch.equal(
        integrate_and_fire_packed(x, steps).dense(), integrate_and_fire(x.flatten(1) / 255, steps)
    )
