"""Model files named on the command line: how to read one, and where its samples are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from hardware.border.files import read_model
from hardware.border.model import Model
from hardware.border.nir_foreign import Foreign

from ...runs.checkpoint import RunFolder
from .model_flags import ModelFlags

_FOREIGN = (
    "steps",
    "encoder",
    "dt",
    "w_in",
    "reset",
)  # flags that complete the file of another tool


def read_model_file(path: Path, flags: ModelFlags) -> Model:
    """Read a model file, BioGrad's own or, where --steps is given, another tool's.

    Raises: ValueError for flags of another tool's file with a file of BioGrad.
    """
    if not flags.steps:
        model = read_model(path)
        refuse_foreign_flags(path, flags, model.steps)
        return model
    foreign = Foreign(
        steps=flags.steps,
        encoder=flags.encoder,
        dt=flags.dt,
        w_in=flags.w_in,
        reset=flags.reset,
    )
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
