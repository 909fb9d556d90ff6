"""Records of every kind that the report shows, and pages reduced to their text."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator

import pytest

from benchmarks.measurements.chip_prices import priced
from benchmarks.report import page, render
from benchmarks.report.page import Section
from biograd.runs.records import FORMAT, Record

MACHINE = {"cpu": "Some CPU", "cores": 2, "threads": 1, "gpu": None, "load": 0.5}


@pytest.fixture(scope="session")
def measured() -> Callable[..., Record]:
    """A measurement with these results, from one machine and day."""
    return _measured


@pytest.fixture(scope="session")
def training_run() -> Callable[..., Record]:
    """A training run of a method and seed that reached an accuracy."""
    return _training_run


@pytest.fixture(scope="session")
def whole_run() -> Callable[..., Record]:
    """A training run priced over all its epochs."""
    return _whole_run


@pytest.fixture
def every_record() -> list[Record]:
    """One record of every kind that the page shows, fresh for each test."""
    return _every_record()


@pytest.fixture(scope="session")
def whole_page() -> str:
    """The page of `every_record`, rendered once."""
    raster = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect id="a"/></svg>'
    return render.render(_every_record(), pictures={"raster": raster})


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave out the slow half of a page: figures are made and not drawn."""
    monkeypatch.setattr(page, "as_svg", lambda figure: "<svg></svg>")
    yield


@pytest.fixture(scope="session")
def text_of() -> Callable[[str | Section], str]:
    """The text of a page or of a section, without figures, in one line."""

    def text(shown: str | Section) -> str:
        markup = shown if isinstance(shown, str) else " ".join(_pieces(shown))
        without = re.sub(r"<(style|svg)\b.*?</\1>", " ", markup, flags=re.DOTALL)
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", without)))

    return text


def _pieces(section: Section) -> Iterator[str]:
    yield from map(str, section.intro)
    for item in section.items:
        yield from map(str, item.get("columns", ()))
        yield from (str(cell) for row in item.get("rows", ()) for cell in row)
        yield from (figure["caption"] for figure in item.get("figures", ()))
        yield str(item.get("caption", ""))
        yield str(item.get("text", ""))


def _measured(
    name: str, results: Record, *, config: Record | None = None, seed: int | None = None, **changes
) -> Record:
    return {
        "format": FORMAT,
        "kind": "measurement",
        "suite": "test",
        "name": name,
        "config": config or {},
        "seed": seed,
        "part": 0,
        "last": True,
        "machine": MACHINE,
        "versions": {"torch": "2.13.0"},
        "commit": "abc123",
        "when": "2026-01-02T03:04:05+00:00",
        "wall_seconds": 12.0,
        "results": results,
    } | changes


def _training_run(method: str, seed: int, accuracy: float, **changes) -> Record:
    config = {
        "hidden": [256, 256],
        "steps": 10,
        "epochs": 2,
        "optimizer": "adam",
        "lr": 0.001,
        "feedback": "sleep",
    } | changes
    results = {
        "method": method,
        "test_accuracy": accuracy,
        "test_accuracy_curve": [accuracy - 0.02, accuracy],
        "seconds_curve": [10.0, 20.0],
        "spikes_per_neuron": [3.0, 2.0, 1.0],
    }
    if method.startswith("BioGrad"):
        results["angle_curve_deg"] = [[40.0, 20.0], [19.0, 10.0]]
    return _measured("accuracy", results, config=config, seed=seed)


def _costs(low: float = 1e-5) -> Record:
    """A network priced for Loihi, every part between `low` and four times that, joules."""
    parts = (
        "synaptic_operations",
        "neuron_updates",
        "synaptic_updates",
        "spikes",
        "messages",
        "static",
        "x86",
    )
    sums = ("computation", "communication", "dynamic", "total")
    joules = {f"{name}_j": [low, 4 * low] for name in (*parts, *sums)} | {"seconds": [1e-4, 4e-4]}
    layer = {"name": "layer 1", "cores": 3, "neurons": 256, "neurons_a_core": 100}
    layer |= {
        name: [10, 100] for name in ("compartments", "axons_in", "axons_out", "synapse_words")
    }
    constant = {"constant": "synaptic_operation", "factor": 3.0}
    return {
        "sizes": [784, 256, 256, 10],
        "steps": 10,
        "test_accuracy": 0.975,
        "fit": {"inference": [layer], "learning": [layer]},
        "training_operations_per_sample": {
            "fewest": {"synaptic_updates": 8000.0},
            "most": {"synaptic_updates": 260000.0},
        },
        "samples_learned_from": 0.12,
        "inference": {"davies2018": joules, "sanafe2025": joules},
        "training": {"davies2018": joules, "sanafe2025": joules},
        "sensitivity": [constant | {"total_j": 2e-5, "low_j": 1e-5, "high_j": 5e-5}],
        "early_answers": [{"lead": 1, "mean_steps": 2.5, "of_steps": 10, "test_accuracy": 0.97}],
        "pareto": [
            {
                "changed": "steps",
                "value": 5,
                "test_accuracy": 0.97,
                "dynamic_j": [1e-6, 2e-6],
                "seconds": [1e-4, 2e-4],
            }
        ],
    }


def _whole_run(method: str, seed: int, accuracy: float, low: float, *, shown: float = 1) -> Record:
    """A followed run whose modelled joules reach from `low` to four times that."""
    joules = _costs(low)["training"]
    of_run = {
        "shown_share": shown,
        "training": joules,
        "training_spread": joules,
        "spread": 8,
        "decisions_equal": 0.99 if shown < 1 else None,
    }
    return _measured(
        "pareto",
        {"method": method, "loihi": _costs() | {"test_accuracy": accuracy}, "whole_run": of_run},
        config={"hidden": [256]},
        seed=seed,
    )


def _every_record() -> list[Record]:
    return [
        *_training_runs(),
        *_one_run(),
        *_priced_runs(),
        _silicon(),
        *_speeds(),
        *_gpu_joules(),
        _chip_learning(),
        *_flat_records(),
    ]


def _training_runs() -> list[Record]:
    return [
        *(_training_run("BioGrad, sleep", seed, 0.98 + seed / 1000) for seed in range(3)),
        *(_training_run("BPTT", seed, 0.9795, baseline={"method": "bptt"}) for seed in range(2)),
        _training_run("BioGrad, random feedback", 0, 0.971, feedback="dfa"),
        _training_run("BioGrad, sleep, SGD", 0, 0.975, optimizer="sgd", momentum=0.9),
    ]


def _one_run() -> list[Record]:
    pixels = base64.b64encode(bytes(range(16))).decode()
    digit = {"index": 7, "class": 4, "answer": 9, "shape": [4, 4], "pixels": pixels}
    answers = json.loads("""
        {"test_accuracy": 0.98, "test_images": 10, "confusion": [[4, 1], [0, 5]],
         "misread_in_all": 1}
    """)
    operations = json.loads("""
        {"footprint": 4000, "connection_sparsity": 0.0, "activation_sparsity": 0.7, "samples": 500,
         "dense": 9.0, "effective_macs": 0, "effective_acs": 5, "steps": 10,
         "input_spike_rate": 0.12}
    """)
    return [
        _measured("answers", answers | {"misread": [digit]}),
        _measured("operations", operations),
        _measured("loihi", _costs()),
    ]


def _priced_runs() -> list[Record]:
    small = {"method": "784-100-10, T = 8", "loihi": _costs()}
    standard = "784-256-256-10 (standard)"
    return [
        _measured("pareto", small, config={"hidden": [100], "steps": 8}),
        *(_whole_run(standard, seed, 0.984 + seed / 1000, 1.6e-5) for seed in (0, 1)),
        _whole_run("frugal", 0, 0.983, 0.8e-6, shown=0.35),
        _whole_run("too frugal", 0, 0.9814, 0.4e-6, shown=0.3),
    ]


def _silicon() -> Record:
    row = json.loads("""
        {"what": "training, energy", "unit": "J", "measured": 5.9e-4, "modelled": [6e-5, 9e-4],
         "ratio": 0.4, "inside": true, "explanation": "because"}
    """)
    return _measured("energy model against silicon", {"davies2018": [row]})


def _speeds() -> list[Record]:
    peers = ("snntorch", "torch_bptt", "fused_bptt", "spikingjelly")
    ratios = {f"ratio_{rule}_vs_{peer}": 4.0 for rule in ("full", "factorised") for peer in peers}
    race = json.loads("""
        {"samples_per_second": {"BioGrad, full": 4000.0, "BioGrad, factorised": 8000.0,
                                "snnTorch BPTT, stepped": 900.0},
         "sizes": [784, 10], "steps": 20, "batch": 9, "rounds": 5, "threads": 1}
    """)
    race |= ratios | {"ratio_full_vs_spikingjelly": 3.2}
    shared = json.loads("""
        {"ratio_workers": 1.75, "ratio_workers_quartiles": [1.5, 1.9], "ratio_workers_apart": 1.85,
         "ratio_workers_gloo": 1.4, "ratio_early_vs_late": 1.05}
    """)
    memory = json.loads("""
        {"steps": [10, 100], "batch": 20, "peak_bytes": {"BioGrad, online": [3e6, 3e6]},
         "online_growth": 1.0}
    """)
    return [
        _measured("memory", memory),
        _measured("speed", race),
        _measured("inference speed", {"threads": 1, "ratio_inference_vs_snntorch": 3.3}),
        _measured("workers", {"workers": 2, "rounds": 9, "batches": {"400": shared}}),
    ]


def _gpu_joules() -> list[Record]:
    gpu = json.loads("""
        {"device": "cuda", "method": "BioGrad", "mode": "training", "meter": "NVML, Some GPU",
         "driver": "1.2"}
    """)
    window = {"j_per_sample": 0.02, "j_per_sample_above_idle": 0.01, "moved": True}
    small = {"batch": 1, "seconds_per_sample": 1e-3, "windows": [window]}
    large = {"batch": 256, "seconds_per_sample": 1e-5, "windows": [{"j_per_sample": 1e-4}]}
    return [_measured("device energy", gpu | of_batch) for of_batch in (small, large)]


def _chip_learning() -> Record:
    operations = json.loads("""
        {"synaptic_operations": [0, 9e4, 900], "synaptic_updates": [0, 9e3, 300],
         "neuron_updates": [0, 4e3, 600], "spikes": [900, 99, 9],
         "error_spikes": 20, "time_steps": 24}
    """)
    results = {"method": "784-100-10", "test_accuracy": 0.9621, "operations_per_sample": operations}
    return priced(_measured("chip learning", results, config={"sizes": [784, 100, 10]}, seed=0))


def _flat_records() -> list[Record]:
    """Records of `biograd deploy` and `biograd train`."""
    deployed = {"kind": "measurement", "name": "deploy lava", "target": "lava"}
    epoch = {"kind": "epoch", "epoch": 1, "test_accuracy": 0.9, "train_accuracy": 0.8}
    flat = [
        deployed | {"samples": 50, "lava_mismatches": 0},
        epoch | {"feedback_angle_deg": [30.0]},
        {"kind": "run", "test_accuracy": 0.98, "seed": 0},
    ]
    return [{"format": FORMAT, **record} for record in flat]
