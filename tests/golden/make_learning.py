"""Compute the golden learning runs again, in Lava, in the Python 3.10 environment.

    .venv-lava/bin/python tests/golden/make_learning.py

Each file holds the parameters, images and labels of a run, and after each sample and sleep phase a
digest of every connection's weights and traces and the output spikes, as Lava 0.10.0 computed them
with its own channels.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from hardware.border.archive import write_npz
from hardware.learning.params import ChipLearningParams
from hardware.learning.plan import plan
from hardware.learning.sleep_params import ChipSleepParams
from hardware.loihi import learning_runner

HERE = Path(__file__).parent
SAMPLES, INPUTS, CLASSES = 9, 20, 4
RUNS: tuple[dict, ...] = (
    {},
    {"traces": "unsigned"},
    {"rounding": "stock", "weight_bits": 9},
    {"rounding": "stock", "weight_bits": 9, "traces": "unsigned"},
    {"rounding": "nearest", "weight_bits": 6, "epoch": 5},
    {"sizes": (INPUTS, 9, 8, CLASSES), "epoch": 4},
    {
        "sizes": (INPUTS, 9, 8, CLASSES),
        "epoch": 1,
        "traces": "unsigned",
        "weight_bits": 6,
        "rounding": "floor",
    },
    # heads on the spikes of frozen layers
    {"sizes": (INPUTS, CLASSES)},
    {"sizes": (INPUTS, CLASSES), "traces": "unsigned", "weight_bits": 6},
)


def run(number: int) -> tuple[ChipLearningParams, np.ndarray, np.ndarray]:
    """Return the parameters, images uint8 [n, inputs] and labels int64 [n] of one run.

    Its gains are large, so that every connection changes. A net without hidden layers takes spikes,
    uint64 [n, inputs], in place of images.
    """
    values = {
        "sizes": (INPUTS, 12, CLASSES),
        "vth": 200,
        "init": 1.5,
        "gain_hidden": 255,
        "shift_hidden": 9,
        "samples": 40,
    }
    values |= {
        "margin_positive": 1,
        "margin_negative": 0,
        "seed": number,
        "sleep": ChipSleepParams(steps=40, every=4, before=2),
    }
    rng = np.random.default_rng(number)
    images = (rng.random((SAMPLES, INPUTS)) ** 1.5 * 255).astype(np.uint8)
    images[rng.random(images.shape) < 0.3] = 0
    params, labels = ChipLearningParams(**values | RUNS[number]), rng.integers(0, CLASSES, SAMPLES)
    if params.layers == 1:
        images = rng.integers(0, 1 << params.steps, images.shape, dtype=np.uint64)
    return params, images, labels


def main() -> None:
    """Learn every run in Lava and write its file."""
    for number in range(len(RUNS)):
        params, images, labels = run(number)
        with tempfile.TemporaryDirectory() as folder:
            results = learning_runner.run(
                params, images, labels, plan(params, np.arange(SAMPLES)), Path(folder)
            )
        arrays = {"params": np.array(params.to_json()), "images": images, "labels": labels}
        arrays |= {name: results[name] for name in ("digests", "outputs")}
        write_npz(HERE / f"learning_{number + 1}.npz", arrays)


if __name__ == "__main__":
    main()
