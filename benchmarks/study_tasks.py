"""Tasks of the suite `studies`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from .measurements.studies import (
    chip_healing,
    fault_speed,
    grid_code,
    separation,
    trained_nets,
    working_memory,
)
from .measurements.trials import SEEDS
from .task import Results, Task

P = TypeVar("P")  # parameters of a study
TEN_SEEDS = tuple(range(10))


def independent_components() -> list[Task]:
    """Separate mixtures by the two-compartment rule, ten seeds."""
    study = separation.described, separation.measure
    return [
        task
        for p in separation.TASKS
        for task in _seeds("independent components", p, *study, TEN_SEEDS)
    ]


def grid_codes() -> list[Task]:
    """Compute by unreliable neurons: gates, deep circuits, and the threshold of faulty copies."""
    gate, circuit, faulty = (
        grid_code.GateParams(),
        grid_code.CircuitParams(),
        grid_code.ThresholdParams(),
    )
    once = [
        Task(
            name="grid code",
            config=grid_code.described(gate),
            seed=0,
            work=lambda bench: grid_code.gates(gate, 0),
        ),
        Task(
            name="grid code",
            config=grid_code.described(circuit),
            seed=0,
            work=lambda bench: grid_code.circuits(circuit, 0),
        ),
    ]
    return once + _seeds("grid code", faulty, grid_code.described, grid_code.threshold, SEEDS)


def working_memories() -> list[Task]:
    """Hold two angles over delays, by the local rule and by BPTT, three seeds."""
    study = working_memory.described, working_memory.measure
    return [
        task for p in working_memory.WAYS for task in _seeds("working memory", p, *study, SEEDS)
    ]


def networks_trained() -> list[Task]:
    """Break trained networks, let them learn on, and split their energy, three seeds."""
    study = trained_nets.described, trained_nets.measure
    return [task for p in trained_nets.NETS for task in _seeds("trained nets", p, *study, SEEDS)]


def chips_healed() -> list[Task]:
    """Damage a chip that has learned, and let it learn on, three seeds."""
    study = chip_healing.described, chip_healing.measure
    return _seeds("chip healing", chip_healing.HealingParams(), *study, SEEDS)


def faults_raced() -> list[Task]:
    """Measure the speed of fault injection with no faults, and with some."""
    study = fault_speed.described, fault_speed.measure
    return _seeds("fault speed", fault_speed.SpeedParams(), *study, SEEDS[:1])


def _seeds(
    name: str,
    p: P,
    described: Callable[[P], Results],
    measure: Callable[[P, int], Iterable[Results]],
    seeds: Sequence[int],
) -> list[Task]:
    """Return a study's measurement of one setting, a task per seed."""
    return [
        Task(
            name=name,
            config=described(p),
            seed=seed,
            work=lambda bench, seed=seed: measure(p, seed),  # type: ignore[misc]
        )
        for seed in seeds
    ]


STUDIES = (
    independent_components,
    grid_codes,
    working_memories,
    networks_trained,
    chips_healed,
    faults_raced,
)
