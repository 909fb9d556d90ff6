"""Shapes of convolutions and pools are as torch counts them; those that do not fit are one line."""

from __future__ import annotations

import numpy as np
import pytest

from hardware.border.shapes import Convolution, Pool, entries


def test_shapes_follow_strides_padding_dilation_and_pools():
    pool = Pool(kind="sum", size=2, stride=2)
    conv = Convolution(in_shape=(3, 9, 12), channels=8, kernel=3, padding=1, pools=(pool,))
    assert conv.pooled_shape == (3, 4, 6) and conv.out_shape == (8, 4, 6)
    assert (conv.inputs, conv.outputs, conv.weight_shape) == (324, 192, (8, 3, 3, 3))
    wide = Convolution(in_shape=(1, 9, 9), channels=1, kernel=3, dilation=3, stride=2)
    assert wide.out_shape == (1, 2, 2) and not wide.is_dense
    assert Convolution(in_shape=(2, 3, 4), channels=5, kernel=(3, 4)).is_dense


def test_each_input_lists_its_synapses():
    conv = Convolution(in_shape=(1, 5, 1), channels=1, kernel=(3, 1), stride=(2, 1))
    # positions 0 and 1 see inputs 0-2 and 2-4
    reached = [entries(conv.rows, index) for index in range(5)]
    assert reached == [[(0, 0)], [(0, 1)], [(1, 0), (0, 2)], [(1, 1)], [(1, 2)]]
    assert conv.fan_out().tolist() == [1, 1, 2, 1, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel": 7}, r"a kernel of \(7, 7\), dilation \(1, 1\), does not fit the map 5 x 5"),
        ({"in_shape": (2, 3000, 3000)}, "are 18,000,000 neurons; at most 4,194,304 are taken"),
        ({"groups": 3}, "a convolution of 3 groups takes 2 channels and makes 4"),
        ({"stride": 0}, "Convolution.stride is 0; need at least 1"),
        ({"kernel": (1, 2, 3)}, r"Convolution.kernel is \(1, 2, 3\); need a whole number, or two"),
        ({"in_shape": (5, 5)}, r"Convolution.in_shape is \(5, 5\); need \(channels, rows"),
        ({"in_shape": (2, 5, 2.5)}, "Convolution.in_shape is 2.5, a float; need a whole number"),
        (
            {"pools": (Pool(kind="sum", size=6, stride=6),)},
            r"a pool of \(6, 6\) does not fit the map 5 x 5",
        ),
    ],
)
def test_a_geometry_that_does_not_fit_is_one_line(changes, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Convolution(**({"in_shape": (2, 5, 5), "channels": 4, "kernel": 3} | changes))


def test_pools_of_other_kinds_or_too_much_padding_are_refused():
    with pytest.raises(ValueError, match=r"Pool\.kind is 'max'; known are sum, average"):
        Pool(kind="max", size=2, stride=2)
    with pytest.raises(ValueError, match=r"Pool\.padding is \(2, 2\); need at most half"):
        Pool(kind="sum", size=2, stride=2, padding=2)
    with pytest.raises(TypeError, match=r"Pool\.size is 'two'"):
        Pool(kind="sum", size="two", stride=np.int64(2))
