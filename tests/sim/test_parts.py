"""Parts of another network are refused before anything is trained with them."""

from __future__ import annotations

import pytest
import torch

from biograd import Feedback, LocalLearner, Network, RandomDFA, SleepAligned, Symmetric
from biograd.parts import check_feedback, check_network, check_optimizer

SIZES = (6, 5, 4, 3)


@pytest.mark.parametrize("path", [RandomDFA, SleepAligned, Symmetric])
def test_feedback_of_its_own_network_is_taken(path):
    net = Network(SIZES)
    check_feedback(net, path(net))


@pytest.mark.parametrize("path", [RandomDFA, SleepAligned, Symmetric])
@pytest.mark.parametrize("sizes", [(6, 7, 4, 3), (6, 5, 4, 2), (6, 5, 3), (6, 3)])
def test_feedback_of_another_network_is_refused_when_the_learner_is_made(path, sizes):
    with pytest.raises(ValueError, match=rf"^feedback [^\n]*: make it for this .* {path.__name__}"):
        LocalLearner(Network(SIZES), path(Network(sizes)))


def test_feedback_for_more_layers_than_there_are_is_refused():
    deep = Network(SIZES)
    with pytest.raises(ValueError, match=r"^feedback has weights for 2 hidden layers and "):
        check_feedback(Network((6, 5, 3)), RandomDFA(deep))


def test_a_path_without_weights_is_taken_as_it_is():
    class Broadcast(Feedback):
        def project(self, err, hidden):
            return err.sum(-1, keepdim=True)

    check_feedback(Network(SIZES), Broadcast())


@pytest.mark.parametrize("thing", [None, "dfa", 7, {}, RandomDFA, torch.zeros(3)])
def test_what_is_no_feedback_path_is_named_with_what_is_needed(thing):
    with pytest.raises(TypeError, match=r"^feedback is [^\n]*; need a feedback path, e\.g\. Sle"):
        check_feedback(Network(SIZES), thing)


@pytest.mark.parametrize("thing", [None, SIZES, Network, "mnist"])
def test_what_is_no_network_is_named_with_what_is_needed(thing):
    with pytest.raises(TypeError, match=r"^net is [^\n]*; need a Network, e\.g\. Network\("):
        check_network(thing)


def test_an_optimizer_of_another_network_would_train_nothing_and_is_refused():
    net, other = Network(SIZES), Network(SIZES)
    check_optimizer(net, torch.optim.SGD(net.parameters(), lr=0.1))
    check_optimizer(net, torch.optim.SGD(net.layers[0].parameters(), lr=0.1))
    with pytest.raises(ValueError, match=r"^optimizer is SGD of 6 tensors, none of them a weight"):
        check_optimizer(net, torch.optim.SGD(other.parameters(), lr=0.1))
    with pytest.raises(TypeError, match=r"^optimizer is [^\n]*; need a torch optimizer"):
        check_optimizer(net, list(net.parameters()))
