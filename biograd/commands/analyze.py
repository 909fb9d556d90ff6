"""Analyse the population codes of a trained run, and what its spikes cost on a chip.

For each hidden layer: how well two classes are told apart (d'), with the correlations of the noise
and without, the angle between noise and signal, and the accuracy of a linear reader against the
neurons it reads. Then the energy of one test sample on Loihi 1, modelled: communication (spikes and
messages) against computation (synapses and neurons), beside the 35 : 1 of the human cortex.
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
    samples: int = 0  # test samples whose spikes are counted; 0: all
    neurons: int = 200  # at most so many active neurons of each layer, chosen at random
    skip_bad: bool = False  # leave out recordings that cannot be read, also where the run did not
    seed: int = 0  # of the neurons chosen, and of those that a linear reader reads
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Count spikes, and analyse them."""
    from .work import analyze  # loads torch, which --help does not need

    return analyze.run(args, console)
