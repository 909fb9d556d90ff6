"""Where a model can run: here in the emulator, or in Lava's simulation in its own Python.

`run` is the one way in: it quantises, checks every limit and the spikes, runs, and returns a
RunResult. A new target is one function and one line in TARGETS.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from . import emulator
from .border.archive import read_npz
from .border.files import write_spikes
from .border.model import Model, RunResult, SpikeInput
from .fixed_point import FixedPointModel, quantise, write_fixed
from .lava_process import TargetError, run_guarded, temporary_folder

DEADLINE = 600.0  # seconds
_SAMPLES_A_WORKER = 50  # below it, compiling another copy of the net costs more than it saves
Progress = Callable[[int, int], None]  # (samples done, samples in all)


def run(
    model: Model | FixedPointModel,
    spikes: SpikeInput,
    target: str,
    *,
    deadline: float = DEADLINE,
    progress: Progress | None = None,
    record: Sequence[str] = (),
    workers: int | None = None,
) -> RunResult:
    """Run all samples on one target.

    Args:
        model: quantised here, without calibration, where it is not yet.
        deadline: seconds a target outside this process may take.
        record: any of "u", "v", "s", kept for every layer and step.
        workers: copies of the net that Lava runs side by side, each on its share of the samples;
            default: one per core.
    Raises: ValueError (limits.LimitError) for what the chip cannot hold or spikes that do not fit;
    TargetError.
    """
    if target not in TARGETS:
        raise ValueError(f"target is {target!r}; known are {', '.join(TARGETS)}")
    if not deadline > 0:
        raise ValueError(f"deadline is {deadline}; need seconds above 0")
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}; need at least 1")
    fixed = quantise(model) if isinstance(model, Model) else model
    return TARGETS[target](
        fixed, spikes, deadline=deadline, progress=progress, record=record, workers=workers
    )


def run_emulator(
    fixed: FixedPointModel,
    spikes: SpikeInput,
    *,
    deadline: float = DEADLINE,
    progress: Progress | None = None,
    record: Sequence[str] = (),
    workers: int | None = None,
) -> RunResult:
    """Run in the emulator, in this process; `deadline` and `workers` are not needed."""
    return emulator.run(fixed, spikes, record=record, progress=progress)


def run_lava(
    fixed: FixedPointModel,
    spikes: SpikeInput,
    *,
    deadline: float = DEADLINE,
    progress: Progress | None = None,
    record: Sequence[str] = (),
    workers: int | None = None,
) -> RunResult:
    """Run in Lava's simulation, in guarded subprocesses.

    Lava counts no operations; those of the result are the emulator's, on the same integers and
    spikes.
    """
    # also checks the limits and the spikes, before Lava is started
    operations = emulator.run(fixed, spikes).operations
    emulator.check_spikes(fixed, spikes, record)
    samples = spikes.spikes.shape[1]
    shares = np.array_split(np.arange(samples), min(samples, workers or _workers(samples)))
    done = [0] * len(shares)
    cancelled = threading.Event()

    def work(index: int) -> dict[str, np.ndarray]:
        def on_event(event: dict[str, Any]) -> None:
            if event["event"] == "progress" and progress is not None:
                done[index] = int(event.get("done", 0))
                progress(min(sum(done), samples), samples)

        try:
            part = SpikeInput(spikes=spikes.spikes[:, shares[index][0] : shares[index][-1] + 1])
            return _run_share(fixed, part, deadline, bool(record), on_event, cancelled)
        except BaseException:
            cancelled.set()
            raise

    parts = _side_by_side(work, len(shares), cancelled)
    if progress is not None:
        progress(samples, samples)
    recordings: dict[str, Any] = {name: _joined(parts, name) for name in record}
    return RunResult(
        counts=np.concatenate([part["counts"] for part in parts]),
        target="lava",
        seconds=max(float(part["seconds"]) for part in parts),
        operations=operations,
        **recordings,
    )


def _run_share(
    fixed: FixedPointModel,
    spikes: SpikeInput,
    deadline: float,
    record: bool,
    on_event: Callable[[dict[str, Any]], None],
    cancelled: threading.Event,
) -> dict[str, np.ndarray]:
    with temporary_folder() as name:
        folder = Path(name)
        files = [folder / file for file in ("fixed.npz", "spikes.npz", "result.npz")]
        write_fixed(fixed, files[0])
        write_spikes(spikes, files[1])
        arguments = [*map(str, files), *(["record"] if record else [])]
        run_guarded(
            "hardware.loihi.worker",
            arguments,
            deadline=deadline,
            folder=folder,
            on_event=on_event,
            cancelled=cancelled,
        )
        if not files[2].is_file():
            raise TargetError("Lava ended without a result and without an error: run it again")
        return read_npz(files[2])


def _side_by_side(
    work: Callable[[int], dict[str, np.ndarray]], shares: int, cancelled: threading.Event
) -> list[dict[str, np.ndarray]]:
    """Run all shares at once; the first error that is not a consequence of another ends the rest
    and is raised.
    """
    if shares == 1:
        return [work(0)]
    with ThreadPoolExecutor(shares) as pool:
        futures = [pool.submit(work, index) for index in range(shares)]
        try:
            errors = [error for future in futures if (error := future.exception()) is not None]
        except BaseException:
            cancelled.set()
            raise
    if errors:
        raise next((error for error in errors if "another part" not in str(error)), errors[0])
    return [future.result() for future in futures]


def _workers(samples: int) -> int:
    return max(1, min(os.cpu_count() or 1, samples // _SAMPLES_A_WORKER))


def _joined(parts: list[dict[str, np.ndarray]], name: str) -> tuple[np.ndarray, ...]:
    layers = sum(key.startswith(name) and key[1:].isdigit() for key in parts[0])
    return tuple(
        np.concatenate([part[f"{name}{number}"] for part in parts], axis=1)
        for number in range(1, layers + 1)
    )


TARGETS: dict[str, Callable[..., RunResult]] = {"emulator": run_emulator, "lava": run_lava}
