"""Write a trained run as a file for other tools.

nir: a graph of standard nodes that any NIR tool runs, the rest metadata. netx: the chip's integers
as lava-dl reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from .console import Console


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    run: tyro.conf.Positional[Path]  # run folder, or a file in it
    format: Literal["nir", "netx"] = "nir"  # of the file
    # file to write; by default RUN/model.nir or RUN/model.net
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    skip_bad: bool = False  # leave out recordings that cannot be read, also where the run did not
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Export the run's checkpoint."""
    from .work import export  # loads torch, which --help does not need

    return export.run(args, console)
