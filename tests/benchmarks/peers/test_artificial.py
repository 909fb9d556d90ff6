"""The artificial network has autograd's gradient and PyTorch's initial weights."""

from __future__ import annotations

import pytest
import torch

from benchmarks.peers.artificial import artificial
from benchmarks.peers.baselines import BaselineParams, build


def test_the_artificial_network_has_autograds_gradient(blobs, config):
    trainer = build(config, BaselineParams(method="ann"), blobs, None)
    net = trainer.learner.net
    trainer.learner.step(blobs.x.flatten(1)[None], blobs.y)
    mirror = torch.nn.Sequential()
    for index, layer in enumerate(net.layers):
        linear = torch.nn.Linear(layer.w.shape[1], layer.w.shape[0])
        linear.weight.data, linear.bias.data = layer.w.clone(), layer.b.clone()
        mirror.append(linear)
        if index < 2:
            mirror.append(torch.nn.LeakyReLU(0.01))
    torch.nn.functional.cross_entropy(mirror(blobs.x.flatten(1)), blobs.y).backward()
    for p, q in zip(net.parameters(), mirror.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-5, atol=1e-7)


def test_the_artificial_network_starts_as_torch_does():
    net = artificial((400, 100, 10), generator=torch.Generator().manual_seed(0))
    for layer in net.layers:
        bound = layer.w.shape[1] ** -0.5
        assert layer.w.abs().max() <= bound and layer.b.abs().max() <= bound
        assert layer.w.std() == pytest.approx(bound / 3**0.5, rel=0.1)
