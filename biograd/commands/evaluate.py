"""Measure a trained run on its test samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro

from hardware.border.faults import Faults

from .console import Console


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    run: tyro.conf.Positional[Path]  # run folder, or a file in it
    skip_bad: bool = False  # leave out recordings that cannot be read, also where the run did not
    faults: Faults = field(default_factory=Faults)  # of neurons and synapses
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Evaluate the run's checkpoint."""
    from .work import evaluate  # loads torch, which --help does not need

    return evaluate.run(args, console)
