"""Tasks that run a trained run in the chip's integers."""

from __future__ import annotations

from .measurements.integers import deployed, energy_check
from .measurements.trials import SEEDS
from .task import Task


def deployed_run() -> list[Task]:
    """Run a trained run in the chip's integers, and in Lava."""
    return [
        *(
            Task(
                name="accuracy in integers",
                config={"weight_bits": bits},
                measures_run=True,
                work=lambda bench, bits=bits: [  # type: ignore[misc]
                    deployed.accuracy_by_bits(bench.trained, bits)
                ],
            )
            for bits in deployed.BITS
        ),
        Task(
            name="integers against Lava",
            measures_run=True,
            work=lambda bench: [deployed.against_lava(bench.trained)],
        ),
        *(
            Task(
                name="energy against SANA-FE",
                seed=seed,
                missing=energy_check.missing,
                work=lambda bench, seed=seed: [energy_check.against_sanafe(seed)],  # type: ignore[misc]
            )
            for seed in SEEDS
        ),
        Task(name="cores on Loihi 2", work=lambda bench: [deployed.pilotnet()]),
    ]
