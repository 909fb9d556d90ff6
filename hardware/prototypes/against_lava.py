"""The same prototypes learned in Lava's engine and in the emulator, compared sample by sample."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..border.archive import read_npz, write_npz
from ..lava_process import TargetError, run_guarded, temporary_folder
from ..learning.state import digest
from . import emulator
from .params import PrototypeParams
from .state import PrototypeState, start

DEADLINE = 3600.0  # seconds


@dataclass(frozen=True, kw_only=True, eq=False)
class PrototypeComparison:
    """Result of the same samples learned in Lava and in the emulator."""

    samples: int
    weights: int  # number of weights
    recruited: int
    correct: int  # samples answered right before learning from them
    first_difference: str | None  # None: equal throughout
    state: PrototypeState  # at the end, of the emulator
    lava_seconds: float
    emulator_seconds: float


def compare(
    params: PrototypeParams,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    deadline: float = DEADLINE,
    progress: Callable[[int, int], None] | None = None,
) -> PrototypeComparison:
    """Learn the samples in both, in the order given, and compare after each.

    Args:
        images: uint8 [n, inputs]. labels: integers [n].
        deadline: seconds that Lava may take.
        progress: called with (samples done, samples in all) of Lava's run.
    Raises: ValueError for bad input; lava_process.TargetError where Lava fails or is missing.
    """
    images, labels = emulator.checked(params, images, labels)
    state, begun = start(params), time.perf_counter()
    digests, answers = np.zeros(len(images), dtype=np.uint64), np.zeros(len(images), dtype=np.int64)
    for n in range(len(images)):
        answers[n] = emulator.answers(state, images[n : n + 1])[0]
        emulator.learn(state, images[n : n + 1], labels[n : n + 1])
        digests[n] = digest(state.w, state.x1)
    seconds = time.perf_counter() - begun
    lavas = _run_lava(params, images, labels, deadline, progress)
    return PrototypeComparison(
        samples=len(images),
        weights=state.w.size,
        recruited=state.recruited,
        correct=int((lavas["answers"] == labels).sum()),
        first_difference=_difference(digests, answers, state, lavas),
        state=state,
        lava_seconds=float(lavas["seconds"]),
        emulator_seconds=seconds,
    )


def _run_lava(
    params: PrototypeParams,
    images: np.ndarray,
    labels: np.ndarray,
    deadline: float,
    progress: Callable[[int, int], None] | None,
) -> dict[str, np.ndarray]:
    """Learn the samples in Lava; returns what `prototype_runner.run` returns."""
    with temporary_folder() as name:
        folder = Path(name)
        job, result = folder / "job.npz", folder / "result.npz"
        write_npz(job, {"params": np.array(params.to_json()), "images": images, "labels": labels})

        def on_event(event: dict[str, Any]) -> None:  # any: JSON
            if progress is not None and event["event"] == "progress":
                progress(min(int(event.get("done", 0)), len(images)), len(images))

        run_guarded(
            "hardware.loihi.prototype_worker",
            [str(job), str(result)],
            deadline=deadline,
            folder=folder,
            on_event=on_event,
        )
        if not result.is_file():
            raise TargetError("Lava ended without a result and without an error: run it again")
        return read_npz(result)


def _difference(
    digests: np.ndarray, answers: np.ndarray, state: PrototypeState, lavas: dict[str, np.ndarray]
) -> str | None:
    """Name the first sample that differs."""
    for name, mine, its in (
        ("weights or traces", digests, lavas["digests"]),
        ("the answer", answers, lavas["answers"]),
    ):
        different = np.flatnonzero(mine != its)
        if different.size:
            return f"after sample {different[0] + 1} of {len(mine)}: {name}"
    return None if np.array_equal(state.w, lavas["w"]) else "at the end: weights"
