"""Tasks that run a trained run in the chip's integers."""

from __future__ import annotations

from .measurements import deployed_maps
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
                    deployed_maps.accuracy_by_bits(bench.trained, bits)
                ],
            )
            for bits in deployed_maps.BITS
        ),
        Task(
            name="integers against Lava",
            measures_run=True,
            work=lambda bench: [deployed_maps.against_lava(bench.trained)],
        ),
        Task(name="cores on Loihi 2", work=lambda bench: [deployed_maps.pilotnet()]),
    ]
