"""Tasks of the suite `speech`."""

from __future__ import annotations

from collections.abc import Iterator

from biograd.runs.config import RunConfig
from biograd.training.trainer import Progress

from .measurements import memory, speech
from .task import Bench, Results, Task


def signals_in_time() -> list[Task]:
    """Learn spoken digits and Japanese vowels, beside baselines and by person; memory and time."""
    return [
        *(_task(*row) for row in speech.rows()),
        Task(
            name="memory of a sound",
            config={"seconds": list(memory.SOUNDS)},
            missing=memory.missing,
            work=lambda bench: [memory.memory_of_sound()],
        ),
        Task(
            name="time of training on speech",
            config={"threads": 2},
            work=lambda bench: [speech.training_time()],
        ),
    ]


def _task(config: RunConfig, method: str, seed: int) -> Task:
    def work(bench: Bench) -> Iterator[Results]:
        def on_batch(p: Progress) -> None:
            what = f"{config.dataset}, {method}, seed {seed}"
            bench.progress(what, p.epoch * p.batches + p.batch, config.epochs * p.batches)

        return speech.measure(config, method, seed, on_batch)

    described = speech.trial(config, method, seed).described()
    return Task(name="speech", config=described | {"method": method}, seed=seed, work=work)
