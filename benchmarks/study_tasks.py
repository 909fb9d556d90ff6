"""Tasks of the suite `studies`."""

from __future__ import annotations

from .measurements.studies import grid_code, separation, trained_nets, working_memory
from .measurements.trials import SEEDS
from .task import Task

TEN_SEEDS = tuple(range(10))


def independent_components() -> list[Task]:
    """Separate mixtures by the two-compartment rule, ten seeds."""
    return [
        Task(
            name="independent components",
            config=separation.described(p),
            seed=seed,
            work=lambda bench, p=p, seed=seed: separation.measure(p, seed),  # type: ignore[misc]
        )
        for p in separation.TASKS
        for seed in TEN_SEEDS
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
    return once + [
        Task(
            name="grid code",
            config=grid_code.described(faulty),
            seed=seed,
            work=lambda bench, seed=seed: grid_code.threshold(faulty, seed),  # type: ignore[misc]
        )
        for seed in SEEDS
    ]


def working_memories() -> list[Task]:
    """Hold two angles over delays, by the local rule and by BPTT, three seeds."""
    return [
        Task(
            name="working memory",
            config=working_memory.described(p),
            seed=seed,
            work=lambda bench, p=p, seed=seed: working_memory.measure(p, seed),  # type: ignore[misc]
        )
        for p in working_memory.WAYS
        for seed in SEEDS
    ]


def networks_trained() -> list[Task]:
    """Break trained networks, let them learn on, and split their energy; conv: one seed."""
    return [
        Task(
            name="trained nets",
            config=trained_nets.described(p),
            seed=seed,
            work=lambda bench, p=p, seed=seed: trained_nets.measure(p, seed),  # type: ignore[misc]
        )
        for p in trained_nets.NETS
        for seed in (SEEDS if p.net == "dense" else SEEDS[:1])
    ]


STUDIES = (independent_components, grid_codes, working_memories, networks_trained)
