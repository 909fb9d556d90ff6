"""Trained networks broken, healed and priced, on four bright corners."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from benchmarks.measurements.studies import trained_nets
from benchmarks.measurements.studies.trained_nets import NETS, NetParams, described, measure
from benchmarks.measurements.trials import Trial
from benchmarks.peers.baselines import BaselineParams
from biograd.data.datasets import ImageSet
from biograd.runs.config import RunConfig


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    y = torch.arange(120) % 4
    x = torch.zeros(120, 28, 28, dtype=torch.uint8)
    for index, label in enumerate(y.tolist()):
        row, column = 14 * (label // 2), 14 * (label % 2)
        x[index, row : row + 12, column : column + 12] = 150 + index % 90
    sets = {split: ImageSet("mnist", split, x, y, 4) for split in ("train", "test")}
    monkeypatch.setattr("biograd.runs.experiment.load", lambda name, split, **_: sets[split])
    rates = {"dead": (0.3, 0.7), "lost": (0.7,), "weight_bits": (0.1,)}
    monkeypatch.setattr(trained_nets, "RATES", rates)


@pytest.mark.parametrize("rule", ["local", "bptt"])
def test_a_network_is_broken_healed_and_priced(few: None, rule: str) -> None:
    peer = None if rule == "local" else BaselineParams(method="bptt")
    config = RunConfig(hidden=(20,), epochs=4, batch=20, steps=5, lr=5e-3, threads=1)
    config = dataclasses.replace(config, sleep=dataclasses.replace(config.sleep, first_night=4))
    p = NetParams(rule=rule, samples=60, priced=20, dead=0.5, more=2)
    (row,) = measure(p, 1, Trial(method="small", config=config, baseline=peer))
    assert row["accuracy"] > 0.6  # by chance 0.25
    assert [rate for rate, _ in row["faults"]["dead"]] == [0.3, 0.7]
    for kind in ("dead", "lost"):
        assert row["faults"][kind][-1][1] <= row["accuracy"]
    split = row["split"]["davies2018"]
    assert 0 < split["ratio"] < 1 and split["best_j_per_bit"] <= split["j_per_bit"]
    assert ("healed" in row) == (rule == "local")
    if rule == "local":
        assert row["healed"]["damaged_after"] >= row["healed"]["damaged_before"]


def test_every_network_is_its_own_task() -> None:
    configs = [str(described(p)) for p in NETS]
    assert len(set(configs)) == len(NETS) == 4
