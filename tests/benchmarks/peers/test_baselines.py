"""The peers: one neuron, one gradient, however it is computed; and they do learn."""

from __future__ import annotations

import pytest
import torch

from benchmarks.peers.backprop import Surrogate
from benchmarks.peers.baselines import (
    METHODS,
    BaselineParams,
    artificial,
    build,
    fused_scan,
    unfused_scan,
)
from benchmarks.peers.libraries import has_spikingjelly
from biograd.data.augment import AugmentParams
from biograd.neurons import TwoCompartmentParams
from biograd.runs.config import RunConfig


class Blobs:
    """Three classes of 16-pixel images that differ in which pixels are bright."""

    def __init__(self, n: int = 120) -> None:
        generator = torch.Generator().manual_seed(3)
        self.y = torch.arange(n) % 3
        bright = torch.nn.functional.one_hot(torch.arange(15) % 3, 3).T.repeat(1, 1)[self.y].float()
        self.x = (
            (0.2 * torch.rand(n, 15, generator=generator) + 0.7 * bright).clamp(0, 1).view(n, 3, 5)
        )


CONFIG = RunConfig(hidden=(24, 16), epochs=20, batch=20, steps=8, lr=5e-3, augment=AugmentParams())


def gradients(method: str, *, layered: bool = True) -> list[torch.Tensor]:
    data = Blobs()
    trainer = build(CONFIG, BaselineParams(method=method, layered=layered), data, None)
    spikes = torch.bernoulli(
        torch.rand(8, 20, 15, generator=torch.Generator().manual_seed(0)),
        generator=torch.Generator().manual_seed(1),
    )
    trainer.learner.step(spikes, data.y[:20])
    return [p.grad for p in trainer.learner.net.parameters()]


def test_the_fused_scan_has_the_gradient_that_autograd_finds():
    p = TwoCompartmentParams(alpha_u=0.4, alpha_v=0.8)
    for surrogate in (Surrogate(0.5, 1.0), Surrogate(1.0, 0.5), Surrogate(float("inf"), 0.5)):
        start = torch.randn(9, 5, 7, generator=torch.Generator().manual_seed(4))
        weight = torch.randn(9, 5, 7, generator=torch.Generator().manual_seed(5))
        found = []
        for scan in (fused_scan, unfused_scan):
            current = start.clone().requires_grad_()
            s = scan(current, p, surrogate)
            (s * weight).sum().backward()
            found.append((s.detach(), current.grad))
        assert torch.equal(found[0][0], found[1][0])
        assert 0.05 < found[0][0].mean() < 0.9
        torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-5, atol=1e-6)


def test_one_step_has_the_surrogates_height_inside_its_window_and_nothing_outside():
    for surrogate, current, slope in (
        (Surrogate(1.0, 0.5), 1.0, 0.5),
        (Surrogate(0.5, 0.7), 1.4, 0.7),
        (Surrogate(0.5, 0.7), 1.6, 0.0),
    ):
        x = torch.full((1, 1, 1), current, requires_grad=True)
        fused_scan(x, TwoCompartmentParams(), surrogate).sum().backward()
        assert x.grad.item() == pytest.approx(slope)


def test_an_open_output_teaches_neurons_far_below_their_threshold():
    found = []
    for open_output in (True, False):
        data = Blobs()
        learner = build(CONFIG, BaselineParams(open_output=open_output), data, None).learner
        learner.net.layers[-1].b.fill_(-9.0)  # far below the threshold: silent whatever the input
        learner.step(torch.zeros(8, 20, 15), data.y[:20])
        found.append(learner.net.layers[-1].b.grad.abs().sum().item())
    assert found[0] > 0 == found[1]


LIBRARIES = [
    "snntorch",
    pytest.param(
        "spikingjelly",
        marks=pytest.mark.skipif(not has_spikingjelly(), reason="SpikingJelly is not installed"),
    ),
]


@pytest.mark.parametrize("layered", [True, False])
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_fires_the_same_spikes_and_finds_a_gradient_close_to_ours(library, layered):
    data = Blobs()
    spikes = torch.bernoulli(
        torch.rand(8, 20, 15, generator=torch.Generator().manual_seed(0)),
        generator=torch.Generator().manual_seed(1),
    )
    ours = build(CONFIG, BaselineParams(method="bptt"), data, None).learner
    theirs = build(CONFIG, BaselineParams(method=library, layered=layered), data, None).learner
    assert torch.equal(ours.step(spikes, data.y[:20]).rates, theirs.step(spikes, data.y[:20]).rates)
    a = torch.cat([p.grad.flatten() for p in ours.net.parameters()])
    b = torch.cat([p.grad.flatten() for p in theirs.net.parameters()])
    if library == "spikingjelly":  # leaves the reset out of the derivative, as ours does
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    # snnTorch differentiates its reset when the reset is not delayed; ours leaves it out. The rest
    # is one chain rule.
    assert torch.nn.functional.cosine_similarity(a, b, dim=0) > 0.8


@pytest.mark.parametrize("library", LIBRARIES)
def test_both_ways_of_stepping_a_library_are_one_gradient(library):
    for a, b in zip(gradients(library), gradients(library, layered=False), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_fused_and_unfused_write_the_same_gradients():
    for a, b in zip(gradients("bptt"), gradients("unfused"), strict=True):
        assert a.abs().sum() > 0
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_the_artificial_network_has_autograds_gradient():
    data = Blobs()
    trainer = build(CONFIG, BaselineParams(method="ann"), data, None)
    net = trainer.learner.net
    trainer.learner.step(data.x.flatten(1)[None], data.y)
    mirror = torch.nn.Sequential()
    for index, layer in enumerate(net.layers):
        linear = torch.nn.Linear(layer.w.shape[1], layer.w.shape[0])
        linear.weight.data, linear.bias.data = layer.w.clone(), layer.b.clone()
        mirror.append(linear)
        if index < 2:
            mirror.append(torch.nn.LeakyReLU(0.01))
    torch.nn.functional.cross_entropy(mirror(data.x.flatten(1)), data.y).backward()
    for p, q in zip(net.parameters(), mirror.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-5, atol=1e-7)


def test_the_artificial_network_starts_as_torch_does():
    net = artificial((400, 100, 10), generator=torch.Generator().manual_seed(0))
    for layer in net.layers:
        bound = layer.w.shape[1] ** -0.5
        assert layer.w.abs().max() <= bound and layer.b.abs().max() <= bound
        assert layer.w.std() == pytest.approx(bound / 3**0.5, rel=0.1)


@pytest.mark.parametrize(
    "method", [*sorted(METHODS.keys() - {"snntorch", "spikingjelly"}), *LIBRARIES]
)
@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_every_method_learns_the_blobs(method, loss):
    data = Blobs()
    records = list(build(CONFIG, BaselineParams(method=method, loss=loss), data, data).run())
    assert records[-1]["test_accuracy"] > 0.95 > records[0]["train_accuracy"]


def test_a_seed_settles_a_run():
    data = Blobs()
    runs = [list(build(CONFIG, BaselineParams(), data, data).run()) for _ in range(2)]
    timing = ("seconds", "night_seconds", "samples_per_second")
    bare = [[{k: v for k, v in r.items() if k not in timing} for r in run] for run in runs]
    assert bare[0] == bare[1]


@pytest.mark.skipif(has_spikingjelly(), reason="SpikingJelly is installed")
def test_a_library_that_is_missing_is_named_with_its_remedy():
    with pytest.raises(
        ImportError,
        match="SpikingJelly is not installed: pip install --no-deps spikingjelly loguru",
    ):
        build(CONFIG, BaselineParams(method="spikingjelly"), Blobs(), None)


def test_unknown_words_are_refused_with_the_known_ones():
    with pytest.raises(
        ValueError,
        match=r"baseline.method is 'lstm'; known: bptt, unfused, snntorch, spikingjelly, ann",
    ):
        BaselineParams(method="lstm")
    with pytest.raises(ValueError, match="window"):
        BaselineParams(window=0)
