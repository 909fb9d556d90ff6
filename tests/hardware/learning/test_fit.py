"""The chip resources that learning needs are known before it starts."""

from __future__ import annotations

import numpy as np
import pytest

from hardware import limits
from hardware.border.shapes import Convolution
from hardware.fixed_layers import FixedPointLayer, FixedPointModel
from hardware.learning.fit import fit
from hardware.learning.params import ChipLearningParams


def test_the_papers_net_takes_three_cores():
    # 785 x 100 synapses of 8 + 9 bits fill two cores of 128 KB; the output layer has its own.
    net = fit(ChipLearningParams())
    assert net.mode == "learning"
    assert net.cores == 3


def test_feedback_axons_that_learn_are_counted_twice():
    first, second = fit(ChipLearningParams()).layers
    assert first.axons_in[0] == 2 * (784 + 1 + 20)
    assert second.axons_in[0] == 2 * (100 + 1)


def test_wider_nets_take_more_cores():
    assert (
        fit(ChipLearningParams(sizes=(784, 1024, 10))).cores
        > fit(ChipLearningParams(sizes=(784, 400, 10))).cores
    )


def test_nets_that_do_not_fit_are_refused():
    with pytest.raises(limits.LimitError, match="input axons for learning"):
        fit(ChipLearningParams(sizes=(2100, 100, 10)))


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({}, "Loihi 2's"),
        ({"traces": "unsigned"}, "unsigned traces"),
        ({"weight_bits": 9}, "weight bits are 9"),
    ],
)
def test_the_demands_on_silicon_are_warnings(changes, warning):
    assert any(warning in text for text in fit(ChipLearningParams(**changes)).warnings)


def test_layers_that_do_not_learn_cost_what_inference_costs():
    all_learn, head_learns = (
        fit(ChipLearningParams()),
        fit(ChipLearningParams(plastic=(False, True))),
    )
    assert head_learns.layers[0].axons_in[0] == 784 + 1
    assert head_learns.layers[1] == all_learn.layers[1]
    assert head_learns.cores < all_learn.cores


def test_a_frozen_convolution_is_placed_before_the_head_that_learns():
    conv = Convolution(in_shape=(1, 6, 6), channels=4, kernel=(3, 3))
    layer = FixedPointLayer(
        w=np.zeros(conv.weight_shape, np.int32),
        w_bias=np.zeros((4, 0), np.int32),
        vth=64,
        conv=conv,
    )
    front = FixedPointModel(layers=(layer,), steps=8)
    placed = fit(ChipLearningParams(sizes=(64, 3), steps=8), front)
    assert len(placed.layers) == 2
    assert placed.layers[0].axons_in[0] < 2 * 36
    assert placed.layers[1].axons_in[0] == 2 * (64 + 1)
