"""How fast the chip's integers are worked out: our emulator beside Lava's own simulation, on the
same network and digits.
"""

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

from .speed import SIZES, digits

STEPS = 10


def emulator_against_lava(*, samples: int = 2000, lava_samples: int = 100) -> dict[str, Any]:
    """Samples a second of both, each in one process, compiling apart; Lava's is None, with the
    reason, where there is no Lava.

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
    shown, few = SpikeInput(spikes=spikes), SpikeInput(spikes=spikes[:, :lava_samples])
    fixed = quantise(model, calibration=few)
    targets.run(fixed, few, "emulator")  # compiled
    ours = targets.run(fixed, shown, "emulator")
    results: dict[str, Any] = {
        "sizes": list(SIZES),
        "steps": STEPS,
        "samples": samples,
        "emulator_samples_per_second": samples / ours.seconds,
        "lava_samples_per_second": None,
    }
    try:
        lavas = targets.run(fixed, few, "lava", workers=1)
    except TargetError as error:
        return results | {"why_no_lava": str(error)}
    return results | {
        "lava_samples_per_second": lava_samples / lavas.seconds,
        "ratio_emulator_vs_lava": samples / ours.seconds / (lava_samples / lavas.seconds),
        "lava_mismatches": int((lavas.counts != ours.counts[:lava_samples]).any(axis=1).sum()),
    }
