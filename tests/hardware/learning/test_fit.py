"""Learning's load on the chip, told before it starts."""

from __future__ import annotations

import pytest

from hardware import limits
from hardware.learning.fit import fit
from hardware.learning.params import ChipLearningParams


def test_the_papers_net_takes_three_cores():
    # 785 x 100 synapses of 8 + 9 bit fill two cores of 128 KB; the output layer has its own.
    found = fit(ChipLearningParams())
    assert found.mode == "learning"
    assert found.cores == 3


def test_feedback_axons_are_counted_twice_as_all_that_learn():
    found = fit(ChipLearningParams())
    assert found.layers[0].axons_in[0] == 2 * (784 + 1 + 20)
    assert found.layers[1].axons_in[0] == 2 * (100 + 1)


def test_wider_nets_take_more_cores():
    assert (
        fit(ChipLearningParams(sizes=(784, 1024, 10))).cores
        > fit(ChipLearningParams(sizes=(784, 400, 10))).cores
    )


def test_nets_that_do_not_fit_are_refused():
    with pytest.raises(limits.LimitError, match="input axons for learning"):
        fit(ChipLearningParams(sizes=(2100, 100, 10)))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "Loihi 2's"),
        ({"traces": "unsigned"}, "unsigned traces"),
        ({"weight_bits": 9}, "weight bits are 9"),
    ],
)
def test_what_silicon_must_still_show_is_told(changes, told):
    assert any(told in warning for warning in fit(ChipLearningParams(**changes)).warnings)
