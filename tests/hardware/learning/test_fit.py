"""The chip resources that learning needs are known before it starts."""

from __future__ import annotations

import pytest

from hardware import limits
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
