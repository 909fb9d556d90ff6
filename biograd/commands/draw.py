"""Write one HTML page of a trained network: draw a digit and see every spike, both compartments,
the answer and its modelled joules.

The page works off-line, in any browser and on a phone; it computes in the chip's integers, as
`biograd deploy` does. --check 1000 runs that many test images through its JavaScript and through
the emulator, and refuses where a single spike differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from .console import Console
from .helpers.model_flags import ModelFlags


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    # run folder, its checkpoint, a file of biograd export, or another tool's NIR file
    run: tyro.conf.Positional[Path]
    # page to write; by default draw.html beside the model
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    # test images to run through the page's JavaScript (in Chromium, else Node.js) and the emulator;
    # 0: none
    check: int = 0
    file: Annotated[ModelFlags, tyro.conf.arg(name="")] = field(default_factory=ModelFlags)
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Write the page."""
    from .work import draw  # loads torch, which --help does not need

    return draw.run(args, console)
