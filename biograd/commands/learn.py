"""Learn on the chip's terms: batch 1, online, integer weights, 7-bit traces, microcode sums of
products, sleep in between.

The emulator learns a whole data set and equals Lava's learning engine bit for bit. --target lava
runs the same learning in that engine for the first samples, and compares every weight and trace
after every sample. With --model a trained network goes on learning, also on a chip with --faults;
with --stream new-classes the classes come one after another, and nothing learned is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from .console import Console
from .helpers.flags import value_of
from .helpers.learn_settings import LearnSettings, preset_settings, stored_settings


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    run: Annotated[LearnSettings, tyro.conf.arg(name="")] = field(default_factory=LearnSettings)
    # emulator, or lava (Lava's learning engine beside the emulator, compared weight by weight)
    target: str = "emulator"
    # run folder; by default runs/learn
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    resume: bool = False  # go on with the learning in the folder, with its settings
    deadline: float = 3600.0  # seconds Lava may take
    json: bool = False  # print one JSON object as the last line of standard output


def defaults(arguments: list[str]) -> Args:
    """Return the defaults of the flags: with --resume those of the run in the folder."""
    out = value_of(arguments, "--out") or value_of(arguments, "-o") or "runs/learn"
    stored = stored_settings(Path(out)) if "--resume" in arguments else None
    return Args(run=stored or preset_settings(value_of(arguments, "--preset") or ""))


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Learn, evaluate, save."""
    # loads torch, which --help does not need
    from .work import class_stream, learn

    return class_stream.run(args, console) if args.run.stream else learn.run(args, console)
