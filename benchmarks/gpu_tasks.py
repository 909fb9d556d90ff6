"""Tasks of the suites `gpu` and `gpu-kernels`, and the single layer on a CPU."""

from __future__ import annotations

import dataclasses

from biograd.runs.experiment import default_threads

from .measurements import device_energy, memory
from .measurements.gpu import kernels, race, single_layer, times
from .measurements.trials import gpu_trials
from .task import Task, trial_task

LENGTHS = (10, 50, 200, 1000)  # numbers of steps at which memory is measured


def on_gpu() -> list[Task]:
    """Check the kernels, then measure times, races, memory, joules and the time to an accuracy."""
    tasks = [
        Task(
            name="gpu kernels",
            config={"by": "GPU"},
            work=lambda bench: kernels.checks("cuda"),
        ),
        *(
            Task(
                name="gpu times",
                config={"batch": batch},
                work=lambda bench, batch=batch: [times.step_times(batch)],  # type: ignore[misc]
            )
            for batch in times.BATCHES
        ),
        *(
            Task(
                name="gpu race",
                config={"batch": batch},
                work=lambda bench, batch=batch: [race.training_race(batch)],  # type: ignore[misc]
            )
            for batch in race.BATCHES
        ),
        *_single_layers("cuda"),
        Task(
            name="gpu memory",
            config={"lengths": list(LENGTHS)},
            work=lambda bench: [memory.peak_memory(LENGTHS, device="cuda")],
        ),
        *(
            Task(
                name="device energy",
                config={"device": "cuda", "batch": batch},
                work=lambda bench, batch=batch: device_energy.device_energy(  # type: ignore[misc]
                    devices=("cuda",), batches=(batch,)
                ),
            )
            for batch in device_energy.BATCHES
        ),
        *(trial_task("time to accuracy, gpu", trial) for trial in gpu_trials()),
    ]
    return [dataclasses.replace(task, missing=race.missing) for task in tasks]


def interpreted_kernels() -> list[Task]:
    """Check the kernels on a CPU."""
    return [
        Task(
            name="gpu kernels",
            config={"by": "Triton's interpreter"},
            missing=kernels.missing_interpreter,
            work=lambda bench: kernels.checks("cpu"),
        )
    ]


def single_layers() -> list[Task]:
    """Time one linear layer and its neurons on this CPU, as far as it goes."""
    return _single_layers("cpu")


def _single_layers(device: str) -> list[Task]:
    return [
        Task(
            name="single layer",
            config={"device": device, "n": n}
            | ({"threads": default_threads()} if device == "cpu" else {}),
            work=lambda bench, n=n: [single_layer.single_layer(n, device=device)],  # type: ignore[misc]
        )
        for n in single_layer.SIZES[device]
    ]
