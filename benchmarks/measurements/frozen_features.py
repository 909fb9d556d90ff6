"""Heads and prototypes that learn on the chip, on the frozen features of a trained network.

Rows of `chip_learning`, with a run folder of e.g. `biograd train --preset mnist-conv --net
16c5s2-32c5s2-10` as --front. Features are the spikes of all its layers but the last, run in the
chip's integers; a network trained on another data set has met none of the classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biograd.commands.console import Console
from biograd.commands.helpers.front_features import FrontFeatures, front_features
from biograd.data.datasets import load_images
from hardware.border.model import COUNTED
from hardware.learning.fit import fit
from hardware.learning.front import HEAD
from hardware.learning.params import ChipLearningParams
from hardware.prototypes.class_stream import PrototypeLearner, run_stream, tasks_of
from hardware.prototypes.params import ON_FEATURES, PrototypeParams

from . import class_streams
from .learning_after_deployment import Images
from .rows import Row

ROWS = ("head", "head lava", "stream features")
HEAD_NAME = "chip head"
HEAD_EPOCHS = 5
_NAMES = {"mnist": "MNIST", "fashion": "Fashion-MNIST"}


@dataclass(frozen=True, kw_only=True)
class Features:
    """A data set as a front's spikes."""

    front: FrontFeatures
    dataset: str  # of the samples
    images: Images  # spikes, uint64 [n, neurons]

    @property
    def trained_on(self) -> str:
        """Data set that the front was trained on."""
        return str(self.front.model.info.get("dataset", "unknown"))


def load(run: Path, dataset: str) -> Features:
    """Run the front of a run folder's network over a data set."""
    sets = load_images(dataset, "train"), load_images(dataset, "test")
    front = front_features(str(run), *sets, dataset=dataset, console=Console(as_json=False))
    (x, y), (x_test, y_test) = front.halves
    return Features(front=front, dataset=dataset, images=Images(x, y, x_test, y_test))


def described(features: Features) -> dict[str, Any]:  # any: JSON
    """Return what a record's configuration says about its features."""
    sizes = list(features.front.model.sizes[:-1])
    return {"dataset": features.dataset, "front": {"sizes": sizes, "dataset": features.trained_on}}


def head_row(features: Features) -> tuple[Row, dict[str, Any]]:  # any: JSON
    """Return the row of a head that learns, and what its results say about the front."""
    model, outputs = features.front.model, int(features.images.y.max()) + 1
    changes = HEAD | {"sizes": (features.images.x.shape[1], outputs), "steps": model.steps}
    name = f"head on frozen features of {_NAMES.get(features.trained_on, features.trained_on)}"
    extra = {
        "float_test_accuracy": model.info.get("test_accuracy")
        if features.trained_on == features.dataset
        else None,
        "front": _front(features, ChipLearningParams(**changes)),
    }
    return Row(name, HEAD_EPOCHS, changes, dataset=features.dataset), extra


# any: JSON
def stream(features: Features, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Meet the classes two by two by prototypes; return configuration and results."""
    images, model = features.images, features.front.model
    params = PrototypeParams(inputs=images.x.shape[1], steps=model.steps, seed=seed, **ON_FEATURES)
    learner = PrototypeLearner(params)
    train, test = (images.x, images.y), (images.x_test, images.y_test)
    tasks = tasks_of(class_streams.CLASSES, 2)
    *_, result = run_stream(learner, train, test, tasks, seed=seed)
    trained_on = _NAMES.get(features.trained_on, features.trained_on)
    results = class_streams.described(
        f"prototypes on frozen features of {trained_on}", learner, result
    )
    config = {"shots": None, **json.loads(params.to_json())} | described(features)
    head = ChipLearningParams(sizes=(params.inputs, class_streams.CLASSES), steps=params.steps)
    return config, results | {"front": _front(features, head)}


def _front(features: Features, head: ChipLearningParams) -> dict[str, Any]:  # any: JSON
    """Return seed, cores and operations per sample of a front, layer by layer."""
    front = features.front
    placed = fit(head, front.fixed).layers[: len(front.fixed.layers)]
    counts = front.operations
    return {
        "seed": front.model.info.get("seed"),
        "cores": [layer.cores for layer in placed],
        "operations_per_sample": {
            name: (getattr(counts, name) / counts.samples).tolist() for name in COUNTED
        },
    }
