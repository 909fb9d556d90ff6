"""Races on one thread: the peers have our nets, and every ratio is named."""

from __future__ import annotations

import pytest
import torch

from benchmarks.measurements.races import kinds
from benchmarks.measurements.races.kinds import Race
from benchmarks.peers.taught import OUR_NEURON, TAUGHT, SnnTorchNet

TINY = {
    "conv": Race((1, 6, 6), "4c3s2-5-3", steps=3, batch=4, images=False),
    "recurrent": Race((6,), "5-3", steps=3, batch=4, recurrent=True, images=False),
    "batch1": Race((6,), "5-3", steps=3, batch=1, images=False),
    "dense": Race((6,), "5-4-3", steps=3, batch=4, images=False),
}


@pytest.mark.parametrize("name", TINY)
def test_a_race_names_its_ratios_and_every_method(name: str, monkeypatch) -> None:
    made = TINY[name]
    monkeypatch.setitem(kinds.RACES, name, made)
    labels = torch.arange(made.batch) % 3
    monkeypatch.setattr(
        Race, "spikes", lambda self: (torch.ones(3, made.batch, *made.shape), labels)
    )
    r = kinds.race(name, rounds=1, seconds=0.01)
    stem = "ratio_full" if name == "dense" else f"ratio_{name}"
    wanted = {f"{stem}_vs_snntorch", f"{stem}_vs_snntorch_leaky", f"{stem}_vs_fastest_peer"}
    assert wanted <= r.keys() and all(r[key] > 0 for key in wanted)
    assert r[f"{stem}_vs_fastest_peer"] <= r[f"{stem}_vs_snntorch_leaky"]
    assert r["samples_per_second"].keys() >= {"BioGrad, full", "snnTorch, as taught"}


@pytest.mark.parametrize("kind", [OUR_NEURON, TAUGHT])
@pytest.mark.parametrize("name", TINY)
def test_a_peer_has_the_weights_of_our_net_and_learns(name: str, kind: str) -> None:
    net = TINY[name].network()
    peer = SnnTorchNet(net, kind)
    mine = {(*w.shape,) for w in net.parameters()}
    assert mine <= {(*w.shape,) for w in peer.module.parameters()}
    s = torch.ones(3, 4, *TINY[name].shape)
    with torch.no_grad():
        for w in peer.module.parameters():
            w.add_(0.3)  # all layers fire
    assert peer.counts(s).shape == (4, 3)
    peer.step(s, torch.arange(4) % 3)
    assert any(w.grad is not None and w.grad.any() for w in peer.module.parameters())
