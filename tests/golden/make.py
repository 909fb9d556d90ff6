"""Compute the golden inference files again, in Lava, in the Python 3.10 environment.

    .venv-lava/bin/python tests/golden/make.py

Each file holds a net's integers, its input spikes, and every u, v, s and count that Lava 0.10.0
computed with its own channels.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np

from hardware.border.archive import read_npz, write_npz
from hardware.border.files import write_spikes
from hardware.fixed_point import write_fixed
from hardware.loihi import runner

HERE = Path(__file__).parent
SEEDS = range(1000, 1100)
NETS = 24
MAX_NUMBERS = 3000  # weights and recorded values per net; all files stay below 200 kB


def main() -> None:
    """Keep the first nets that are small enough and fire."""
    random_net = runpy.run_path(str(HERE.parent / "hardware" / "test_lava.py"))["random_net"]
    count = 0
    for seed in SEEDS:
        fixed, spikes = random_net(seed)
        size = sum(
            layer.w.size + 3 * fixed.steps * spikes.spikes.shape[1] * layer.w.shape[0]
            for layer in fixed.layers
        )
        if size > MAX_NUMBERS or count == NETS:
            continue
        result = runner.run(fixed, spikes.spikes, record=True)
        if not any(s.any() for s in result.s):
            continue
        count += 1
        path = HERE / f"net{count:02}.npz"
        write_fixed(fixed, path)
        arrays = read_npz(path)
        write_spikes(spikes, path)
        arrays |= read_npz(path) | {"counts": result.counts}
        write_npz(
            path,
            arrays
            | {
                f"{name}{n}": a
                for name in ("u", "v", "s")
                for n, a in enumerate(getattr(result, name), start=1)
            },
        )
    size = sum(path.stat().st_size for path in HERE.glob("net*.npz"))
    print(f"{count} nets, {np.ceil(size / 1000):.0f} kB")


if __name__ == "__main__":
    main()
