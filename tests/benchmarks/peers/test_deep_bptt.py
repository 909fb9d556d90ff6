"""Backpropagation of convolutional stacks, against the local rule where the two must agree."""

from __future__ import annotations

import torch

from benchmarks.peers.deep_bptt import DeepBptt
from biograd.errors import SoftmaxError
from biograd.feedback import LayeredSymmetric
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import LeakyReadout, TwoCompartmentLIF, TwoCompartmentParams
from biograd.padding import PaddedSpikes
from biograd.rules import Eligibility
from biograd.traces import TraceParams


def test_at_one_step_the_local_rule_with_exact_feedback_is_backpropagation() -> None:
    # no time: no reset path, no trace, and the running mean is the voltage itself
    memoryless = TwoCompartmentParams(alpha_u=0.0, alpha_v=0.0, surrogate="tails")
    net = Network(
        (1, 8, 8),
        "4c3-avg2-6c3+max2-5",
        neuron=TwoCompartmentLIF(memoryless),
        output=LeakyReadout(memoryless),
        generator=torch.Generator().manual_seed(0),
    ).double()
    for layer in net.layers:
        layer.w.mul_(3)  # so that every layer fires
    spikes = (torch.rand(1, 6, 64, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    labels = torch.arange(6) % 5
    feedback, trace = LayeredSymmetric(net), TraceParams(alpha_x=0.0, alpha_z=0.0)
    learner = LocalLearner(net, feedback, error=SoftmaxError(), rule=Eligibility(trace))
    learner.step(spikes, labels)
    local = [p.grad.clone() for p in net.parameters()]
    DeepBptt(net).step(spikes, labels)
    scale = torch.ones((), dtype=torch.float64)
    for hidden in (1, 0):  # feedback has a scale of its own in each layer
        scale = scale * (feedback.weights(hidden) / net.layers[hidden + 1].w).mean()
        for index in (2 * hidden, 2 * hidden + 1):
            local[index] = local[index] / scale
    exact = [p.grad for p in net.parameters()]
    assert all(g.abs().max() > 1e-6 for g in exact)
    torch.testing.assert_close(local, exact, rtol=1e-9, atol=1e-12)


def test_padding_changes_no_gradient_and_a_loop_learns_through_time() -> None:
    net = Network(
        (5, 8, 3),
        output=LeakyReadout(),
        recurrent=True,
        generator=torch.Generator().manual_seed(0),
    ).double()
    for layer in net.layers:
        layer.w.mul_(2)
    lengths, labels = torch.tensor([9, 4, 6]), torch.tensor([0, 1, 2])
    s = (torch.rand(9, 3, 5, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    together = DeepBptt(net).step(PaddedSpikes(s, lengths), labels)
    gradients = [p.grad.clone() for p in net.parameters()]
    alone = [torch.zeros_like(g) for g in gradients]
    answers = []
    for member, length in enumerate(lengths.tolist()):
        part = slice(member, member + 1)
        answers.append(DeepBptt(net).step(s[:length, part], labels[part]).predicted)
        alone = [a + p.grad / 3 for a, p in zip(alone, net.parameters(), strict=True)]
    torch.testing.assert_close(gradients, alone)
    assert torch.equal(together.predicted, torch.cat(answers))
    assert net.layers[0].w_rec.grad.abs().max() > 1e-6


def test_delays_act_on_the_spikes_before_the_layer() -> None:
    generator = torch.Generator().manual_seed(0)
    net = Network((5, 8, 3), output=LeakyReadout(), delays=(4, 0), generator=generator).double()
    at_once = Network((5, 8, 3), output=LeakyReadout()).double()
    for layer, other in zip(net.layers, at_once.layers, strict=True):
        layer.w.mul_(2)
        other.w.copy_(layer.w)
    s = (torch.rand(9, 3, 5, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    labels = torch.tensor([0, 1, 2])
    DeepBptt(net).step(s, labels)
    DeepBptt(at_once).step(net.layers[0].arriving(s), labels)
    gradients = [p.grad for p in net.parameters()]
    assert all(g.abs().max() > 1e-6 for g in gradients)
    torch.testing.assert_close(gradients, [p.grad for p in at_once.parameters()])
    DeepBptt(at_once).step(s, labels)
    assert not torch.equal(at_once.layers[0].w.grad, gradients[0])
