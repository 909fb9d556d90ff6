"""The same samples learned in Lava's engine and in the emulator, compared step by step.

Lava runs as one continuous simulation in its own Python (`lava_process`). Compared are a digest of
each connection's weights and traces, and the spikes of the output neurons, after each segment of
the plan: each sample, and each sleep phase.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..border.archive import read_npz, write_npz
from ..lava_process import TargetError, run_guarded, temporary_folder
from . import emulator
from .inputs import checked, shifted, shifts
from .params import ChipLearningParams
from .plan import DAY, Segment, plan
from .state import LearningState, digest, start

DEADLINE = 3600.0  # seconds


@dataclass(frozen=True, kw_only=True, eq=False)
class Trail:
    """Trace of a learning run, segment by segment."""

    # uint64 [segments, connections]: forward by layer, then feedback by layer and population
    digests: np.ndarray
    outputs: np.ndarray  # int32 [segments, classes], spikes of the output neurons
    seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Result of the same learning run in Lava and in the emulator."""

    samples: int
    sleep_phases: int
    weights: int  # number of weights, forward and feedback
    first_difference: str | None  # None: equal throughout
    correct: int  # samples predicted right before learning from them
    state: LearningState  # at the end, of the emulator; equal to Lava's where nothing differs
    lava_seconds: float
    emulator_seconds: float


def compare(
    params: ChipLearningParams,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    samples: int,
    deadline: float = DEADLINE,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Learn the first `samples` in the order of `emulator.learn` in both, and compare.

    Args:
        deadline: seconds that Lava may take.
        progress: called with (segments done, segments in all) of Lava's run.
    Raises: ValueError for bad input; lava_process.TargetError where Lava fails or is missing.
    """
    images, labels = checked(params, images, labels)
    if not 1 <= samples <= len(images):
        raise ValueError(
            f"samples is {samples}; the data set has {len(images):,}: choose 1 to {len(images)}"
        )
    order = np.random.default_rng([params.seed, 1, 0]).permutation(len(images))[:samples]
    if params.shift:
        moves = shifts(params.seed, 0, len(images), params.shift)
        images = shifted(images[order], moves[order])
    else:
        images = images[order]
    labels = labels[order]
    segments = plan(params, np.arange(samples))
    emulated, state = emulate(params, images, labels, segments)
    lavas, final = run_lava(params, images, labels, segments, deadline=deadline, progress=progress)
    by_day = [index for index, segment in enumerate(segments) if segment.asleep == DAY]
    return Comparison(
        samples=samples,
        sleep_phases=len(segments) - samples,
        weights=sum(w.size for w in (*state.w, *state.w_fb)),
        first_difference=_difference(params, segments, emulated, lavas)
        or _final_difference(state, final),
        correct=int((lavas.outputs[by_day].argmax(axis=1) == labels).sum()),
        state=state,
        lava_seconds=lavas.seconds,
        emulator_seconds=emulated.seconds,
    )


def emulate(
    params: ChipLearningParams, images: np.ndarray, labels: np.ndarray, segments: list[Segment]
) -> tuple[Trail, LearningState]:
    """Run the segments of a plan in the emulator; images are in the plan's order."""
    state = start(params)
    connections = len(state.w) + sum(len(fb) for fb in state.w_fb)
    digests = np.zeros((len(segments), connections), dtype=np.uint64)
    outputs = np.zeros((len(segments), params.sizes[-1]), dtype=np.int32)
    counts = emulator.no_counts(state)
    start_time = time.perf_counter()
    for index, segment in enumerate(segments):
        if segment.asleep == DAY:
            emulator.show(
                state,
                images,
                labels,
                np.array([segment.sample]),
                True,
                counts,
                outputs[index : index + 1],
            )
        else:
            counts[:] = 0
            emulator.sleep_phase(state, segment.asleep, counts)
        digests[index] = _digests(state)
    return Trail(digests=digests, outputs=outputs, seconds=time.perf_counter() - start_time), state


def run_lava(
    params: ChipLearningParams,
    images: np.ndarray,
    labels: np.ndarray,
    segments: list[Segment],
    *,
    deadline: float = DEADLINE,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Trail, list[np.ndarray]]:
    """Run the segments of a plan in Lava; return also the final weights, int16 [pre, post] each."""
    with temporary_folder() as name:
        folder = Path(name)
        job, result = folder / "job.npz", folder / "result.npz"
        write_npz(job, {"params": np.array(params.to_json()), "images": images, "labels": labels})

        def on_event(event: dict[str, Any]) -> None:  # any: JSON
            if progress is not None and event["event"] == "progress":
                progress(min(int(event.get("done", 0)), len(segments)), len(segments))

        run_guarded(
            "hardware.loihi.learning_worker",
            [str(job), str(result)],
            deadline=deadline,
            folder=folder,
            on_event=on_event,
        )
        if not result.is_file():
            raise TargetError("Lava ended without a result and without an error: run it again")
        arrays = read_npz(result)
    trail = Trail(
        digests=arrays["digests"], outputs=arrays["outputs"], seconds=float(arrays["seconds"])
    )
    return trail, [arrays[f"w{index}"] for index in range(trail.digests.shape[1])]


def connection_names(params: ChipLearningParams) -> list[str]:
    """Return the names of the connections in the order of `Trail.digests`."""
    forward = [f"weights into layer {layer + 1}" for layer in range(params.layers)]
    return forward + [
        f"feedback weights into layer {layer + 1}"
        + ("" if params.populations == 1 else f" from error population {population + 1}")
        for layer in range(params.layers - 1)
        for population in range(params.populations)
    ]


def _digests(state: LearningState) -> list[int]:
    no_trace = np.zeros(0, dtype=np.int64)
    forward = [digest(w, x1) for w, x1 in zip(state.w, state.x1, strict=True)]
    return forward + [digest(w, no_trace) for fb in state.w_fb for w in fb]


def _difference(
    params: ChipLearningParams, segments: list[Segment], emulated: Trail, lavas: Trail
) -> str | None:
    """Name the first segment and connection that differ."""
    names = connection_names(params)
    for index, segment in enumerate(segments):
        content = (
            f"sample {segment.sample + 1}"
            if segment.asleep == DAY
            else f"a sleep phase of layer {segment.asleep + 1}"
        )
        where = f"after segment {index + 1} of {len(segments)}, {content}"
        different = np.flatnonzero(emulated.digests[index] != lavas.digests[index])
        if different.size:
            return f"{where}: {names[different[0]]}"
        same_output = np.array_equal(emulated.outputs[index], lavas.outputs[index])
        if segment.asleep == DAY and not same_output:
            return f"{where}: output spikes"
    return None


def _final_difference(state: LearningState, final: list[np.ndarray]) -> str | None:
    emulated = [*state.w, *(w for fb in state.w_fb for w in fb)]
    pairs = enumerate(zip(emulated, final, strict=True))
    different = [index for index, (a, b) in pairs if not np.array_equal(a, b)]
    return f"at the end: connection {different[0] + 1}" if different else None
