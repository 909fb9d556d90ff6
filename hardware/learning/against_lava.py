"""The same lesson in Lava's learning engine and in the emulator, compared after every sample and
every sleep phase.

Lava runs as one continuous simulation in its own Python, guarded (`guard`). What is compared: a
digest of each connection's weights and traces and the spikes of the output neurons, after each
segment of the plan.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..border.archive import read_npz, write_npz
from ..lava_process import TargetError, run_guarded, temporary_folder
from . import emulator as emulator
from . import state as learning_state
from .params import ChipLearningParams
from .plan import DAY, Segment, plan
from .state import LearningState

DEADLINE = 3600.0  # seconds


@dataclass(frozen=True, kw_only=True, eq=False)
class Trail:
    """What a lesson left behind, segment by segment."""

    # uint64 [segments, connections]: forward by layer, then feedback by layer and population
    digests: np.ndarray
    outputs: np.ndarray  # int32 [segments, classes], spikes of the output neurons
    seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """The same lesson twice."""

    samples: int
    sleep_phases: int
    weights: int  # plastic ones
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
    """Learn the first `samples` of `learn`'s own order in both, and compare.

    Args:
        progress: called with (segments done, segments in all) of Lava's run.
    Raises: ValueError for bad input; guard.TargetError where Lava fails or is missing.
    """
    images, labels = emulator.checked(params, images, labels)
    if not 1 <= samples <= len(images):
        raise ValueError(
            f"samples is {samples}; the data set has {len(images):,}: choose 1 to {len(images)}"
        )
    order = np.random.default_rng([params.seed, 1, 0]).permutation(len(images))[:samples]
    images, labels = images[order], labels[order]
    segments = plan(params, np.arange(samples))
    ours, state = emulate(params, images, labels, segments)
    theirs, final = run_lava(params, images, labels, segments, deadline=deadline, progress=progress)
    shown = [index for index, segment in enumerate(segments) if segment.asleep == DAY]
    return Comparison(
        samples=samples,
        sleep_phases=len(segments) - samples,
        weights=sum(w.size for w in (*state.w, *state.w_fb)),
        first_difference=_difference(params, segments, ours, theirs)
        or _final_difference(state, final),
        correct=int((theirs.outputs[shown].argmax(axis=1) == labels).sum()),
        state=state,
        lava_seconds=theirs.seconds,
        emulator_seconds=ours.seconds,
    )


def emulate(
    params: ChipLearningParams, images: np.ndarray, labels: np.ndarray, segments: list[Segment]
) -> tuple[Trail, LearningState]:
    """Go through the segments of a plan in the emulator; images in the plan's order."""
    state = learning_state.start(params)
    connections = len(state.w) + sum(len(fb) for fb in state.w_fb)
    digests = np.zeros((len(segments), connections), dtype=np.uint64)
    outputs = np.zeros((len(segments), params.sizes[-1]), dtype=np.int32)
    counts = emulator.no_counts(state)
    begun = time.perf_counter()
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
    return Trail(digests=digests, outputs=outputs, seconds=time.perf_counter() - begun), state


def run_lava(
    params: ChipLearningParams,
    images: np.ndarray,
    labels: np.ndarray,
    segments: list[Segment],
    *,
    deadline: float = DEADLINE,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Trail, list[np.ndarray]]:
    """Go through the same segments in Lava; returns also the final weights of each connection,
    int16 [pre, post].
    """
    with temporary_folder() as name:
        folder = Path(name)
        job, result = folder / "job.npz", folder / "result.npz"
        write_npz(job, {"params": np.array(params.to_json()), "images": images, "labels": labels})

        def on_event(event: dict) -> None:
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


def digest(w: np.ndarray, x1: np.ndarray) -> int:
    """64 bits that differ where weights [pre, post] or traces differ."""
    values = (
        np.ascontiguousarray(w, dtype="<i2").tobytes()
        + np.ascontiguousarray(x1, dtype="<i2").tobytes()
    )
    return int.from_bytes(hashlib.blake2b(values, digest_size=8).digest(), "little")


def connection_names(params: ChipLearningParams) -> list[str]:
    """Names of the connections in the order of `Trail.digests`."""
    forward = [f"weights into layer {layer + 1}" for layer in range(params.layers)]
    return forward + [
        f"feedback weights into layer {layer + 1}"
        + ("" if params.populations == 1 else f" from error population {population + 1}")
        for layer in range(params.layers - 1)
        for population in range(params.populations)
    ]


def _digests(state: LearningState) -> list[int]:
    nothing = np.zeros(0, dtype=np.int64)
    forward = [digest(w, x1) for w, x1 in zip(state.w, state.x1, strict=True)]
    return forward + [digest(w, nothing) for fb in state.w_fb for w in fb]


def _difference(
    params: ChipLearningParams, segments: list[Segment], ours: Trail, theirs: Trail
) -> str | None:
    names = connection_names(params)
    for index, segment in enumerate(segments):
        what = (
            f"sample {segment.sample + 1}"
            if segment.asleep == DAY
            else f"a sleep phase of layer {segment.asleep + 1}"
        )
        where = f"after segment {index + 1} of {len(segments)}, {what}"
        different = np.flatnonzero(ours.digests[index] != theirs.digests[index])
        if different.size:
            return f"{where}: {names[different[0]]}"
        if segment.asleep == DAY and not np.array_equal(ours.outputs[index], theirs.outputs[index]):
            return f"{where}: output spikes"
    return None


def _final_difference(state: LearningState, final: list[np.ndarray]) -> str | None:
    ours = [*state.w, *(w for fb in state.w_fb for w in fb)]
    different = [
        index
        for index, (a, b) in enumerate(zip(ours, final, strict=True))
        if not np.array_equal(a, b)
    ]
    return f"at the end: connection {different[0] + 1}" if different else None
