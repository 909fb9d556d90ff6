"""Times of single steps, on a processor in a GPU's place; a graph's refusal is recorded."""

from __future__ import annotations

import pytest
import torch

from benchmarks.measurements.gpu import single_layer, times
from biograd.network import Network

PEERS = set(times.peers(Network((6, 5, 3)), "cpu"))  # SpikingJelly too, where it is installed


def test_every_method_has_a_median_of_both_modes_and_ratios_to_each_peer(monkeypatch) -> None:
    monkeypatch.setattr(times, "STEPS", 4)
    result = times.step_times(6, device="cpu", rounds=3, sizes=(30, 12, 5))
    training, inference = result["training"], result["inference"]
    assert set(training["milliseconds"]) == PEERS | {"BioGrad, full", "BioGrad, factorised"}
    assert set(inference["milliseconds"]) == PEERS | {"BioGrad"}
    for mode in (training, inference):
        for name, milliseconds in mode["milliseconds"].items():
            assert milliseconds > 0
            per_second = mode["samples_per_second"][name]
            assert per_second == pytest.approx(6000 / milliseconds)
    ours = training["milliseconds"]["BioGrad, factorised"]
    snntorch = [name for name in PEERS if name.startswith("snnTorch")]
    fastest = min(training["milliseconds"][peer] for peer in snntorch)
    assert result["ratio_training_factorised_vs_snntorch"] == pytest.approx(fastest / ours)
    assert result["ratio_inference_vs_snntorch"] > 0 and result["device"] == "cpu"


def test_ratios_take_the_fastest_form_of_each_side() -> None:
    taken = {
        "BioGrad, full": [8.0, 8.0],
        "BioGrad, full, graph": [2.0, 2.0],
        "snnTorch, as taught": [30.0, 30.0],
        "snnTorch, our neuron": [20.0, 20.0],
        "SpikingJelly, as taught": [5.0, 5.0],
        "BioGrad, factorised": [4.0, 4.0],
    }
    assert times._ratios("training", taken) == {
        "ratio_training_full_vs_snntorch": 10.0,
        "ratio_training_factorised_vs_snntorch": 5.0,
        "ratio_training_full_vs_spikingjelly": 2.5,
        "ratio_training_factorised_vs_spikingjelly": 1.25,
    }


def test_a_step_that_cannot_be_recorded_is_named_with_its_reason(monkeypatch) -> None:
    def recorded(step):
        if step() == "waits":
            raise RuntimeError("operation not permitted\nwhen stream is capturing")
        return step

    monkeypatch.setattr(times, "captured", recorded)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    graphs, refused = times._graphs({"one": lambda: "waits", "other": lambda: ""})
    assert set(graphs) == {"other, graph"}
    assert refused == {"one": "operation not permitted when stream is capturing"}


def test_the_peers_move_to_the_device_with_their_neurons() -> None:
    net = Network((6, 5, 3)).to("meta")
    for peer in times.peers(net, "meta").values():
        assert {p.device.type for p in peer.module.parameters()} == {"meta"}


def test_one_layer_is_timed_forwards_and_backwards(monkeypatch) -> None:
    monkeypatch.setattr(single_layer, "BATCH", 2)
    result = single_layer.single_layer(48, device="cpu", steps=30, rounds=2)
    assert (result["n"], result["batch"], result["steps"]) == (48, 2, 30)
    for key in ("forward_milliseconds", "backward_milliseconds", "peak_bytes"):
        assert set(result[key]) == PEERS | {"BioGrad"}
    assert all(bytes > 0 for bytes in result["peak_bytes"].values())
    assert result["ratio_single_layer_vs_fastest_peer"] > 0
