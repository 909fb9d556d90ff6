"""Learning on the chip's terms, measured: `python -m benchmarks.measurements.chip_learning [--only
main,random] [--seeds 0,1,2]`.

Every row is learned by the integer emulator, which equals Lava's learning engine weight for weight
(`--only lava` shows it). Constants were chosen on the last 5,000 training images, learning from the
other 55,000; the rows learn from all 60,000 and are tested once, at their end, on the 10,000 test
images. One JSON line a run goes to benchmarks/results/chip_learning.jsonl.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from biograd.data.datasets import load
from biograd.runs import records
from hardware.learning import state as learning_state
from hardware.learning.against_lava import compare
from hardware.learning.emulator import evaluate, learn
from hardware.learning.params import ChipLearningParams
from hardware.learning.records import LearningRecord
from hardware.learning.state import LearningState

from ..machine import provenance

LOG = logging.getLogger(__name__)
RESULTS = Path(__file__).parents[1] / "results" / "chip_learning.jsonl"
NAME = "chip learning"
KEEP_NAME = "chip keep learning"
LAVA_NAME = "chip learning in lava"
_COUNTS = ("synaptic_operations", "synaptic_updates", "neuron_updates", "spikes")


@dataclass(frozen=True)
class Row:
    """One row of the table: what is different from the main row."""

    method: str
    epochs: int
    changes: dict[str, Any]  # of ChipLearningParams; Any: their types
    shuffled_labels: bool = False


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


@dataclass(frozen=True)
class Images:
    """Both halves of a data set; uint8 [n, pixels] and int64 [n]."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def mnist() -> Images:
    """MNIST as arrays."""
    train, test = load("mnist", "train"), load("mnist", "test")
    return Images(
        train.x.numpy().reshape(len(train), -1),
        train.y.numpy(),
        test.x.numpy().reshape(len(test), -1),
        test.y.numpy(),
    )


def run_row(row: Row, seed: int, images: Images) -> tuple[dict[str, Any], dict[str, Any]]:
    """Learn one row: its configuration and its results, as a record carries them."""
    params = ChipLearningParams(seed=seed, samples=row.epochs * len(images.x), **row.changes)
    state = learning_state.start(params)
    labels = np.random.default_rng(seed).permutation(images.y) if row.shuffled_labels else images.y
    begun, cpu = time.perf_counter(), time.process_time()
    found = list(learn(state, images.x, labels, epochs=row.epochs))
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    per_epoch = len(found) // row.epochs
    parts = [found[e * per_epoch : (e + 1) * per_epoch] for e in range(row.epochs)]
    results = {
        "method": row.method,
        "test_accuracy": evaluate(state, images.x_test, images.y_test),
        "train_accuracy_curve": [sum(r.correct for r in part) / len(images.x) for part in parts],
        "samples": state.samples,
        "nights": state.nights,
        # samples with an error beyond the margins
        "taught_fraction": sum(r.learned for r in found) / state.samples,
        "feedback_angle_deg": [
            learning_state.feedback_angle(state, layer) for layer in range(len(state.w_fb))
        ],
        "saturated_weights": sum(r.saturated_weights for r in found),
        "saturated_traces": sum(r.saturated_traces for r in found),
        "wrapped_currents": sum(r.wrapped_currents for r in found),
        "seconds": seconds,
        "cpu_seconds": cpu,
        "samples_per_cpu_second": state.samples / cpu,
        "operations_per_sample": operations(found, state.samples),
        "rule": str(params.forward_rule),
        "feedback_rule": str(params.feedback_rule),
    }
    config = {
        **json.loads(params.to_json()),
        "epochs": row.epochs,
        "shuffled_labels": row.shuffled_labels,
        "dataset": "mnist",
    }
    return config, results


def operations(found: list[LearningRecord], samples: int) -> dict[str, Any]:
    """What the chip did a sample: by day per layer (entry 0: the input), and the nights' share in
    all layers together.
    """
    told: dict[str, Any] = {
        name: (sum(getattr(r, name) for r in found) / samples).tolist() for name in _COUNTS
    }
    told["error_spikes"] = sum(r.error_spikes for r in found) / samples
    told["time_steps"] = sum(r.steps for r in found) / samples
    told["of_which_nights"] = {
        name: sum(r.night_operations[name] for r in found) / samples for name in _COUNTS
    }
    return told


def keep_learning(seed: int, images: Images) -> Iterator[dict[str, Any]]:
    """A net that has learned, carried through a model file's Model, goes on learning: before and
    after, on the old and the new.

    Yields one result a lesson: a tenth class after nine, digits rotated by 30 degrees, noisy
    digits. Lessons hold 5,000 samples, once of the new alone and once with as many old samples
    mixed in.
    """
    rng = np.random.default_rng(seed)
    nine = images.y != 9
    all_ten = _taught(images.x, images.y, seed)
    only_nine = _taught(images.x[nine], images.y[nine], seed)
    lessons = (
        ("a tenth class after nine", only_nine, _only(images, 9), _without(images, 9)),
        (
            "digits rotated by 30 degrees",
            all_ten,
            _changed(images, lambda x: rotate(x, 30.0)),
            images,
        ),
        ("noisy digits", all_ten, _changed(images, lambda x: noisy(x, rng)), images),
    )
    for name, taught, new, old in lessons:
        for mixed in (False, True):
            model = learning_state.to_model(taught)
            state = learning_state.from_model(
                model,
                dataclasses.replace(taught.params, samples=None, gain_hidden=60, gain_output=50),
            )
            before = [evaluate(state, part.x_test, part.y_test) for part in (old, new)]
            chosen, chosen_old = (
                rng.permutation(len(new.x))[:5000],
                rng.permutation(len(old.x))[:5000],
            )
            x = np.concatenate([new.x[chosen], old.x[chosen_old]]) if mixed else new.x[chosen]
            y = np.concatenate([new.y[chosen], old.y[chosen_old]]) if mixed else new.y[chosen]
            for _ in learn(state, x, y):
                pass
            after = [evaluate(state, part.x_test, part.y_test) for part in (old, new)]
            yield {
                "lesson": name,
                "old_mixed_in": mixed,
                "samples": len(x),
                "old_before": before[0],
                "old_after": after[0],
                "new_before": before[1],
                "new_after": after[1],
            }


def rotate(x: np.ndarray, degrees: float) -> np.ndarray:
    """Square images uint8 [n, pixels] turned about their middle, bilinear, black outside."""
    side = round(x.shape[1] ** 0.5)
    angle, middle = np.deg2rad(degrees), (side - 1) / 2
    rows, columns = np.mgrid[:side, :side] - middle
    source = (
        np.stack(
            [
                np.cos(angle) * rows + np.sin(angle) * columns,
                np.cos(angle) * columns - np.sin(angle) * rows,
            ]
        )
        + middle
    )
    corner = np.floor(source).astype(int)
    rest = source - corner
    padded = np.pad(
        x.reshape(-1, side, side).astype(np.float32), ((0, 0), (side, side), (side, side))
    )
    turned = np.zeros((len(x), side, side), dtype=np.float32)
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - down - rest[0]) * np.abs(1 - right - rest[1])
            turned += weight * padded[:, corner[0] + down + side, corner[1] + right + side]
    return np.rint(turned).astype(np.uint8).reshape(len(x), -1)


def noisy(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images with Gaussian noise of 64 grey values on every pixel."""
    return np.clip(x + rng.normal(0, 64, x.shape).astype(np.float32), 0, 255).astype(np.uint8)


def main() -> None:
    """Run the rows that were asked for, append a record for each and log a line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only",
        default=",".join([*ROWS, "keep", "lava"]),
        help="rows, comma separated; also keep, lava",
    )
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--lava-samples", type=int, default=500)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    images = mnist()
    for name in options.only.split(","):
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
            elif name == "lava":
                _write(options.out, LAVA_NAME, *_in_lava(seed, options.lava_samples, images))
                break
            else:
                config, result = run_row(ROWS[name], seed, images)
                _write(options.out, NAME, config, seed, result)


def _in_lava(seed: int, samples: int, images: Images) -> tuple[dict[str, Any], int, dict[str, Any]]:
    params = ChipLearningParams(seed=seed, samples=3 * len(images.x))
    comparison = compare(params, images.x, images.y, samples=samples)
    stateless = dataclasses.replace(comparison, state=None)  # type: ignore[arg-type]
    result = dataclasses.asdict(stateless) | {"equal": comparison.first_difference is None}
    result.pop("state")
    return json.loads(params.to_json()), seed, result


def _write(out: Path, name: str, config: dict[str, Any], seed: int, result: dict[str, Any]) -> None:
    records.append(
        out,
        {
            "kind": "measurement",
            "name": name,
            "config": config,
            "seed": seed,
            **provenance(),
            "results": result,
        },
    )
    told = {
        key: value
        for key, value in result.items()
        if not isinstance(value, (dict, list)) and "rule" not in key
    }
    LOG.info("%s, seed %d: %s", name, seed, json.dumps(told, default=str))


def _taught(x: np.ndarray, y: np.ndarray, seed: int) -> LearningState:
    """One epoch of learning."""
    state = learning_state.start(ChipLearningParams(seed=seed, samples=len(x)))
    for _ in learn(state, x, y):
        pass
    return state


def _only(images: Images, label: int) -> Images:
    keep, keep_test = images.y == label, images.y_test == label
    return Images(
        images.x[keep], images.y[keep], images.x_test[keep_test], images.y_test[keep_test]
    )


def _without(images: Images, label: int) -> Images:
    keep, keep_test = images.y != label, images.y_test != label
    return Images(
        images.x[keep], images.y[keep], images.x_test[keep_test], images.y_test[keep_test]
    )


def _changed(images: Images, change: Any) -> Images:
    """Both halves through `change`; Any: a function of uint8 [n, pixels]."""
    return dataclasses.replace(images, x=change(images.x), x_test=change(images.x_test))


if __name__ == "__main__":
    main()
