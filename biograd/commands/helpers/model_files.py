"""Model files named on the command line: how to read one, and where its samples are."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hardware.border.files import read_model
from hardware.border.model import Model
from hardware.border.nir_foreign import Foreign

from ...runs.checkpoint import RunFolder

_FOREIGN = ("steps", "encoder", "dt", "w_in")  # flags that complete the file of another tool


@dataclass(frozen=True, kw_only=True)
class ModelFlags:
    """Flags of every command that runs a model file; `steps`, `encoder`, `dt` and `w_in` complete
    the file of another tool.
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


def read_model_file(path: Path, flags: ModelFlags) -> Model:
    """Read a model file, BioGrad's own or, where --steps is given, another tool's.

    Raises: ValueError for flags of another tool's file with a file of BioGrad.
    """
    if not flags.steps:
        model = read_model(path)
        refuse_foreign_flags(path, flags, model.steps)
        return model
    foreign = Foreign(steps=flags.steps, encoder=flags.encoder, dt=flags.dt, w_in=flags.w_in)
    model = read_model(path, foreign=foreign)
    if "read_from" not in model.info:
        refuse_foreign_flags(path, flags, model.steps)
    return model


def refuse_foreign_flags(path: Path, flags: ModelFlags, steps: int) -> None:
    """Raise ValueError where flags that complete another tool's file are given for BioGrad's."""
    for field in dataclasses.fields(flags):
        if field.name in _FOREIGN and getattr(flags, field.name) != field.default:
            raise ValueError(
                f"{path} is of BioGrad, which says itself how samples are shown (T = {steps}):"
                f" leave --{field.name.replace('_', '-')} out"
            )


def data_root(folder: RunFolder, flags: ModelFlags) -> str | Path | None:
    """Return the folder of the data sets: the one named, else the run's, else None (the usual)."""
    if flags.data_folder:
        return flags.data_folder
    return (folder.read_config().data_folder or None) if folder.holds_run() else None
