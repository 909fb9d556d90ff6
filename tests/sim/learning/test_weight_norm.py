"""Weights that keep their norm: by hand, through any optimizer, local to each neuron."""

from __future__ import annotations

import pytest
import torch

import biograd as bg
from biograd.learning.weight_norm import scale_weights


def test_a_row_by_hand():
    w = torch.tensor([[1.0, 3.0], [2.0, 2.0]])
    scale_weights(w, 2.0)
    # (1, 3) - 2 = (-1, 1), of norm sqrt(2); weights that are all equal become 0
    assert torch.allclose(w, torch.tensor([[-(2**0.5), 2**0.5], [0.0, 0.0]]))


def test_hidden_weights_keep_their_norm_through_training_and_the_output_is_free():
    generator = torch.Generator().manual_seed(0)
    net = bg.Network((1, 8, 8), "4c3s2-12-3", generator=generator)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    handle = bg.keep_weight_norm(net, optimizer, norm=1.5)
    learner = bg.LocalLearner(net, bg.sleep_aligned(net, generator=generator))
    output = net.layers[-1].w.clone()
    spikes = (torch.rand(5, 6, 64, generator=generator) < 0.4).float()
    for _ in range(3):
        learner.step(spikes, torch.arange(6) % 3)
        optimizer.step()
    for layer in list(net.layers)[:-1]:
        rows = layer.w.flatten(1)
        assert torch.allclose(rows.norm(dim=1), torch.full((len(rows),), 1.5))
        assert torch.allclose(rows.mean(dim=1), torch.zeros(len(rows)), atol=1e-6)
    assert not torch.equal(net.layers[-1].w, output)
    handle.remove()
    net.layers[0].w.grad.fill_(1.0)
    optimizer.step()
    assert net.layers[0].w.flatten(1).mean(dim=1).abs().max() > 1e-4


def test_each_neurons_scale_depends_on_its_own_weights_alone():
    w = torch.randn(5, 7, generator=torch.Generator().manual_seed(1))
    changed = w.clone()
    changed[3] += torch.arange(7.0)
    scale_weights(w, 2.0)
    scale_weights(changed, 2.0)
    others = [0, 1, 2, 4]
    assert torch.equal(w[others], changed[others]) and not torch.equal(w[3], changed[3])


def test_a_norm_of_nothing_and_a_foreign_optimizer_are_refused():
    net = bg.Network((4, 3, 2))
    with pytest.raises(ValueError, match="norm is 0; need a norm above 0"):
        bg.keep_weight_norm(net, torch.optim.Adam(net.parameters()), norm=0)
    with pytest.raises(ValueError, match="none of them a weight of this network"):
        bg.keep_weight_norm(net, torch.optim.Adam(bg.Network((4, 2)).parameters()))


def test_a_run_keeps_the_norm_and_a_files_weights_are_not_changed_in_silence():
    with pytest.raises(ValueError, match=r"weight_norm is 2, and start_from 'a\.nir' holds"):
        bg.RunConfig(weight_norm=2.0, start_from="a.nir")
    with pytest.raises(ValueError, match="weight_norm is -1"):
        bg.RunConfig(weight_norm=-1.0)
