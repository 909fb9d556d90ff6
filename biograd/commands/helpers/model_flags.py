"""Flags of the commands that run a model file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ModelFlags:
    """Flags of every command that runs a model file; `steps`, `encoder`, `dt`, `w_in` and `reset`
    complete the file of another tool.
    """

    weight_bits: int = 8  # bits per weight on the chip: 2 to 6, or 8
    # weights beyond a percentile of each layer are clipped, so that a few large ones do not round
    # the others to 0: none, auto (a percentile chosen on training samples), or a percentile, e.g.
    # 99.9
    clip: str = "none"
    # folder of the data sets; by default the run's, else the usual one
    data_folder: Path | None = None
    steps: int = 0  # for another tool's file: time steps per sample
    encoder: str = "integrate_and_fire"  # for another tool's file: how images become spikes
    # for another tool's file: seconds per step, where its constants do not say
    dt: float | None = None
    # for another tool's file: what a CubaLIF's w_in means, NIR's equation (euler) or Norse's jump
    w_in: Literal["euler", "jump"] | None = None
    # for another tool's file: what its neurons do after a spike, which NIR does not say; by default
    # zero, with a note
    reset: Literal["zero", "subtract", "subtract_late", "none"] | None = None
