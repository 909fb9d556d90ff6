"""Tasks of the suite `snntorch`: its dense and its convolutional tutorial network."""

from __future__ import annotations

from .measurements.trials import SEEDS
from .measurements.tutorials import convolutional, dense
from .task import Results, Task

# Learning rates of the tutorial's net: the tutorial's own; twice that where it falls to 0, not
# tuned; BioGrad's, the best of 2e-3, 3e-3 and 5e-3 on 5,000 training images set apart.
TUTORIAL_RATES = {"snntorch": 5e-4, "snntorch annealed": 1e-3, "biograd": 3e-3}
# Of the convolutional net: the tutorial's own rate, constant or falling to 0 as BioGrad's does;
# BioGrad's, the best of 1e-3, 3e-3, 1e-2 and 2e-2 (9, 79, 90 and 75 %; by the tutorial's recipe
# 92) on 2,000 images set apart, after one epoch of 6,400 images.
CONVOLUTIONAL_RATES = dict.fromkeys(convolutional.METHODS, 1e-2)


def snntorch_tutorial() -> list[Task]:
    """Convert and train the networks of snnTorch's tutorials."""
    round_trip = Task(
        name="spikes there and back",
        config={"samples": 1000},
        seed=0,
        work=lambda bench: [dense.round_trip()],
    )
    trainings = [
        _tutorial_task(method, seed, {"epochs": epochs, "lr": lr})
        for seed in SEEDS
        for epochs in (1, 2)
        for method, lr in TUTORIAL_RATES.items()
        # at a constant rate the first epoch is the same in both: one run shows both
        if (method, epochs) != ("snntorch", 1)
    ]
    of_convolutions = [
        _tutorial_task(method, seed, {"epochs": 1, "lr": lr})
        for seed in SEEDS
        for method, lr in CONVOLUTIONAL_RATES.items()
    ]
    return [round_trip, *trainings, *of_convolutions]


def _tutorial_task(method: str, seed: int, how: Results) -> Task:
    return Task(
        name="tutorial",
        config={"method": method, **how},
        seed=seed,
        work=lambda bench: [dense.measure(method, seed=seed, threads=bench.threads, **how)],
    )
