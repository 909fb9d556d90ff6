"""Memory of backpropagation grows with time; that of the online order does not."""

from __future__ import annotations

import pytest

from benchmarks.measurements import memory


def test_memory_of_bptt_grows_with_time_and_online_does_not(monkeypatch):
    monkeypatch.setattr(memory, "SIZES", (30, 12, 12, 5))
    results = memory.peak_memory((5, 20), batch=4)
    assert results["online_growth"] <= 1.05
    for peer in ("BPTT, torch", "snnTorch BPTT"):
        short, long = results["peak_bytes"][peer]
        assert long > 2.5 * short


@pytest.mark.skipif(bool(memory.missing()), reason="peaks of a process are read from /proc")
def test_the_tensors_of_the_online_order_are_as_large_for_any_length_of_a_sound() -> None:
    online = [memory.learn_sound("online", seconds) for seconds in (0.5, 1.5)]
    assert [peaks["steps"] for peaks in online] == [47, 147]
    assert online[0]["tensor_bytes"] == online[1]["tensor_bytes"] > 400 * 160 * 4
    whole = [memory.learn_sound("layer", seconds)["tensor_bytes"] for seconds in (0.5, 1.5)]
    assert whole[1] > 1.5 * whole[0]


@pytest.mark.slow
@pytest.mark.skipif(bool(memory.missing()), reason="peaks of a process are read from /proc")
def test_each_length_is_learned_in_a_fresh_process() -> None:
    results = memory.memory_of_sound((0.3, 0.6))
    assert results["online_growth_of_tensors"] == 1 < results["layer_growth_of_tensors"]
    assert all(p["process_bytes"] > 5e7 for peaks in results["peaks"].values() for p in peaks)
