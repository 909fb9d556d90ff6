"""The energy model beside SANA-FE's own simulation of the same network: counts, spikes, joules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hardware import emulator
from hardware.border.model import SpikeInput
from hardware.energy import SANAFE2025, estimate
from hardware.fixed_layers import FixedPointLayer, FixedPointModel

from ...peers import sanafe_run

PYTHON = "BIOGRAD_SANAFE_PYTHON"  # names a Python that has sanafe
SIZES, STEPS, THRESHOLDS = (120, 80, 40, 10), 50, (600, 500, 400)
_DEADLINE = 300  # seconds


def missing() -> str:
    """Return why this machine cannot run SANA-FE, or nothing."""
    if os.environ.get(PYTHON) or find_spec("sanafe"):
        return ""
    return f"no Python with sanafe: pip install it into one, and name that Python in ${PYTHON}"


def network(seed: int) -> tuple[FixedPointModel, SpikeInput]:
    """Return a dense network whose arithmetic is exact on both sides, and spikes for it."""
    rng = np.random.default_rng(seed)
    layers = tuple(
        FixedPointLayer(
            w=rng.integers(-20, 30, (out, n_in)) * 2,
            w_bias=np.zeros((out, 0), int),
            vth=vth,
            du=4095,
            dv=0,
        )
        for n_in, out, vth in zip(SIZES[:-1], SIZES[1:], THRESHOLDS, strict=True)
    )
    spikes = rng.random((STEPS, 1, SIZES[0])) < 0.2
    return FixedPointModel(layers=layers, steps=STEPS), SpikeInput(spikes=spikes)


# any: JSON
def against_sanafe(seed: int) -> dict[str, Any]:
    """Run one network in both; return counts, and joules by cause with their ratios."""
    fixed, spikes = network(seed)
    operations = emulator.run(fixed, spikes).operations
    energy = estimate(operations, [1] * len(fixed.layers), SANAFE2025)
    given = {
        "spikes": spikes.spikes[:, 0].tolist(),
        "layers": [{"w": layer.w.tolist(), "threshold": layer.vth} for layer in fixed.layers],
    }
    program = [os.environ.get(PYTHON) or sys.executable, str(Path(sanafe_run.__file__))]
    process = subprocess.run(
        program, input=json.dumps(given), capture_output=True, text=True, timeout=_DEADLINE
    )
    if process.returncode:
        lines = process.stderr.strip().splitlines() or [str(process.returncode)]
        raise ValueError(f"SANA-FE failed: {lines[-1]}")
    theirs = json.loads(process.stdout)
    ours = {
        "synapse": energy.synaptic_operations,
        "soma": energy.neuron_updates + energy.spikes,
        "network": energy.messages,
        "total": energy.dynamic,
    }
    return {
        "how": "modelled, twice",
        "sizes": list(SIZES),
        "steps": STEPS,
        "spikes": operations.spikes.tolist(),
        "spikes_sanafe": theirs["spikes"],
        "synaptic_operations": int(operations.synaptic_operations.sum()),
        "synaptic_operations_sanafe": theirs["synaptic_operations"],
        "joules": {name: list(value) for name, value in ours.items()},
        "joules_sanafe": {name: theirs["energy"][name] for name in ours},
        # the middle of ours over theirs
        "ratios": {name: value.middle / theirs["energy"][name] for name, value in ours.items()},
        "seconds": list(energy.seconds),
        "seconds_sanafe": theirs["seconds"],
    }
