"""Convolutions share their synapses on a core; Loihi 2's cores follow one published network."""

from __future__ import annotations

import numpy as np
import pytest

from hardware import limits
from hardware.border.shapes import Convolution
from hardware.fixed_layers import FixedPointLayer, FixedPointModel
from hardware.placement import loihi2, shared


def fixed(conv: Convolution, **changes) -> FixedPointModel:
    layer = FixedPointLayer(
        w=np.full(conv.weight_shape, 2),
        w_bias=np.zeros((conv.channels, 0), int),
        vth=100,
        conv=conv,
        **changes,
    )
    return FixedPointModel(layers=(layer,), steps=4)


def test_a_convolution_by_hand():
    # 4 channels of 6 x 6 from 1 x 8 x 8 by 3 x 3: 144 neurons on one core, 64 pixels are axons.
    conv = Convolution(in_shape=(1, 8, 8), channels=4, kernel=3)
    fit = limits.check(fixed(conv)).layers[0]
    assert (fit.cores, fit.compartments, fit.axons_in) == (1, (144, 1024), (64, 4096))
    # patterns of an axis: 1, 2, 3 taps at the start, 3 in the middle, 2, 1 at the end: 5 of them
    # (1: tap 0; 2: taps 1, 0; 3: taps 2, 1, 0; 2: taps 2, 1; 1: tap 2)
    taps = (1, 2, 3, 2, 1)
    words = sum(-(-(r * c * 4 * 18 + 10) // 64) for r in taps for c in taps)
    assert fit.synapse_words == (words, 16_384)


def test_maps_larger_than_a_core_are_split_by_rows_and_channels():
    conv = Convolution(in_shape=(1, 28, 28), channels=32, kernel=5, stride=2, padding=2)
    fit = shared.place(conv, 8, 0, 1)
    assert fit is not None and fit.cores == -(-conv.outputs // 1024) and fit.neurons <= 1024
    assert 1 <= fit.destinations <= fit.cores


def test_dense_layers_are_placed_as_before():
    layer = FixedPointLayer(w=np.full((256, 784), 2), w_bias=np.full((256, 1), 2), vth=100)
    fit = limits.check(FixedPointModel(layers=(layer,), steps=2)).layers[0]
    assert fit.cores == fit.destinations == 2


def test_a_loops_spikes_cost_axons_of_its_own_cores():
    plain = FixedPointLayer(w=np.full((64, 10), 2), w_bias=np.zeros((64, 0), int), vth=100)
    loop = FixedPointLayer(
        w=plain.w, w_bias=plain.w_bias, vth=100, w_rec=np.full((64, 64), 2, dtype=int)
    )
    first, second = (
        limits.check(FixedPointModel(layers=(layer,), steps=2)).layers[0] for layer in (plain, loop)
    )
    assert (first.axons_in[0], second.axons_in[0]) == (10, 74)
    assert (first.axons_out[0], second.axons_out[0]) == (64, 128)


def test_a_row_that_no_core_holds_and_learning_are_refused():
    wide = Convolution(in_shape=(1, 1, 2000), channels=1, kernel=(1, 3))
    with pytest.raises(limits.LimitError, match="layer 1: one row of one channel of 1998 neurons"):
        limits.check(fixed(wide))
    small = Convolution(in_shape=(1, 8, 8), channels=4, kernel=3)
    with pytest.raises(limits.LimitError, match="layer 1: is a convolution, and the learning eng"):
        limits.check(fixed(small), "learning")


def test_other_resets_are_a_warning_of_the_chip():
    conv = Convolution(in_shape=(1, 8, 8), channels=4, kernel=3)
    warnings = limits.check(fixed(conv, reset="subtract")).warnings
    assert len(warnings) == 1 and "Loihi 1 and Lava's neurons do not have (layer 1" in warnings[0]


def test_pilotnet_on_loihi_2_is_within_a_quarter_in_all_and_a_factor_of_two_per_layer():
    cores = loihi2.estimate_cores(loihi2.PILOTNET)
    for estimated, reported in zip(cores, loihi2.PILOTNET_CORES, strict=True):
        assert reported / 2 <= estimated <= reported * 2
    assert abs(sum(cores) / sum(loihi2.PILOTNET_CORES) - 1) <= 0.25
    conv = Convolution(in_shape=(1, 8, 8), channels=4, kernel=3)
    assert loihi2.estimate_cores(loihi2.sizes_of(fixed(conv))) == (1,)
