"""Classes learned one after another on the chip: prototypes, and nets beside them.

Rows of `chip_learning`; five tasks of two classes, every answer is one of ten classes, tested on
the 10,000 test images. Constants were chosen on the last 5,000 training images.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hardware.learning.params import ChipLearningParams
from hardware.prototypes.against_lava import compare
from hardware.prototypes.class_stream import (
    Learner,
    NetLearner,
    PrototypeLearner,
    StreamResult,
    run_stream,
    tasks_of,
)
from hardware.prototypes.params import PrototypeParams

from .learning_after_deployment import load_arrays

NAME = "class stream"
LAVA_NAME = "class stream in lava"
CLASSES = 10
REPLAY = 20  # samples per class that the replay beside it keeps
_COUNTS = ("spikes", "synaptic_operations", "synaptic_updates", "neuron_updates", "steps")


@dataclass(frozen=True)
class StreamRow:
    """One row: the data set, and the training samples per class."""

    dataset: str
    shots: int | None = None
    nets: bool = False  # whether nets without rehearsal, with it, and with all classes learn too


ROWS = {
    "stream": StreamRow("mnist", nets=True),
    "stream fashion": StreamRow("fashion", nets=True),
    "stream 1 shot": StreamRow("mnist", 1),
    "stream 5 shots": StreamRow("mnist", 5),
    "stream 20 shots": StreamRow("mnist", 20),
}


# any: JSON
def run_row(name: str, seed: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield configuration and results of each learner of a row."""
    row = ROWS[name]
    images = load_arrays(row.dataset)
    train, test = (images.x, images.y), (images.x_test, images.y_test)
    tasks, everything = tasks_of(CLASSES, 2), tasks_of(CLASSES, CLASSES)
    layer = PrototypeParams(seed=seed)
    learners: list[tuple[str, Learner, Any]] = [  # any: tasks
        ("prototypes", PrototypeLearner(layer), tasks),
        ("prototypes, all classes at once", PrototypeLearner(layer), everything),
    ]
    if row.nets:
        net = ChipLearningParams(seed=seed, gain_hidden=60, gain_output=50)
        learners += [
            ("784-100-10, naive", NetLearner(net), tasks),
            (f"784-100-10, replay of {REPLAY} per class", NetLearner(net, REPLAY), tasks),
            ("784-100-10, all classes at once", NetLearner(net), everything),
        ]
    for method, learner, stream in learners:
        begun = time.process_time()
        *_, result = run_stream(learner, train, test, stream, seed=seed, shots=row.shots)
        results = described(method, learner, result) | {
            "cpu_seconds": time.process_time() - begun,
        }
        config = {
            "dataset": row.dataset,
            "shots": row.shots,
            **json.loads(layer.to_json()),
        }
        yield config, results


def described(method: str, learner: Learner, result: StreamResult) -> dict[str, Any]:  # any: JSON
    """Return a stream's results, and the operations per sample of prototypes."""
    results = {
        "method": method,
        "test_accuracy": result.final,
        "forgetting": result.forgetting,
        "accuracy_by_task": result.accuracy.tolist(),
    }
    if isinstance(learner, PrototypeLearner):
        samples = sum(record.samples for record in learner.records)
        results |= {
            "recruited": learner.state.recruited,
            "samples": samples,
            "operations_per_sample": {
                count: sum(getattr(record, count) for record in learner.records) / samples
                for count in _COUNTS
            },
        }
    return results


# any: JSON
def in_lava(seed: int, samples: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Compare the first samples of each task, as many of each, with Lava's engine."""
    images, tasks = load_arrays("mnist"), tasks_of(CLASSES, 2)
    rng = np.random.default_rng(seed)
    order = np.concatenate(
        [
            rng.permutation(np.flatnonzero(np.isin(images.y, task)))[: samples // len(tasks)]
            for task in tasks
        ]
    )
    params = PrototypeParams(seed=seed, prototypes=200, per_class=20)
    comparison = compare(params, images.x[order], images.y[order])
    return json.loads(params.to_json()), {
        "samples": comparison.samples,
        "weights": comparison.weights,
        "recruited": comparison.recruited,
        "correct": comparison.correct,
        "first_difference": comparison.first_difference,
        "equal": comparison.first_difference is None,
        "lava_seconds": comparison.lava_seconds,
        "emulator_seconds": comparison.emulator_seconds,
    }
