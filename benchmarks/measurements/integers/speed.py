"""Speed of the chip's integers: our emulator and Lava's simulation on the same digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from biograd.feedback import RandomDFA
from biograd.interop.nir import to_model
from biograd.network import Network
from hardware import targets
from hardware.border.model import SpikeInput
from hardware.fixed_point import quantise
from hardware.lava_process import TargetError

from ..speed import SIZES, digits

STEPS = 10


# any: JSON
def emulator_against_lava(*, samples: int = 2000, lava_samples: int = 100) -> dict[str, Any]:
    """Return samples per second of both, each in one process, without compilation.

    Lava's is None, with the reason, where there is no Lava.

    Args:
        samples: digits that the emulator runs.
        lava_samples: the first of them, which Lava runs too.
    """
    net = Network(SIZES, generator=torch.Generator().manual_seed(0))
    model = to_model(
        net,
        RandomDFA(net, generator=torch.Generator().manual_seed(1)),
        steps=STEPS,
        encoder="integrate_and_fire",
        info={},
    )
    spikes = digits(samples, STEPS)[0].numpy().astype(np.uint8)
    every, few = SpikeInput(spikes=spikes), SpikeInput(spikes=spikes[:, :lava_samples])
    fixed = quantise(model, calibration=few)
    targets.run(fixed, few, "emulator")  # compiles
    emulated = targets.run(fixed, every, "emulator")
    results: dict[str, Any] = {
        "sizes": list(SIZES),
        "steps": STEPS,
        "samples": samples,
        "emulator_samples_per_second": samples / emulated.seconds,
        "lava_samples_per_second": None,
    }
    try:
        by_lava = targets.run(fixed, few, "lava", workers=1)
    except TargetError as error:
        return results | {"why_no_lava": str(error)}
    differ = (by_lava.counts != emulated.counts[:lava_samples]).any(axis=1)
    return results | {
        "lava_samples_per_second": lava_samples / by_lava.seconds,
        "ratio_emulator_vs_lava": samples / emulated.seconds / (lava_samples / by_lava.seconds),
        "lava_mismatches": int(differ.sum()),
    }
