"""Memory of backpropagation grows with time; that of the online order does not."""

from __future__ import annotations

from benchmarks.measurements import memory


def test_memory_of_bptt_grows_with_time_and_online_does_not(monkeypatch):
    monkeypatch.setattr(memory, "SIZES", (30, 12, 12, 5))
    results = memory.peak_memory((5, 20), batch=4)
    assert results["online_growth"] <= 1.05
    for peer in ("BPTT, torch", "snnTorch BPTT"):
        short, long = results["peak_bytes"][peer]
        assert long > 2.5 * short
