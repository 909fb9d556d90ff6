"""Run samples in Lava's simulation: shared out over guarded subprocesses, results joined."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from .border.archive import read_npz
from .border.files import write_spikes
from .border.model import SpikeInput
from .convolution.currents import delayed
from .fixed_point import FixedPointModel, write_fixed
from .lava_process import CancelledError, TargetError, run_guarded, temporary_folder
from .processors import usable_processors

_SAMPLES_PER_WORKER = 50  # below it, compiling another copy of the net takes longer than it saves


def run_samples(
    fixed: FixedPointModel,
    spikes: SpikeInput,
    *,
    deadline: float,
    progress: Callable[[int, int], None] | None,
    record: Sequence[str],
    workers: int | None,
) -> tuple[np.ndarray, float, dict[str, Any]]:
    """Run all samples, in as many copies of the net as `workers`.

    Delays of the input spikes are kept by handing them to Lava as they arrive, which is the same.

    Args: as in `targets.RunOptions`.
    Returns: spike counts int32 [B, classes]; seconds of the slowest copy, without compiling; and
        each recorded variable, an array [T, B, N] per layer (any: keywords of RunResult).
    """
    check_neurons(fixed)
    arriving = delayed(spikes.spikes, fixed.layers[0].delay)
    samples = spikes.spikes.shape[1]
    shares = np.array_split(np.arange(samples), min(samples, workers or _default_workers(samples)))
    samples_done = [0] * len(shares)
    cancelled = threading.Event()

    def work(index: int) -> dict[str, np.ndarray]:
        def on_event(event: dict[str, Any]) -> None:  # any: JSON
            if event["event"] == "progress" and progress is not None:
                samples_done[index] = int(event.get("done", 0))
                progress(min(sum(samples_done), samples), samples)

        first, last = shares[index][0], shares[index][-1]
        share = SpikeInput(spikes=arriving[:, first : last + 1])
        try:
            return _run_share(fixed, share, deadline, bool(record), on_event, cancelled)
        except BaseException:
            cancelled.set()
            raise

    results = _in_parallel(work, len(shares), cancelled)
    if progress is not None:
        progress(samples, samples)
    counts = np.concatenate([result["counts"] for result in results])
    seconds = max(float(result["seconds"]) for result in results)
    return counts, seconds, {name: _joined(results, name) for name in record}


def up_to_the_end(
    fixed: FixedPointModel,
    lengths: np.ndarray,
    recordings: dict[str, tuple[np.ndarray, ...]],
    record: Sequence[str],
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return counts and recordings of each sample's own steps.

    Lava runs every sample for all T steps; no step depends on a later one.

    Args:
        recordings: u, v and s of all layers and steps.
        record: the variables to return.
    Returns: counts [B, classes]; recordings, 0 after a sample's last step (any: keywords of
        RunResult).
    """
    live = (np.arange(fixed.steps)[:, None] < lengths)[:, :, None]
    cut = {name: tuple(x * live for x in layers) for name, layers in recordings.items()}
    fires = fixed.layers[-1].fires
    counts = cut["s" if fires else "v"][-1].sum(axis=0, dtype=np.int64)
    kept = {
        name: tuple(x.astype(y.dtype) for x, y in zip(cut[name], recordings[name], strict=True))
        for name in record
    }
    return counts, kept


def check_neurons(fixed: FixedPointModel) -> None:
    """Refuse layers that Lava's own LIF, Dense and Conv do not hold."""
    for number, layer in enumerate(fixed.layers, start=1):
        if layer.fires and layer.reset != "zero":
            raise ValueError(
                f"layer {number} resets by {layer.reset!r}, and Lava's neurons reset to zero: run"
                " the target 'emulator'"
            )
        if layer.is_mixed:
            raise ValueError(
                f"layer {number} has decays of its neurons' own, and Lava's neurons decay alike:"
                " run the target 'emulator'"
            )
        if number > 1 and layer.delay is not None and layer.delay.any():
            raise ValueError(
                f"layer {number} has delays of up to {layer.delay.max()} steps; Lava runs those of"
                " the input spikes alone: run the target 'emulator'"
            )


def _run_share(
    fixed: FixedPointModel,
    spikes: SpikeInput,
    deadline: float,
    record: bool,
    on_event: Callable[[dict[str, Any]], None],  # any: JSON
    cancelled: threading.Event,
) -> dict[str, np.ndarray]:
    """Run some samples in one subprocess; its arrays by name."""
    with temporary_folder() as name:
        folder = Path(name)
        fixed_path, spikes_path, result_path = (
            folder / file for file in ("fixed.npz", "spikes.npz", "result.npz")
        )
        write_fixed(fixed, fixed_path)
        write_spikes(spikes, spikes_path)
        arguments = [str(fixed_path), str(spikes_path), str(result_path)]
        run_guarded(
            "hardware.loihi.worker",
            [*arguments, "record"] if record else arguments,
            deadline=deadline,
            folder=folder,
            on_event=on_event,
            cancelled=cancelled,
        )
        if not result_path.is_file():
            raise TargetError("Lava ended without a result and without an error: run it again")
        return read_npz(result_path)


def _in_parallel(
    work: Callable[[int], dict[str, np.ndarray]], shares: int, cancelled: threading.Event
) -> list[dict[str, np.ndarray]]:
    """Run all shares at once; raise the error that made the others end, if there is one."""
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
        raise next((err for err in errors if not isinstance(err, CancelledError)), errors[0])
    return [future.result() for future in futures]


def _default_workers(samples: int) -> int:
    return max(1, min(usable_processors(), samples // _SAMPLES_PER_WORKER))


def _joined(results: list[dict[str, np.ndarray]], name: str) -> tuple[np.ndarray, ...]:
    """Join one recorded variable of all shares, an array [T, B, N] per layer."""
    layers = sum(key.startswith(name) and key[1:].isdigit() for key in results[0])
    return tuple(
        np.concatenate([result[f"{name}{number}"] for result in results], axis=1)
        for number in range(1, layers + 1)
    )
