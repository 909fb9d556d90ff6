"""Currents of convolutions equal the sums over their dense weights, pools and factors included."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hardware.border.shapes import Convolution, Pool
from hardware.convolution.currents import currents, delayed, largest_sums
from hardware.convolution.kernels import without_pools

from .conftest import GEOMETRIES, TWO, geometry


@pytest.mark.parametrize("name", GEOMETRIES)
def test_dense_weights_mean_the_same(name):
    conv, rng = geometry(name), np.random.default_rng(3)
    w = rng.integers(-9, 10, conv.weight_shape)
    spikes = (rng.random((5, conv.inputs)) < 0.4).astype(np.uint8)
    assert np.array_equal(currents(w, conv, spikes), spikes @ conv.matrix(w).T)
    assert np.array_equal(conv.fan_out(), (conv.matrix(np.ones_like(w)) != 0).sum(axis=0)) or (
        name == "pools that overlap"
    )
    up, down = largest_sums(w, conv)
    matrix = conv.matrix(w)
    if name != "pools that overlap":
        assert np.array_equal(up, np.where(matrix > 0, matrix, 0).sum(axis=1))
        assert np.array_equal(down, -np.where(matrix < 0, matrix, 0).sum(axis=1))


@pytest.mark.parametrize("name", GEOMETRIES)
def test_kernels_that_stand_for_pools_give_the_same_currents(name):
    rng = np.random.default_rng(4)
    w = rng.integers(-9, 10, geometry(name).weight_shape)
    if "pool" in name:  # none where kernels have padding and pools leave rows out
        assert (without_pools(geometry(name), w) is None) == (name != "two pools")
    conv = dataclasses.replace(geometry(name), in_shape=(2, 8, 12))
    plain = without_pools(conv, w)
    if name in ("pools that overlap", "a pool with padding"):
        assert plain is None
        return
    assert plain is not None and not plain[0].pools and plain[0].out_shape == conv.out_shape
    spikes = (rng.random((5, conv.inputs)) < 0.4).astype(np.uint8)
    assert np.array_equal(currents(plain[1], plain[0], spikes), currents(w, conv, spikes))


def test_average_pools_divide_by_their_windows():
    average = Pool(kind="average", size=(2, 2), stride=(2, 2))
    sides = [
        Convolution(in_shape=(1, 4, 4), channels=1, kernel=2, pools=(pool,))
        for pool in (TWO, average)
    ]
    w, spikes = np.ones(sides[0].weight_shape), np.ones((1, 16))
    summed, averaged = (currents(w, conv, spikes) for conv in sides)
    assert (summed.item(), averaged.item()) == (16, 4)
    assert currents(w, sides[1], spikes, average=False).item() == 16 and sides[1].factor == 1 / 4


def test_spikes_come_later_by_their_delays():
    s = np.eye(4, dtype=np.uint8).reshape(4, 1, 4)
    late = delayed(s, np.array([0, 1, 2, 3]))[:, 0]
    assert late.tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert delayed(s, None) is s
