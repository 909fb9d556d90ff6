"""Other libraries: the same spikes, one gradient however they are stepped, or a clear refusal."""

from __future__ import annotations

import pytest
import torch

from benchmarks.peers.baselines import BaselineParams, build
from benchmarks.peers.libraries import LibraryBptt, has_spikingjelly

LIBRARIES = [
    "snntorch",
    pytest.param(
        "spikingjelly",
        marks=pytest.mark.skipif(not has_spikingjelly(), reason="SpikingJelly is not installed"),
    ),
]


@pytest.mark.parametrize("layered", [True, False])
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_fires_the_same_spikes_and_finds_a_gradient_close_to_ours(
    library, layered, blobs, config, spikes
):
    labels = blobs.y[:20]
    ours = build(config, BaselineParams(method="bptt"), blobs, None).learner
    theirs = build(config, BaselineParams(method=library, layered=layered), blobs, None).learner
    assert torch.equal(ours.step(spikes, labels).rates, theirs.step(spikes, labels).rates)
    a = torch.cat([p.grad.flatten() for p in ours.net.parameters()])
    b = torch.cat([p.grad.flatten() for p in theirs.net.parameters()])
    if library == "spikingjelly":  # leaves the reset out of the derivative, as ours does
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    # snnTorch differentiates its reset when the reset is not delayed; ours leaves it out. The rest
    # is one chain rule.
    assert torch.nn.functional.cosine_similarity(a, b, dim=0) > 0.8


@pytest.mark.parametrize("library", LIBRARIES)
def test_both_ways_of_stepping_a_library_have_one_gradient(library, gradients):
    for a, b in zip(gradients(library), gradients(library, layered=False), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_library_needs_both_ways_of_stepping(config):
    class Half(LibraryBptt):
        def stepped(self, spikes, weights):
            return []

    with pytest.raises(TypeError, match="layered"):
        Half(None, "mse", [], False)


@pytest.mark.skipif(has_spikingjelly(), reason="SpikingJelly is installed")
def test_a_library_that_is_missing_is_named_with_its_remedy(blobs, config):
    with pytest.raises(
        ImportError,
        match="SpikingJelly is not installed: pip install --no-deps spikingjelly loguru",
    ):
        build(config, BaselineParams(method="spikingjelly"), blobs, None)
