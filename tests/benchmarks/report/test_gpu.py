"""The section on GPUs: what is measured, what is checked without one, and what is missing."""

from __future__ import annotations

from benchmarks.report.evidence import Evidence
from benchmarks.report.gpu import gpu


def kernel(measured, name: str, by: str, apart: float):
    results = {"kernel": name, "by": by, "device": "cpu", "largest_difference": apart}
    return measured("gpu kernels", results | {"equal": not apart}, config={"by": by})


def test_without_a_gpu_the_command_stands_there_with_the_interpreters_checks(
    measured, text_of
) -> None:
    assert "biograd benchmark --suite gpu" in text_of(gpu(Evidence([]), {}))
    records = [kernel(measured, "soma", "an interpreter", 0.0)]
    text = text_of(gpu(Evidence([*records, kernel(measured, "trace", "a GPU", 0.25)]), {}))
    assert "No GPU has been measured" in text
    assert "an interpreter (cpu): soma; a GPU (cpu): trace (apart by 0.25)." in text


def test_times_memory_and_layers_are_shown_with_their_units(measured, text_of) -> None:
    mode = {"samples_per_second": {"BioGrad, full": 12345.6, "snnTorch, as taught": 100.0}}
    times = {"device": "some GPU", "batch": 4096, "training": mode, "inference": mode}
    memory = {"batch": 20, "steps": [10, 50], "peak_bytes": {"BioGrad": [1 << 20, 1 << 21]}}
    layer = {
        "device": "cpu",
        "n": 512,
        "batch": 16,
        "steps": 500,
        "forward_milliseconds": {"BioGrad": 20.0, "snnTorch, as taught": 100.0},
        "backward_milliseconds": {"BioGrad": 10.5, "snnTorch, as taught": 200.0},
        "peak_bytes": {"BioGrad": 1 << 20, "snnTorch, as taught": 1 << 22},
    }
    records = [
        measured("gpu times", times, config={"batch": 4096}),
        measured("gpu memory", memory),
        measured("single layer", layer, config={"n": 512}),
    ]
    section = gpu(Evidence(records), {})
    text = text_of(section)
    assert "some GPU, batch 4,096: training, samples/s: BioGrad, full 12,346" in text
    assert "at T = 10, 50, in MiB: BioGrad: 1.0, 2.0." in text
    rows = section.items[-1]["rows"]
    assert rows[0] == ["cpu", "BioGrad", "512", "20.0", "10.5", "1.0"] and len(rows) == 2
