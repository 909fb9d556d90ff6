"""Every peer learns, repeats by its seed, and refuses unknown parameters."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.peers.baselines import METHODS, BaselineParams, build
from benchmarks.peers.libraries import has_spikingjelly

INSTALLED = [name for name in METHODS if name != "spikingjelly" or has_spikingjelly()]


@pytest.mark.parametrize("method", INSTALLED)
@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_every_method_learns_the_blobs(method, loss, blobs, config):
    # Both ways of stepping a library have one gradient: see test_libraries.
    params = BaselineParams(method=method, loss=loss)
    records = list(build(config, params, blobs, blobs).run())
    assert records[-1]["test_accuracy"] > 0.95 > records[0]["train_accuracy"]


def test_a_seed_settles_a_run(blobs, config):
    short = dataclasses.replace(config, epochs=3)
    runs = [list(build(short, BaselineParams(), blobs, blobs).run()) for _ in range(2)]
    timing = ("seconds", "night_seconds", "samples_per_second")
    first, second = (
        [{key: value for key, value in r.items() if key not in timing} for r in run] for run in runs
    )
    assert first == second


def test_unknown_words_are_refused_with_the_known_ones():
    with pytest.raises(
        ValueError,
        match=r"baseline.method is 'lstm'; known: bptt, unfused, snntorch, spikingjelly, ann",
    ):
        BaselineParams(method="lstm")
    with pytest.raises(ValueError, match="window"):
        BaselineParams(window=0)
