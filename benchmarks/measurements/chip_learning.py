"""Learning in the chip's integers, measured.

    python -m benchmarks.measurements.chip_learning [--only main,random] [--seeds 0,1,2]

Every row is learned by the integer emulator, which equals Lava's learning engine weight for weight
(`--only lava` shows it). Constants were chosen on the last 5,000 training images, learning from the
other 55,000; the rows learn from all 60,000 and are tested once, at their end, on the 10,000 test
images. Each run appends one JSON line to benchmarks/results/chip_learning.jsonl.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np

from biograd.runs import records
from hardware.learning import state as learning_state
from hardware.learning.against_lava import compare
from hardware.learning.emulator import evaluate, learn
from hardware.learning.params import ChipLearningParams
from hardware.learning.records import LearningRecord
from hardware.learning.sleep_params import ChipSleepParams

from ..machine import provenance
from . import class_streams, frozen_features
from .learning_after_deployment import Images, keep_learning, load_arrays
from .rows import Row

LOG = logging.getLogger(__name__)
RESULTS = Path(__file__).parents[1] / "results" / "chip_learning.jsonl"
NAME = "chip learning"
KEEP_NAME = "chip keep learning"
LAVA_NAME = "chip learning in lava"
_COUNTS = ("synaptic_operations", "synaptic_updates", "neuron_updates", "spikes")


# `biograd learn --preset best`; chosen on the last 5,000 training images
_BEST: dict[str, Any] = {  # any: the parameters' types
    "sizes": (784, 400, 10),
    "gain_output": 60,
    "vth": 1024,
    "shift": 1,
    "sleep": ChipSleepParams(steps=1000, hebb_exponent=-4, forget_exponent=-6),
}


ROWS: dict[str, Row] = {
    "main": Row("784-100-10", 3, {}),
    "random": Row("784-100-10, random feedback instead of sleep", 3, {"feedback": "random"}),
    "unsigned": Row("784-100-10, unsigned traces (Loihi 1)", 3, {"traces": "unsigned"}),
    "stock": Row(
        "784-100-10, stock rounding (one number a matrix)",
        3,
        {"rounding": "stock", "weight_bits": 9},
    ),
    "wide": Row("784-400-10", 3, {"sizes": (784, 400, 10), "gain_output": 60}),
    "deep": Row("784-200-100-10", 3, {"sizes": (784, 200, 100, 10)}),
    "best": Row("784-400-10, preset best", 12, _BEST),
    "best fashion": Row("784-400-10, Fashion-MNIST", 10, _BEST | {"shift": 0}, dataset="fashion"),
    "best fashion 6 bits": Row(
        "784-400-10, Fashion-MNIST, 6-bit weights",
        10,
        _BEST | {"shift": 0, "weight_bits": 6},
        dataset="fashion",
    ),
    "best fashion 4 bits": Row(
        "784-400-10, Fashion-MNIST, 4-bit weights",
        10,
        _BEST | {"shift": 0, "weight_bits": 4},
        dataset="fashion",
    ),
    "one epoch": Row("784-100-10, one epoch", 1, {}),
    "frozen": Row("784-100-10, one epoch, hidden layer frozen", 1, {"plastic": (False, True)}),
    "nearest": Row("784-100-10, one epoch, rounding to nearest", 1, {"rounding": "nearest"}),
    "floor": Row("784-100-10, one epoch, rounding down", 1, {"rounding": "floor"}),
    "no margin": Row(
        "784-100-10, one epoch, no margin", 1, {"margin_positive": 0, "margin_negative": 0}
    ),
    "4 bits": Row("784-100-10, one epoch, 4-bit weights", 1, {"weight_bits": 4}),
    "6 bits": Row("784-100-10, one epoch, 6-bit weights", 1, {"weight_bits": 6}),
    "9 bits": Row("784-100-10, one epoch, 9-bit weights (Lava keeps them)", 1, {"weight_bits": 9}),
    "shuffled": Row("784-100-10, one epoch, labels shuffled", 1, {}, shuffled_labels=True),
}


# Forms compared with Lava's engine, weight by weight. The nights before the first sample of preset
# best are fewer here: Lava takes a minute for each.
LAVA_ROWS: dict[str, Row] = {
    "lava": Row("784-100-10", 3, {}),
    "best lava": Row(
        "784-400-10, preset best, 2 nights before the first sample",
        12,
        _BEST | {"sleep": dataclasses.replace(_BEST["sleep"], before=2)},
    ),
}


# any: JSON
def run_row(row: Row, seed: int, images: Images) -> tuple[dict[str, Any], dict[str, Any]]:
    """Learn one row; return its configuration and its results, as a record holds them."""
    params = ChipLearningParams(seed=seed, samples=row.epochs * len(images.x), **row.changes)
    state = learning_state.start(params)
    labels = np.random.default_rng(seed).permutation(images.y) if row.shuffled_labels else images.y
    start, cpu_start = time.perf_counter(), time.process_time()
    steps = list(learn(state, images.x, labels, epochs=row.epochs))
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    per_epoch = len(steps) // row.epochs
    epochs = [steps[e * per_epoch : (e + 1) * per_epoch] for e in range(row.epochs)]
    results = {
        "method": row.method,
        "test_accuracy": evaluate(state, images.x_test, images.y_test),
        "train_accuracy_curve": [sum(r.correct for r in epoch) / len(images.x) for epoch in epochs],
        "samples": state.samples,
        "nights": state.nights,
        # samples with an error beyond the margins
        "taught_fraction": sum(r.learned for r in steps) / state.samples,
        "feedback_angle_deg": [
            learning_state.feedback_angle(state, layer) for layer in range(len(state.w_fb))
        ],
        "saturated_weights": sum(r.saturated_weights for r in steps),
        "saturated_traces": sum(r.saturated_traces for r in steps),
        "wrapped_currents": sum(r.wrapped_currents for r in steps),
        "seconds": seconds,
        "cpu_seconds": cpu,
        "samples_per_cpu_second": state.samples / cpu,
        "operations_per_sample": operations(steps, state.samples),
        "rule": str(params.forward_rule),
        "feedback_rule": str(params.feedback_rule),
    }
    config = {
        **json.loads(params.to_json()),
        "epochs": row.epochs,
        "shuffled_labels": row.shuffled_labels,
        "dataset": row.dataset,
    }
    return config, results


def operations(steps: list[LearningRecord], samples: int) -> dict[str, Any]:  # any: JSON
    """Return the chip's operations per sample.

    Of the days per layer (entry 0: the input), and of the nights in all layers together.
    """
    counts: dict[str, Any] = {
        name: (sum(getattr(r, name) for r in steps) / samples).tolist() for name in _COUNTS
    }
    counts["error_spikes"] = sum(r.error_spikes for r in steps) / samples
    counts["time_steps"] = sum(r.steps for r in steps) / samples
    counts["of_which_nights"] = {
        name: sum(r.night_operations[name] for r in steps) / samples for name in _COUNTS
    }
    return counts


def main() -> None:
    """Run the rows that are named on the command line; append a record and log a line for each."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only",
        default=",".join([*ROWS, "keep", *LAVA_ROWS, *class_streams.ROWS, "stream lava"]),
        help="rows, comma separated; also keep, lava, best lava, stream, stream lava, and with"
        " --front head, head lava, stream features",
    )
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--lava-samples", type=int, default=500)
    parser.add_argument(
        "--front", type=Path, help="run folder of a trained network whose features stay frozen"
    )
    parser.add_argument("--dataset", default="mnist", help="of the rows on frozen features")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    names = options.only.split(",")
    if set(names) & set(frozen_features.ROWS):
        if options.front is None:
            parser.error("rows on frozen features need --front RUN")
        _on_features(names, options)
    for name in names:
        if name in frozen_features.ROWS:
            continue
        images = load_arrays(ROWS[name].dataset if name in ROWS else "mnist")
        for seed in map(int, options.seeds.split(",")):
            if name == "keep":
                for result in keep_learning(seed, images):
                    _write(
                        options.out,
                        KEEP_NAME,
                        {"sizes": [784, 100, 10], "dataset": "mnist"},
                        seed,
                        result,
                    )
            elif name in class_streams.ROWS:
                for config, result in class_streams.run_row(name, seed):
                    _write(options.out, class_streams.NAME, config, seed, result)
            elif name == "stream lava":
                config, result = class_streams.in_lava(seed, options.lava_samples)
                _write(options.out, class_streams.LAVA_NAME, config, seed, result)
                break
            elif name in LAVA_ROWS:
                config, result = _in_lava(LAVA_ROWS[name], seed, options.lava_samples, images)
                _write(options.out, LAVA_NAME, config, seed, result)
                break
            else:
                config, result = run_row(ROWS[name], seed, images)
                _write(options.out, NAME, config, seed, result)


def _on_features(names: list[str], options: argparse.Namespace) -> None:
    """Run the rows on frozen features: the front runs once for all of them."""
    features = frozen_features.load(options.front, options.dataset)
    for name in names:
        for seed in map(int, options.seeds.split(",")):
            if name == "head":
                row, extra = frozen_features.head_row(features)
                config, result = run_row(row, seed, features.images)
                config |= frozen_features.described(features)
                _write(options.out, frozen_features.HEAD_NAME, config, seed, result | extra)
            elif name == "head lava":
                row, _ = frozen_features.head_row(features)
                config, result = _in_lava(row, seed, options.lava_samples, features.images)
                _write(options.out, LAVA_NAME, config, seed, result)
                break
            elif name == "stream features":
                config, result = frozen_features.stream(features, seed)
                _write(options.out, class_streams.NAME, config, seed, result)


# any: JSON
def _in_lava(
    row: Row, seed: int, samples: int, images: Images
) -> tuple[dict[str, Any], dict[str, Any]]:
    params = ChipLearningParams(seed=seed, samples=row.epochs * len(images.x), **row.changes)
    comparison = compare(params, images.x, images.y, samples=samples)
    stateless = dataclasses.replace(comparison, state=None)  # type: ignore[arg-type]
    result = dataclasses.asdict(stateless) | {"equal": comparison.first_difference is None}
    result.pop("state")
    return json.loads(params.to_json()), {"method": row.method} | result


# any: JSON
def _write(out: Path, name: str, config: dict[str, Any], seed: int, result: dict[str, Any]) -> None:
    record = {"kind": "measurement", "name": name, "config": config, "seed": seed}
    records.append(out, record | provenance() | {"results": result})
    short = {
        key: value
        for key, value in result.items()
        if not isinstance(value, (dict, list)) and "rule" not in key
    }
    LOG.info("%s, seed %d: %s", name, seed, json.dumps(short, default=str))


if __name__ == "__main__":
    main()
