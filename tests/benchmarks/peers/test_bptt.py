"""Backpropagation through time: one gradient, compiled or not, as autograd finds it."""

from __future__ import annotations

import pytest
import torch

from benchmarks.peers.backprop import Surrogate
from benchmarks.peers.baselines import BaselineParams, build
from benchmarks.peers.bptt import fused_scan, unfused_scan
from biograd.neurons import TwoCompartmentParams


def test_the_fused_scan_has_the_gradient_that_autograd_finds():
    p = TwoCompartmentParams(alpha_u=0.4, alpha_v=0.8)
    start = torch.randn(9, 5, 7, generator=torch.Generator().manual_seed(4))
    weight = torch.randn(9, 5, 7, generator=torch.Generator().manual_seed(5))
    for surrogate in (Surrogate(0.5, 1.0), Surrogate(1.0, 0.5), Surrogate(float("inf"), 0.5)):
        results = []
        for scan in (fused_scan, unfused_scan):
            current = start.clone().requires_grad_()
            s = scan(current, p, surrogate)
            (s * weight).sum().backward()
            results.append((s.detach(), current.grad))
        (s_fused, grad_fused), (s_unfused, grad_unfused) = results
        assert torch.equal(s_fused, s_unfused)
        assert 0.05 < s_fused.mean() < 0.9
        torch.testing.assert_close(grad_fused, grad_unfused, rtol=1e-5, atol=1e-6)


def test_one_step_has_the_surrogates_height_inside_its_window_and_nothing_outside():
    for surrogate, current, slope in (
        (Surrogate(1.0, 0.5), 1.0, 0.5),
        (Surrogate(0.5, 0.7), 1.4, 0.7),
        (Surrogate(0.5, 0.7), 1.6, 0.0),
    ):
        x = torch.full((1, 1, 1), current, requires_grad=True)
        fused_scan(x, TwoCompartmentParams(), surrogate).sum().backward()
        assert x.grad.item() == pytest.approx(slope)


def test_an_open_output_teaches_neurons_far_below_their_threshold(blobs, config):
    gradients = []
    for open_output in (True, False):
        learner = build(config, BaselineParams(open_output=open_output), blobs, None).learner
        learner.net.layers[-1].b.fill_(-9.0)  # far below the threshold: silent whatever the input
        learner.step(torch.zeros(8, 20, 15), blobs.y[:20])
        gradients.append(learner.net.layers[-1].b.grad.abs().sum().item())
    assert gradients[0] > 0 == gradients[1]


def test_fused_and_unfused_write_the_same_gradients(gradients):
    for a, b in zip(gradients("bptt"), gradients("unfused"), strict=True):
        assert a.abs().sum() > 0
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
