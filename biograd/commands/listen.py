"""Let a trained run listen to a wav file, chunk by chunk, and print its answer when it changes.

Each chunk goes through filter bank, coding and network with the state that the chunks before left,
as those of a microphone would.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from .console import Console


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    run: tyro.conf.Positional[Path]  # run folder, or a file in it
    sound: tyro.conf.Positional[Path]  # wav file
    chunk_ms: float = 50.0  # length of a chunk, milliseconds
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Listen to the file."""
    from .work import listen  # loads torch, which --help does not need

    return listen.run(args, console)
