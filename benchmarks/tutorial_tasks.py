"""Tasks of the suite `snntorch`."""

from __future__ import annotations

from .measurements import tutorial
from .measurements.trials import SEEDS
from .task import Results, Task

# Learning rates of the tutorial's net: the tutorial's own; twice that where it falls to 0, not
# tuned; BioGrad's, the best of 2e-3, 3e-3 and 5e-3 on 5,000 training images set apart.
TUTORIAL_RATES = {"snntorch": 5e-4, "snntorch annealed": 1e-3, "biograd": 3e-3}


def snntorch_tutorial() -> list[Task]:
    """Convert and train the network of snnTorch's tutorial."""
    round_trip = Task(
        name="spikes there and back",
        config={"samples": 1000},
        seed=0,
        work=lambda bench: [tutorial.round_trip()],
    )
    trainings = [
        _tutorial_task(method, lr, epochs, seed)
        for seed in SEEDS
        for epochs in (1, 2)
        for method, lr in TUTORIAL_RATES.items()
        # at a constant rate the first epoch is the same in both: one run shows both
        if (method, epochs) != ("snntorch", 1)
    ]
    return [round_trip, *trainings]


def _tutorial_task(method: str, lr: float, epochs: int, seed: int) -> Task:
    how: Results = {"epochs": epochs, "lr": lr}
    return Task(
        name="tutorial",
        config={"method": method, **how},
        seed=seed,
        work=lambda bench: [tutorial.measure(method, seed=seed, threads=bench.threads, **how)],
    )
