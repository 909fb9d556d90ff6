"""Hidden layers have numbers from 0 on, and every other number is refused."""

from __future__ import annotations

import pytest
import torch

from biograd import (
    LayeredRandom,
    LayeredSleep,
    LayeredSymmetric,
    Network,
    RandomDFA,
    SleepAligned,
    Symmetric,
    feedback_angle,
)

PATHS = (RandomDFA, SleepAligned, Symmetric, LayeredRandom, LayeredSleep, LayeredSymmetric)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("hidden", [-1, 2, 7])
def test_a_negative_number_never_answers_for_the_last_layer(path, hidden):
    net = Network((6, 5, 4, 3))
    need = r"need 0 to 1, a hidden layer$"
    with pytest.raises(ValueError, match=rf"^hidden is {hidden}; {need}"):
        path(net).weights(hidden)
    with pytest.raises(ValueError, match=rf"^hidden is {hidden}; {need}"):
        feedback_angle(net, path(net), hidden)


def test_a_network_without_hidden_layers_has_no_feedback():
    net = Network((6, 3))
    with pytest.raises(ValueError, match=r"^hidden is 0; need a network with hidden layers$"):
        RandomDFA(net).weights(0)


def test_the_angle_to_the_path_of_another_network_is_refused():
    net, other = Network((6, 5, 4, 3)), Network((6, 7, 4, 3))
    with pytest.raises(ValueError, match=r"^feedback of hidden layer 1 has the shape \(7, 3\)"):
        feedback_angle(net, RandomDFA(other), 0)


@pytest.mark.parametrize("path", [SleepAligned, LayeredSleep])
def test_coincidences_that_do_not_fit_or_are_not_finite_leave_the_weights_as_they_are(path):
    feedback = path(Network((6, 5, 4, 3)))
    before = feedback.weights(0).clone()
    for wrong, message in (
        (torch.zeros(2, 2), r"^coincidence has the shape \(2, 2\); need "),
        (torch.full_like(before, torch.nan), "^coincidence holds [0-9]+ values that are not fin"),
    ):
        with pytest.raises(ValueError, match=message):
            feedback.align(0, wrong, 0.1)
    with pytest.raises(ValueError, match=r"^decay is 2\.0; need 0 <= decay <= 1$"):
        feedback.align(0, torch.zeros_like(before), 2.0)
    assert torch.equal(feedback.weights(0), before)
