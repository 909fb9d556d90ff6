"""Run a trained model on a target, in the chip's integers.

The emulator runs in this process and equals Lava's fixed-point simulation, spike for spike. With
--target lava that simulation runs too, in its own Python 3.10, and the samples on which the two
differ are counted. The NIR file may be another tool's (dense and convolutional layers, pools,
loops within a layer): give its --steps, and --dt, --w-in and --reset where the file does not say.
Files of lava-dl (*.net) hold integers already and run as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from hardware.border.faults import Faults

from .console import Console
from .helpers.model_flags import ModelFlags


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    # file of biograd export, run folder, its checkpoint, or another tool's NIR or netx file
    model: tyro.conf.Positional[Path]
    target: str = "emulator"  # emulator, or lava (Lava's CPU simulation)
    samples: int = 0  # test samples to run; 0: all (emulator), 200 (lava)
    # data set to run: mnist, fashion, cifar10, events-mnist-simulated, nmnist, shd, fsdd,
    # fsdd-george, fsdd-jackson, fsdd-lucas, fsdd-nicolas, fsdd-theo, fsdd-yweweler or
    # japanese-vowels, or your own samples, e.g. my.npz; by default the model's own, else mnist
    dataset: str = ""
    # spikes to run in place of a data set: an .npz with spikes [T, samples, inputs] of 0 and 1, and
    # perhaps labels
    spikes: Path | None = None
    # file for the answers: an .npz with counts [samples, classes] and the counts of operations
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    record: str = ""  # also written to --out, for every layer and step: some of u, v, s, e.g. s
    skip_bad: bool = False  # leave out recordings that cannot be read, and count them
    deadline: float = 600.0  # seconds the Lava simulation may take
    faults: Faults = field(default_factory=Faults)  # of neurons and synapses, in the emulator
    file: Annotated[ModelFlags, tyro.conf.arg(name="")] = field(default_factory=ModelFlags)
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Quantise, check every limit, run, compare."""
    from .work import deploy  # loads torch, which --help does not need

    return deploy.run(args, console)
